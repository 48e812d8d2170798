"""The token that calls of a protected server bring, and the key that it is verified with."""

from __future__ import annotations

import os
from functools import cache

from fastmcp.server.auth.providers.jwt import RSAKeyPair

ISSUER = "https://issuer.example"
AUDIENCE = "bench"
PUBLIC_KEY = "BENCH_PUBLIC_KEY"
"""The environment variable in which servers find it."""


@cache
def token() -> str:
    """A token that is good for an hour. Its key goes into the environment of the servers."""
    pair = RSAKeyPair.generate()
    os.environ[PUBLIC_KEY] = pair.public_key
    return pair.create_token("ada", ISSUER, AUDIENCE, ["call"])
