"""A server with users of its own, who log in at a page of its own and then decide who may come for
them: `python login_server.py PORT [AUTHORITY]`.

AUTHORITY is the file of a certificate authority by which clients that are a URL of this machine are
known; without it such a client is none.
"""

from __future__ import annotations

import secrets
import ssl
import sys
from html import escape
from urllib.parse import parse_qs, urlencode

import uvicorn
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from fastmcp import FastMCP
from fastmcp.server.auth import ClientRegistrationOptions, StoredOAuthProvider, Subject
from fastmcp.server.auth.fetching import Fetcher
from fastmcp.server.dependencies import get_access_token

USERS = {"ada": "Ada Lovelace", "bob": "Bob"}
port = int(sys.argv[1])
base_url = f"http://127.0.0.1:{port}"
logged_in: dict[str, str] = {}


class Login(StoredOAuthProvider):
    async def authenticate(self, request: Request) -> Subject | Response:
        user = logged_in.get(request.cookies.get("session", ""))
        if user is None:
            return RedirectResponse("/login?" + urlencode({"next": str(request.url)}))
        return Subject(user, USERS[user])


fetcher = None
if len(sys.argv) > 2:
    fetcher = Fetcher(loopback=True, tls=ssl.create_default_context(cafile=sys.argv[2]))
auth = Login(
    base_url=base_url,
    required_scopes=["read"],
    client_registration_options=ClientRegistrationOptions(enabled=True, valid_scopes=["read"]),
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


uvicorn.run(mcp.http_app(), host="127.0.0.1", port=port, log_level="info")
