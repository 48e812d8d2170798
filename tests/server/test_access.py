"""A session belongs to the principal it began with, whoever authenticated him."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    SimpleUser,
    UnauthenticatedUser,
)
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware

from fastmcp import FastMCP
from fastmcp.server.access import owner_of
from tests.support.asgi import Peer


class Identified(SimpleUser):
    @property
    def identity(self) -> str:
        return f"id of {self.username}"


class Basic(AuthenticationBackend):
    """RFC 7617, without a password."""

    async def authenticate(self, conn: Any) -> Any:
        given = conn.headers.get("authorization")
        if given is None:
            return None
        name = base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")[0]
        return AuthCredentials(["authenticated"]), Identified(name)


def as_user(name: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:".encode()).decode()}


def test_who_is_the_owner():
    assert owner_of({}) == owner_of({"user": UnauthenticatedUser()}) == ""
    ann, bob = owner_of({"user": SimpleUser("ann")}), owner_of({"user": SimpleUser("bob")})
    assert "" != ann != bob != ""
    assert owner_of({"user": Identified("ann")}) != ann
    assert "ann" not in ann


@pytest.mark.parametrize("stranger", [as_user("bob"), {}])
async def test_a_session_is_nobody_elses(stranger: dict[str, str]):
    mcp = FastMCP("mine")

    @mcp.tool
    async def hello() -> str:
        return "hello"

    app = mcp.http_app(middleware=[Middleware(AuthenticationMiddleware, backend=Basic())])
    ann = Peer(app, headers=as_user("ann"))
    await ann.open()
    assert (await ann.call("hello")).text == "hello"
    theirs = {k: v for k, v in ann.standard_headers().items() if k != "authorization"}
    unknown = {**theirs, "mcp-session-id": "unknown"}
    for verb, body in (
        ("POST", b'{"jsonrpc":"2.0","id":1,"method":"ping"}'),
        ("GET", b""),
        ("DELETE", b""),
    ):
        refused = await ann.send(verb, body, {**theirs, **stranger}).done()
        nobody = await ann.send(verb, body, {**unknown, **stranger}).done()
        assert refused.status == nobody.status == 404
        assert refused.body == nobody.body  # a stranger learns nothing
    assert (await ann.call("hello")).text == "hello"
