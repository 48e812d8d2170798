"""All readers: the one list, for `make test` and for `make fuzz`."""

from __future__ import annotations

from tests.fuzz import (
    of_client,
    of_endpoint,
    of_files,
    of_oauth,
    of_pipe,
    of_protocol,
    of_workers,
)
from tests.fuzz.reader import Reader

READERS: tuple[Reader, ...] = (
    *of_protocol.READERS,
    *of_endpoint.READERS,
    *of_pipe.READERS,
    *of_oauth.READERS,
    *of_client.READERS,
    *of_files.READERS,
    *of_workers.READERS,
)

BY_NAME: dict[str, Reader] = {reader.name: reader for reader in READERS}
