"""G13 to G15: four workers, with sessions and without. Any of them answers; each asks who comes."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from tests.guide.listings import HELLO, INITIALIZE, JSON, copy, open_session, says_hello
from tests.support.curl import curl
from tests.support.process import Server, serve, uvicorn

WORKER = HELLO | {"id": 3, "params": {"name": "worker", "arguments": {}}}
ENOUGH = 100
"""Calls after which a single worker would have had all of them by chance with p < 1e-50."""


def workers_seen(server: Server, headers: dict[str, str]) -> set[int]:
    """Calls, each on a connection of its own, until two workers answered; all must succeed."""
    seen: set[int] = set()
    for _ in range(ENOUGH):
        reply = curl(server.url, headers=headers, body=WORKER)
        assert reply.status == 200, reply
        seen.add(reply.message["result"]["structuredContent"]["result"])
        if len(seen) > 1:
            break
    return seen


@pytest.mark.parametrize("how", ["environment", "code"])
def test_g14_stateless(tmp_path: Path, how: str) -> None:
    copy("g14_workers.py", tmp_path)
    copy("g14_in_code.py", tmp_path)
    app, env = "g14_in_code:app", dict(os.environ)
    if how == "environment":
        app, env = "g14_workers:app", env | {"FASTMCP_STATELESS_HTTP": "true"}
    with serve(uvicorn(app, "--workers", "4"), cwd=tmp_path, env=env) as server:
        headers = JSON | {"mcp-protocol-version": "2025-11-25"}
        assert says_hello(curl(server.url, headers=headers, body=HELLO))
        assert len(workers_seen(server, headers)) > 1


def test_g13_every_request_is_checked_by_every_worker(tmp_path: Path) -> None:
    copy("g13_app.py", tmp_path)
    env = {**os.environ, "MCP_AUTH_TOKEN": "your-secret"}
    with serve(uvicorn("g13_app:app", "--workers", "4"), cwd=tmp_path, env=env) as server:
        bearing = JSON | {"authorization": "Bearer your-secret"}
        opened = curl(server.url, headers=bearing, body=INITIALIZE)
        assert opened.status == 200, opened
        session = bearing | {"mcp-session-id": opened.headers["mcp-session-id"]}
        assert says_hello(curl(server.url, headers=session, body=HELLO))
        assert len(workers_seen(server, session)) > 1
        for wrong in (None, "Bearer other", "Bearer your-secretx", "Basic your-secret"):
            for _ in range(8):  # at several workers
                headers = {**session, "authorization": wrong or ""}
                if wrong is None:
                    del headers["authorization"]
                refused = curl(server.url, headers=headers, body=HELLO)
                assert refused.status == 401
                assert refused.headers["www-authenticate"].startswith("Bearer")
        in_url = curl(f"{server.url}?token=your-secret", headers=JSON, body=HELLO)
        assert in_url.status == 400
        assert "Authorization: Bearer" in in_url.body
        assert "your-secret" not in server.log.replace("?token=your-secret", "")


def test_g15_sessions_on_every_worker(tmp_path: Path) -> None:
    copy("g14_workers.py", tmp_path)
    with serve(uvicorn("g14_workers:app", "--workers", "4"), cwd=tmp_path) as server:
        headers = open_session(server.url)
        assert len(workers_seen(server, headers)) > 1


def test_g15_session_id_is_a_signed_token(tmp_path: Path) -> None:
    copy("g04_app.py", tmp_path)
    with serve(uvicorn("g04_app:app"), cwd=tmp_path) as server:
        headers = open_session(server.url)
        head, claims, signature = headers["mcp-session-id"].split(".")
        assert json.loads(_decoded(head))["alg"].startswith("HS")
        assert isinstance(json.loads(_decoded(claims)), dict)
        # Nobody makes one, or changes one, without the key.
        flipped = "A" if signature[0] != "A" else "B"
        forged = f"{head}.{claims}.{flipped}{signature[1:]}"
        reply = curl(server.url, headers=headers | {"mcp-session-id": forged}, body=HELLO)
        assert reply.status == 404


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
