"""G1 to G4 and G6: serving, and a client that is nothing but curl."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

import fastmcp
from tests.guide.listings import HELLO, INITIALIZE, JSON, copy, open_session, says_hello
from tests.support.curl import curl
from tests.support.process import Server, eventually, serve, uvicorn

FASTMCP = Path(sys.executable).with_name("fastmcp")


def run_listing(name: str, folder: Path, path: str = "/mcp"):
    """`python LISTING`, as the guide says."""
    return serve(lambda port: [sys.executable, copy(name, folder, port)], path=path)


def test_g1_minimal_server_and_g6_plain_client(tmp_path: Path) -> None:
    with run_listing("g01_server.py", tmp_path) as server:
        assert server.url.endswith("/mcp")
        headers = open_session(server.url)
        assert says_hello(curl(server.url, headers=headers, body=HELLO))


@pytest.mark.parametrize("path", ["/api/mcp/", "/api/mcp"])
def test_g2_path_in_run(tmp_path: Path, path: str) -> None:
    with run_listing("g02_path_run.py", tmp_path, path) as server:
        headers = open_session(server.url)
        assert says_hello(curl(server.url, headers=headers, body=HELLO))


def test_g2_path_in_http_app(tmp_path: Path) -> None:
    copy("g02_path_app.py", tmp_path)
    with serve(uvicorn("g02_path_app:app"), cwd=tmp_path, path="/api/mcp/") as server:
        for url in (server.url, server.url.rstrip("/")):
            headers = open_session(url)
            assert says_hello(curl(url, headers=headers, body=HELLO))
        elsewhere = server.url.replace("/api/mcp/", "/mcp")
        assert curl(elsewhere, headers=JSON, body=INITIALIZE).status == 404


@pytest.mark.timeout(90)
async def test_g3_reload(tmp_path: Path) -> None:
    source = copy("g01_server.py", tmp_path)

    def command(port: int) -> list[str]:
        return [str(FASTMCP), "run", str(source), "--transport", "http", "--port", str(port),
                "--reload"]  # fmt: skip

    with serve(command, cwd=tmp_path) as server:
        headers = open_session(server.url)
        assert says_hello(curl(server.url, headers=headers, body=HELLO))
        async with fastmcp.Client(server.url, mode="legacy") as connected:
            assert (await connected.call_tool("hello", {"name": "world"})).data == "Hello, world!"
            source.write_text(source.read_text().replace("Hello,", "Good morning,"))
            # In a thread, so that the connected client lives on meanwhile.
            await asyncio.to_thread(
                eventually, lambda: greets(server, "Good morning, world!"), 15, "the edit is live"
            )
            # The client that was connected all the time goes on, and so does the plain one.
            result = await connected.call_tool("hello", {"name": "again"})
            assert result.data == "Good morning, again!"
        again = curl(server.url, headers=headers, body=HELLO)
        assert again.message["result"]["content"][0]["text"] == "Good morning, world!"


def greets(server: Server, text: str) -> bool:
    """Whether a new client is greeted like that; False too while nothing answers."""
    try:
        headers = open_session(server.url)
        reply = curl(server.url, headers=headers, body=HELLO)
    except (AssertionError, OSError):
        return False
    return reply.status == 200 and reply.message["result"]["content"][0]["text"] == text


@pytest.mark.parametrize(
    ("module", "path"),
    [
        ("g04_app", "/mcp"),
        ("g04_in_fastapi", "/tools/mcp"),
        ("g04_in_fastapi", "/tools/mcp/"),
        ("g04_in_starlette", "/deep/tools/mcp"),
        ("g04_in_starlette", "/deep/tools/mcp/"),
    ],
)
def test_g4_application(tmp_path: Path, module: str, path: str) -> None:
    copy("g04_app.py", tmp_path)
    copy(f"{module}.py", tmp_path)
    with serve(uvicorn(f"{module}:app"), cwd=tmp_path, path=path) as server:
        headers = open_session(server.url)
        assert says_hello(curl(server.url, headers=headers, body=HELLO))
        if module != "g04_app":
            health = f"http://127.0.0.1:{server.port}/health"
            assert curl(health, verb="GET").status == 200


def test_g4_is_a_starlette_application() -> None:
    from starlette.applications import Starlette

    from fastmcp import FastMCP

    assert isinstance(FastMCP("x").http_app(), Starlette)


def test_g4_in_a_parent_that_forgot_the_lifespan(tmp_path: Path) -> None:
    """It works all the same, or says in one sentence what to write."""
    copy("g04_app.py", tmp_path)
    copy("g04_without_lifespan.py", tmp_path)
    with serve(uvicorn("g04_without_lifespan:app"), cwd=tmp_path, path="/tools/mcp") as server:
        reply = curl(server.url, headers=JSON, body=INITIALIZE)
        if reply.status == 200:
            headers = open_session(server.url)
            assert says_hello(curl(server.url, headers=headers, body=HELLO))
        else:
            assert "lifespan" in reply.body
            assert "Traceback" not in reply.body
