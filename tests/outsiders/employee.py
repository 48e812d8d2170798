"""FastMCP 4's client with the official SDK's part for enterprise-managed authorization:
`python employee.py URL ISSUER IDENTITY_PROVIDER CLIENT SECRET`."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import httpx2
from mcp.client.auth.extensions.identity_assertion import IdentityAssertionOAuthProvider

from fastmcp import Client


class Memory:
    def __init__(self) -> None:
        self.tokens: Any = None

    async def get_tokens(self) -> Any:
        return self.tokens

    async def set_tokens(self, tokens: Any) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> Any:
        return None

    async def set_client_info(self, client_info: Any) -> None:
        return None


async def main(url: str, issuer: str, identity_provider: str, client: str, secret: str) -> None:
    async def assertion(audience: str, resource: str) -> str:
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "requested_token_type": "urn:ietf:params:oauth:token-type:id-jag",
            "audience": audience,
            "resource": resource,
            "subject_token": "the login of ann",
            "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
        }
        async with httpx2.AsyncClient() as http:
            answer = await http.post(f"{identity_provider}/token", data=form)
        return answer.json()["access_token"]

    auth = IdentityAssertionOAuthProvider(
        url, Memory(), client, secret, issuer, assertion, scope="read"
    )
    async with Client(url, auth=auth) as connected:
        said = [(await connected.call_tool("who")).data for _ in range(2)]
    print(json.dumps(said))


asyncio.run(main(*sys.argv[1:]))
