"""Requests as a person types them: the real `curl` where there is one, `http.client` elsewhere."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

SECONDS = 20


@dataclass(frozen=True)
class Reply:
    """Status, headers (names in lower case) and body of one answer."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def message(self) -> Any:
        """The JSON-RPC message of the body: the body itself, or its only `data:` event."""
        if self.headers.get("content-type", "").startswith("text/event-stream"):
            data = [line[5:] for line in self.body.splitlines() if line.startswith("data:")]
            messages = [json.loads(text) for text in data if text.strip()]
            assert len(messages) == 1, self.body
            return messages[0]
        return json.loads(self.body)


def curl(
    url: str, *, verb: str = "POST", headers: dict[str, str] | None = None, body: Any = None
) -> Reply:
    """One request with just these headers; redirects are not followed.

    Args:
        url: of the endpoint.
        verb: HTTP method.
        headers: as written on the command line.
        body: a JSON value, or a str or bytes sent as it is.
    """
    if body is not None and not isinstance(body, str | bytes):
        body = json.dumps(body)
    data = body.encode() if isinstance(body, str) else body
    if shutil.which("curl") is None:
        return _plain(url, verb, headers or {}, data)
    command = ["curl", "--silent", "--show-error", "--include", "--noproxy", "*"]
    command += ["--max-time", str(SECONDS), "--request", verb, url]
    for name, value in (headers or {}).items():
        command += ["--header", f"{name}: {value}"]
    if data is not None:
        command += ["--data-binary", "@-"]
    done = subprocess.run(command, input=data or b"", capture_output=True, timeout=SECONDS + 5)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    raw = done.stdout
    while True:
        head, _, raw = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(first.split()[1])
        if status >= 200:  # not the answer to `Expect: 100-continue`
            break
    parsed = dict(line.split(": ", 1) for line in lines if ": " in line)
    return Reply(status, {k.lower(): v for k, v in parsed.items()}, raw.decode())


def _plain(url: str, verb: str, headers: dict[str, str], data: bytes | None) -> Reply:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=SECONDS)
    try:
        connection.request(verb, parts.path, data, {"Accept": "*/*", **headers})
        response = connection.getresponse()
        read = response.read().decode()
        return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, read)
    finally:
        connection.close()
