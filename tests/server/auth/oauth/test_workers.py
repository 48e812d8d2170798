"""Real workers with a real Redis: each step of the flow at another one."""

from __future__ import annotations

import http.client
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.server.auth.oauth.hand import CALLBACK, Pkce, fields
from tests.support.process import free_port, script, serve
from tests.support.redis import redis

WORKER = Path(__file__).parent / "worker.py"


def ask(
    port: int, verb: str, target: str, body: str = "", **headers: str
) -> tuple[int, dict[str, str], str]:
    """Status, headers and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(verb, target, body, given)
        reply = connection.getresponse()
        return reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read().decode()
    finally:
        connection.close()


def post(port: int, path: str, form: dict[str, str], **headers: str) -> tuple[int, Any, str]:
    kind = "application/x-www-form-urlencoded"
    return ask(port, "POST", path, urlencode(form), content_type=kind, **headers)


def code_of(one: int, other: int, pkce: Pkce) -> str:
    """Asked for at one worker, consented to at another."""
    asked = {
        "response_type": "code",
        "client_id": "known",
        "redirect_uri": CALLBACK,
        "code_challenge": pkce.challenge,
        "code_challenge_method": "S256",
    }
    _, head, _ = ask(one, "GET", f"/authorize?{urlencode(asked)}")
    place = urlsplit(head["location"])
    assert place.port == one
    _, head, page = ask(other, "GET", f"{place.path}?{place.query}")
    cookie = head["set-cookie"].partition(";")[0]
    form = {**fields(page), "decision": "approve"}
    status, head, text = post(one, "/consent", form, cookie=cookie)
    assert status == 303, text
    return parse_qs(urlsplit(head["location"]).query)["code"][0]


def test_each_step_at_another_worker(tmp_path: Path):
    """OAuth 2.1, 4.1.3, where workers race: a code is good once."""
    one = free_port()
    base_url = f"http://127.0.0.1:{one}"
    env = {**os.environ, "FASTMCP_HOME": str(tmp_path / "home")}
    with redis() as store:
        command = script(WORKER, base_url, str(store.port))
        with serve(command, env=env, port=one), serve(command, env=env) as second:
            other = second.port

            def token(port: int, code: str, pkce: Pkce) -> tuple[int, Any]:
                form = {
                    "grant_type": "authorization_code",
                    "client_id": "known",
                    "code": code,
                    "code_verifier": pkce.verifier,
                }
                status, _, text = post(port, "/token", form)
                return status, json.loads(text)

            def call(port: int, access: str) -> int:
                return ask(port, "POST", "/mcp", "{}", authorization=f"Bearer {access}")[0]

            pkce = Pkce()
            _, tokens = token(other, code_of(one, other, pkce), pkce)
            access = tokens["access_token"]
            assert [call(port, access) for port in (one, other)] == [415, 415]  # let in, and no MCP

            pkce = Pkce()
            code = code_of(one, other, pkce)
            with ThreadPoolExecutor(6) as pool:
                replies = list(pool.map(lambda port: token(port, code, pkce), [one, other] * 3))
            won = [said for status, said in replies if status == 200]
            assert len(won) == 1
            ended = won[0]["access_token"]
            assert [call(port, ended) for port in (one, other)] == [401, 401]
            assert call(one, access) == 415  # of another consent
