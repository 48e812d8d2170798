"""What the tests of the proxy stand before."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from tests.server.auth.oauth_proxy.elsewhere import Elsewhere, elsewhere


@pytest.fixture
async def there() -> AsyncGenerator[Elsewhere]:
    """A provider elsewhere."""
    async with elsewhere() as server:
        yield server
