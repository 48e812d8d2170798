"""A server of the official Python SDK that gives out its own tokens, as its authors ask of users:
`python sdk_authority.py PORT`, with version 1 or 2 of the SDK.

A person is asked on a page of its own. `POST /ended?what=access` ends every access token as time
does, `what=all` takes everything back that was granted; the answer is how many clients registered.
"""

from __future__ import annotations

import html
import secrets
import sys
import time
from typing import Any

import uvicorn
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions, RevocationOptions
from mcp.shared.auth import OAuthToken
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

try:
    from mcp.server.mcpserver import MCPServer
except ImportError:
    from mcp.server.fastmcp import FastMCP as MCPServer

port = int(sys.argv[1])
here = f"http://127.0.0.1:{port}"
HOUR = 3600


class Grants:
    """Everything that was granted, in memory."""

    def __init__(self) -> None:
        self.clients: dict[str, Any] = {}
        self.asked: dict[str, Any] = {}
        self.codes: dict[str, AuthorizationCode] = {}
        self.access: dict[str, AccessToken] = {}
        self.refresh: dict[str, RefreshToken] = {}

    async def get_client(self, client_id: str) -> Any:
        return self.clients.get(client_id)

    async def register_client(self, client_info: Any) -> None:
        self.clients[client_info.client_id] = client_info

    async def authorize(self, client: Any, params: Any) -> str:
        ticket = secrets.token_hex(16)
        self.asked[ticket] = client, params
        return f"{here}/page?ticket={ticket}"

    def decided(self, ticket: str, decision: str) -> str:
        """Where the person's answer goes."""
        client, params = self.asked.pop(ticket)
        uri = str(params.redirect_uri)
        if decision != "approve":
            return construct_redirect_uri(uri, error="access_denied", state=params.state)
        code = AuthorizationCode(
            code=secrets.token_hex(20),
            scopes=params.scopes or [],
            expires_at=time.time() + HOUR,
            client_id=client.client_id,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
        )
        self.codes[code.code] = code
        return construct_redirect_uri(uri, code=code.code, state=params.state)

    async def load_authorization_code(self, client: Any, authorization_code: str) -> Any:
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(self, client: Any, authorization_code: Any) -> OAuthToken:
        del self.codes[authorization_code.code]
        return self._granted(client, authorization_code.scopes, authorization_code.resource)

    async def load_refresh_token(self, client: Any, refresh_token: str) -> Any:
        return self.refresh.get(refresh_token)

    async def exchange_refresh_token(self, client: Any, refresh_token: Any, scopes: Any) -> Any:
        del self.refresh[refresh_token.token]
        return self._granted(client, scopes, f"{here}/mcp")

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self.access.get(token)

    async def revoke_token(self, token: Any) -> None:
        self.access.clear()
        self.refresh.clear()

    def _granted(self, client: Any, scopes: list[str], resource: str | None) -> OAuthToken:
        what: dict[str, Any] = {"client_id": client.client_id, "scopes": scopes}
        access = AccessToken(
            token=secrets.token_hex(20),
            expires_at=int(time.time()) + HOUR,
            resource=resource,
            subject="ada",
            **what,
        )
        refresh = RefreshToken(token=secrets.token_hex(20), **what)
        self.access[access.token] = access
        self.refresh[refresh.token] = refresh
        return OAuthToken(
            access_token=access.token,
            expires_in=HOUR,
            scope=" ".join(scopes),
            refresh_token=refresh.token,
        )


grants = Grants()
mcp = MCPServer(
    "stranger",
    auth_server_provider=grants,
    auth=AuthSettings(
        issuer_url=here,
        resource_server_url=f"{here}/mcp",
        required_scopes=["read"],
        validate_token_resource=True,
        client_registration_options=ClientRegistrationOptions(
            enabled=True, valid_scopes=["read"], default_scopes=["read"]
        ),
        revocation_options=RevocationOptions(enabled=True),
    ),
)


@mcp.custom_route("/page", methods=["GET", "POST"])
async def page(request: Request) -> Response:
    """Asks the person."""
    ticket = request.query_params["ticket"]
    if request.method == "POST":
        decision = (await request.body()).decode().removeprefix("decision=")
        return RedirectResponse(grants.decided(ticket, decision), 303)
    name = html.escape(str(grants.asked[ticket][0].client_name))
    buttons = "".join(
        f'<button name="decision" value="{value}">{value}</button>' for value in ("approve", "deny")
    )
    return HTMLResponse(f'<main>{name}?<form method="post">{buttons}</form></main>')


@mcp.custom_route("/ended", methods=["POST"])
async def ended(request: Request) -> Response:
    """Ends what was granted."""
    registered = str(len(grants.clients))
    if request.query_params["what"] == "access":
        for token in grants.access.values():
            token.expires_at = int(time.time()) - 1
    else:
        await grants.revoke_token(None)
    return PlainTextResponse(registered)


@mcp.tool()
def who() -> str:
    """Whose the token is."""
    token = get_access_token()
    return "nobody" if token is None else f"{token.subject}: {' '.join(token.scopes)}"


uvicorn.run(mcp.streamable_http_app(), host="127.0.0.1", port=port, log_level="warning")
