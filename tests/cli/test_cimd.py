"""`fastmcp auth cimd`: the document of a client, written, fetched and judged."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from fastmcp.cli.cimd import complaints
from tests.cli.conftest import Command
from tests.client.auth.authority import redirect
from tests.support.loopback import served

URL = "https://app.example.com/client.json"
GOOD: dict[str, Any] = {
    "client_id": URL,
    "client_name": "App",
    "redirect_uris": ["http://localhost:3000/callback"],
    "token_endpoint_auth_method": "none",
}


def test_a_document_is_written(fastmcp: Command, tmp_path: Path):
    done = fastmcp(
        *("auth", "cimd", "create", "--name", "My App", "-r", "http://localhost:3000/callback"),
        *("--redirect-uri", "https://app.example.com/back", "--client-id", URL),
        *("--scope", "read write", "-o", tmp_path / "made" / "client.json"),
    )
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "made" / "client.json").read_text())
    assert document["client_id"] == URL
    assert document["client_name"] == "My App"
    assert document["redirect_uris"] == [
        "http://localhost:3000/callback",
        "https://app.example.com/back",
    ]
    assert document["grant_types"] == ["authorization_code", "refresh_token"]
    assert document["application_type"] == "native"
    assert document["scope"] == "read write"
    assert list(complaints(document, URL)) == []


def test_without_an_id_it_says_what_is_missing(fastmcp: Command):
    done = fastmcp("auth", "cimd", "create", "--name", "App", "-r", "http://127.0.0.1/callback")
    assert json.loads(done.stdout)["client_name"] == "App"
    assert "--client-id" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--client-id", "http://app.example.com/c.json"], "no https address"),
        (["--client-id", "https://app.example.com"], "needs a path"),
        (["-r", "http://evil.example/callback"], "no address for answers"),
        (["-r", "javascript:alert(1)"], "no address for answers"),
        (["-r", "https://[::1/callback"], "no address for answers"),
        (["--client-id", "https://[::1/c.json"], "no http or https URL"),
    ],
)
def test_what_cannot_be_is_not_written(fastmcp: Command, words: list[str], said: str):
    done = fastmcp(
        "auth", "cimd", "create", "--name", "App", "-r", "http://localhost/callback", *words
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        ({"redirect_uris": ["com.example.app:/callback"]}, None),
        ({"client_id": URL + "/"}, "letter by letter"),
        ({"client_name": " "}, "client_name"),
        ({"redirect_uris": []}, "redirect_uris"),
        ({"redirect_uris": ["https://a.example/#part"]}, "no address"),
        ({"token_endpoint_auth_method": "client_secret_post"}, "no secret"),
        ({"client_secret": "s3cret"}, "no secret"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "jwks"),
        ({"grant_types": ["client_credentials"]}, "grant_types"),
    ],
)
def test_what_is_wrong(changes: dict[str, Any], said: str | None):
    found = " ".join(complaints({**GOOD, **changes}, URL))
    assert found == "" if said is None else said in found
    assert "s3cret" not in found


async def test_a_document_is_fetched_and_judged(fastmcp: Command):
    async def handle(request: web.Request) -> web.StreamResponse:
        url = f"http://{request.host}{request.path}"
        if request.path == "/moved.json":
            return redirect("/good.json")
        if request.path == "/large.json":  # though its JSON is small
            return web.Response(text=json.dumps({**GOOD, "client_id": url}) + " " * 6000)
        if request.path == "/none.json":
            return web.Response(text="<html>")
        named = url if request.path == "/good.json" else URL
        return web.json_response({**GOOD, "client_id": named})

    app = web.Application()
    app.router.add_get("/{tail:.*}", handle)
    async with served(app) as origin:
        for path, code, said in (
            ("good.json", 0, "is right"),
            ("other.json", 1, "letter by letter"),
            ("moved.json", 1, "redirects"),
            ("none.json", 1, "no JSON"),
            ("large.json", 1, "need not read more"),
        ):
            words = ("auth", "cimd", "validate", f"{origin}/{path}")
            done = await asyncio.to_thread(fastmcp, *words)
            assert done.returncode == code, done.stderr
            assert said in done.stdout + done.stderr
            assert "Traceback" not in done.stderr
