"""A server with users of its own, who log in at a page of its own and then decide who may come for
them: `python login_server.py PORT`. Public API alone.
"""

from __future__ import annotations

import argparse
import secrets
import ssl
from html import escape
from urllib.parse import parse_qs, urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount

from fastmcp import FastMCP
from fastmcp.server.auth import ClientRegistrationOptions, StoredOAuthProvider, Subject
from fastmcp.server.auth.fetching import Fetcher
from fastmcp.server.dependencies import get_access_token

USERS = {"ada": "Ada Lovelace", "bob": "Bob"}
parser = argparse.ArgumentParser()
parser.add_argument("port", type=int)
parser.add_argument("--authority", help="a file: clients at addresses of this machine show its TLS")
parser.add_argument("--lifetime", type=int, default=3600, help="of access tokens, in seconds")
parser.add_argument("--below", default="", help="a path of another application that it is part of")
given = parser.parse_args()
base_url = f"http://127.0.0.1:{given.port}{given.below}"
logged_in: dict[str, str] = {}


class Login(StoredOAuthProvider):
    async def authenticate(self, request: Request) -> Subject | Response:
        user = logged_in.get(request.cookies.get("session", ""))
        if user is None:
            return RedirectResponse(f"{base_url}/login?" + urlencode({"next": str(request.url)}))
        return Subject(user, USERS[user])


fetcher = None
if given.authority:
    fetcher = Fetcher(loopback=True, tls=ssl.create_default_context(cafile=given.authority))
auth = Login(
    base_url=base_url,
    required_scopes=["read"],
    client_registration_options=ClientRegistrationOptions(enabled=True, valid_scopes=["read"]),
    access_token_expiry_seconds=given.lifetime,
    fetcher=fetcher,
)
mcp = FastMCP("users", auth=auth)


@mcp.custom_route("/login", methods=["GET", "POST"])
async def login(request: Request) -> Response:
    """Everybody is believed."""
    after = request.query_params["next"]
    assert after.startswith(f"{base_url}/")
    if request.method == "POST":
        (user,) = parse_qs((await request.body()).decode())["user"]
        session = secrets.token_urlsafe()
        logged_in[session] = user
        answer = RedirectResponse(after, 303)
        answer.set_cookie("session", session, httponly=True, samesite="lax")
        return answer
    buttons = "".join(
        f'<button name="user" value="{user}">{escape(name)}</button>'
        for user, name in USERS.items()
    )
    return HTMLResponse(f'<title>Who are you?</title><form method="post">{buttons}</form>')


@mcp.tool
def who() -> str:
    """Whose the token is."""
    token = get_access_token()
    return "nobody" if token is None else f"{token.subject}: {' '.join(token.scopes)}"


@mcp.tool
async def grow() -> str:
    """Adds a tool."""
    mcp.add_tool(grown)
    return "grown"


def grown() -> str:
    """A tool."""
    return "grown"


app = mcp.http_app()
if given.below:
    app = Starlette(
        routes=[*auth.get_well_known_routes("/mcp"), Mount(given.below, app)], lifespan=app.lifespan
    )
uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="info")
