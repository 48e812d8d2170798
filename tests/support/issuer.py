"""An issuer of tokens on the loopback interface: its keys, its introspection, and what it is asked.

Everything it answers can be changed while it runs: other keys, an error, silence.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from tests.support.loopback import served

ISSUER = "https://issuer.example"
AUDIENCE = "https://mcp.example/mcp"


def encoded(value: Any) -> str:
    """JSON, or bytes, as a part of a token."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(
    key: Key,
    algorithm: str,
    claims: dict[str, Any] | bytes | None = None,
    header: dict[str, Any] | None = None,
    **more: Any,
) -> str:
    """A token: good claims for `ISSUER` and `AUDIENCE`, unless other ones are given.

    Args:
        key: of joserfc, with its private half.
        algorithm: `alg`.
        claims: instead of the good ones; bytes as they are.
        header: beside `alg`, or instead of it.
        more: claims beside those, None to leave one out.
    """
    payload: Any = claims
    if not isinstance(claims, bytes):
        now = int(time.time())
        good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + 600}
        whole = {**(good if claims is None else claims), **more}
        payload = {name: value for name, value in whole.items() if value is not None}
    text = f"{encoded({'alg': algorithm, **(header or {})})}.{encoded(payload)}"
    model = JWSRegistry.algorithms[algorithm]
    return f"{text}.{encoded(model.sign(text.encode(), key))}"


def new_key(kind: str, detail: Any = None) -> Key:
    """A key: RSA by bits, EC and OKP by curve, oct by bits."""
    made: dict[str, Any] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey, "oct": OctKey}
    return made[kind].generate_key(detail) if detail else made[kind].generate_key()


def published(key: Key, kid: str | None = None, **more: Any) -> dict[str, Any]:
    """The public half, as an entry of a key set."""
    return {**key.as_dict(private=False), **({} if kid is None else {"kid": kid}), **more}


class Issuer:
    """What it answers, and what it was asked.

    Attributes:
        keys: entries of its key set.
        active: what it says of tokens it was given, by token.
        body: instead of all that.
        status: of its answers.
        headers: beside the usual ones of its answers.
        asked: paths it was asked, in order.
        requests: their headers and bodies.
        open: it answers while this is set.
        dropping: how many connections it closes without an answer.
    """

    def __init__(self) -> None:
        self.url = ""
        self.keys: list[dict[str, Any]] = []
        self.active: dict[str, dict[str, Any]] = {}
        self.body: bytes | None = None
        self.status = 200
        self.headers: dict[str, str] = {}
        self.asked: list[str] = []
        self.requests: list[tuple[dict[str, str], str]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.begun = asyncio.Event()
        self.dropping = 0

    @property
    def jwks_uri(self) -> str:
        return f"{self.url}/jwks"

    @property
    def introspection_url(self) -> str:
        return f"{self.url}/introspect"

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        self.requests.append((dict(request.headers), await request.text()))
        self.begun.set()
        if self.dropping > 0:
            self.dropping -= 1
            assert request.transport is not None
            request.transport.close()
        await self.open.wait()
        body = self.body
        if body is None and request.path == "/jwks":
            body = json.dumps({"keys": self.keys}).encode()
        elif body is None:
            token = (await request.post()).get("token")
            body = json.dumps(self.active.get(str(token), {"active": False})).encode()
        return web.Response(
            body=body,
            status=self.status,
            headers={"Content-Type": "application/json"} | self.headers,
        )

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Issuer]:
        app = web.Application()
        app.router.add_route("*", "/{any:.*}", self._answer)
        async with served(app) as url:
            self.url = url
            yield self
            self.open.set()
