"""Arguments that travel as headers too: the headers must say what the body says.

2026-07-28, basic/transports/streamable-http, "Server Behavior for Custom Headers".
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from fastmcp import FastMCP
from fastmcp.server.middleware import Middleware
from fastmcp.server.providers import Provider
from fastmcp.tools import Tool, ToolResult
from tests.support.asgi import STATELESS, Live, Peer, http_scope
from tests.support.process import script, serve
from tests.support.wire import Wire

REGION = {"x-mcp-header": "Region"}


class Place(BaseModel):
    zone: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Zone"})]
    street: str = ""


class Raw(Tool):
    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        return ToolResult(content=json.dumps(arguments))


class Unheard(Middleware):
    """Says something before the tool is found, so that an answer would be a stream by then."""

    async def on_call_tool(self, context: Any, call_next: Any) -> Any:
        await context.fastmcp_context.info("hello")
        return await call_next(context)


def build(**options: Any) -> FastMCP:
    mcp = FastMCP("mirrored", **options)

    @mcp.tool
    async def run(
        region: Annotated[str | None, Field()] = None,
        count: Annotated[int, Field(json_schema_extra={"x-mcp-header": "Count"})] = 0,
        dry: Annotated[bool, Field(json_schema_extra={"x-mcp-header": "Dry-Run"})] = False,
        place: Annotated[str, Field(json_schema_extra=REGION)] = "here",
    ) -> str:
        return f"{place} {count} {dry}"

    @mcp.tool
    async def move(to: Place) -> str:
        return to.zone

    @mcp.tool
    async def plain(place: str) -> str:
        return place

    mcp.add_tool(
        Raw(
            name="raw",
            parameters={
                "type": "object",
                "properties": {"place": {"type": "string", **REGION}, "any": {}},
            },
        )
    )
    return mcp


async def call(
    mcp: FastMCP, tool: str, arguments: dict[str, Any] | None, *lines: tuple[str, str]
) -> Live:
    """A call with these header lines besides the standard ones."""
    peer = Peer(mcp.http_app(), STATELESS)
    params: dict[str, Any] = {"name": tool}
    if arguments is not None:
        params["arguments"] = arguments
    body = json.dumps(peer.message("tools/call", params, 1, None)).encode()
    headers = [*peer.standard_headers("tools/call", params).items(), *lines]
    return await Live(peer.app, http_scope("POST", "/mcp", headers), body).done()


def refused(live: Live) -> str:
    assert live.status == 400, live.body
    assert live.headers["content-type"] == "application/json"
    assert live.error["code"] == -32020, live.error
    assert live.response["id"] == 1
    return live.error["message"]


def encoded(text: str) -> str:
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


async def test_a_client_of_ours_is_understood():
    schema = (await Peer(build().http_app(), STATELESS).request("tools/list")).result["tools"]
    found = {tool["name"]: tool["inputSchema"] for tool in schema}
    assert found["run"]["properties"]["place"]["x-mcp-header"] == "Region"
    assert found["move"]["properties"]["to"]["properties"]["zone"]["x-mcp-header"] == "Zone"
    assert found["raw"]["properties"]["place"] == {"type": "string", **REGION}


@pytest.mark.parametrize(
    ("tool", "arguments", "lines", "text"),
    [
        ("run", {"place": "eu"}, [("Mcp-Param-Region", "eu")], "eu 0 False"),
        ("run", {"place": "eu"}, [("mcp-param-REGION", " eu\t")], "eu 0 False"),
        ("run", {"place": "eu"}, [("Mcp-Param-Region", encoded("eu"))], "eu 0 False"),
        ("run", {"place": "größe"}, [("Mcp-Param-Region", encoded("größe"))], "größe 0 False"),
        ("run", {"place": " a "}, [("Mcp-Param-Region", encoded(" a "))], " a  0 False"),
        ("run", {"place": ""}, [("Mcp-Param-Region", "")], " 0 False"),
        # only one half of the sentinel: a literal
        ("run", {"place": "ZXU=?="}, [("Mcp-Param-Region", "ZXU=?=")], "ZXU=?= 0 False"),
        ("run", {"place": "=?base64?ZXU="}, [("Mcp-Param-Region", "=?base64?ZXU=")], None),
        ("run", {"place": "=?BASE64?ZXU=?="}, [("Mcp-Param-Region", "=?BASE64?ZXU=?=")], None),
        ("run", {"count": 42}, [("Mcp-Param-Count", "42.0")], "here 42 False"),
        ("run", {"dry": True}, [("Mcp-Param-Dry-Run", "true")], "here 0 True"),
        ("run", {}, [], "here 0 False"),
        ("run", None, [], "here 0 False"),
        ("move", {"to": {"zone": "z"}}, [("Mcp-Param-Zone", "z")], "z"),
        ("raw", {"place": "eu"}, [("Mcp-Param-Region", "eu")], '{"place": "eu"}'),
        ("raw", {"any": 1}, [], '{"any": 1}'),
        # headers that nobody asked for
        ("plain", {"place": "eu"}, [("Mcp-Param-Region", "us")], "eu"),
        ("run", {}, [("Mcp-Param-Other", "x"), ("Mcp-Param-Other", "y")], "here 0 False"),
    ],
)
async def test_right_headers(
    tool: str, arguments: dict[str, Any] | None, lines: list[tuple[str, str]], text: str | None
):
    live = await call(build(), tool, arguments, *lines)
    assert live.status == 200, live.body
    assert text is None or live.text == text


@pytest.mark.parametrize(
    ("tool", "arguments", "lines"),
    [
        ("run", {"place": "eu"}, []),
        ("run", {"place": "eu"}, [("Mcp-Param-Region", "us")]),
        ("run", {"place": "eu"}, [("Mcp-Param-Region", "EU")]),
        ("run", {"place": "eu"}, [("Mcp-Param-Region", "")]),
        ("run", {"place": "eu"}, [("Mcp-Param-Region", "=?base64?ZXU?=")]),  # no padding
        ("run", {"place": "eu"}, [("Mcp-Param-Region", "=?base64?ZXU==?=")]),  # too much of it
        ("run", {"place": "eu"}, [("Mcp-Param-Region", "=?base64?Z*U=?=")]),
        ("run", {"place": "eu"}, [("Mcp-Param-Region", "=?base64?/w==?=")]),  # no UTF-8
        ("run", {"place": "größe"}, [("Mcp-Param-Region", "größe")]),
        ("run", {"place": "e\x01"}, [("Mcp-Param-Region", "e\x01")]),
        # who reads the first line and who reads the last would disagree
        ("run", {"place": "eu"}, [("Mcp-Param-Region", "us"), ("Mcp-Param-Region", "eu")]),
        ("run", {"place": "eu"}, [("Mcp-Param-Region", "eu"), ("mcp-param-region", "eu")]),
        ("run", {"place": "us, eu"}, [("Mcp-Param-Region", "us"), ("Mcp-Param-Region", "eu")]),
        # a header for an argument that is not there
        ("run", {}, [("Mcp-Param-Region", "here")]),
        ("run", None, [("Mcp-Param-Region", "here")]),
        ("run", {"place": None}, [("Mcp-Param-Region", "null")]),
        ("run", {"place": ["eu"]}, [("Mcp-Param-Region", "eu")]),
        ("run", {"count": 42}, [("Mcp-Param-Count", "43")]),
        ("run", {"dry": True}, [("Mcp-Param-Dry-Run", "True")]),
        ("move", {"to": {"zone": "z"}}, []),
        ("move", {"to": "z"}, [("Mcp-Param-Zone", "z")]),
        ("raw", {"place": "eu"}, []),
    ],
)
@pytest.mark.parametrize("loud", [False, True])
async def test_wrong_headers(
    tool: str, arguments: dict[str, Any] | None, lines: list[tuple[str, str]], loud: bool
):
    mcp = build(middleware=[Unheard()] if loud else [])
    refused(await call(mcp, tool, arguments, *lines))


async def test_the_refusal_says_what_is_wrong():
    mcp = build()
    assert refused(await call(mcp, "run", {"place": "eu"})) == (
        "Header mismatch: Mcp-Param-Region header is missing, the argument 'place' is 'eu'"
    )
    wrong = ("Mcp-Param-Region", "us")
    assert refused(await call(mcp, "run", {"place": "eu"}, wrong)) == (
        "Header mismatch: Mcp-Param-Region header says 'us', the argument 'place' is 'eu'"
    )


async def test_arguments_that_do_not_fit_have_no_header():
    live = await call(build(), "run", {"place": ["eu"]})
    assert live.status == 200
    assert live.result["isError"]
    live = await call(build(), "run", {"place": 1.5})
    assert live.result["isError"]


async def test_the_version_that_is_called_says_which_headers():
    mcp = FastMCP("versions")

    @mcp.tool(name="go", version="1")
    async def first(place: str) -> str:
        return f"1 {place}"

    @mcp.tool(name="go", version="2")
    async def second(place: Annotated[str, Field(json_schema_extra=REGION)]) -> str:
        return f"2 {place}"

    peer = Peer(mcp.http_app(), STATELESS)
    headers = {"mcp-param-region": "eu"}
    assert (await peer.call("go", {"place": "eu"}, headers=headers)).text == "2 eu"
    old = {"fastmcp": {"version": "1"}}
    assert (await peer.call("go", {"place": "eu"}, meta=old)).text == "1 eu"
    assert (await peer.call("go", {"place": "eu"}, valid=False)).status == 400


async def test_a_hidden_tool_is_an_unknown_one():
    mcp = build()
    mcp.disable(names={"run"})
    live = await call(mcp, "run", {"place": "eu"})
    assert live.status == 200
    assert "Unknown tool: 'run'" in live.body.decode()


async def test_the_handshake_era_has_no_such_headers():
    peer = await Peer(build().http_app()).open()
    headers = {"mcp-param-region": "us"}
    assert (await peer.call("run", {"place": "eu"}, headers=headers)).text == "eu 0 False"


def test_an_annotation_behind_a_reference_is_refused():
    mcp = FastMCP("refs", dereference_schemas=False)

    async def move(to: Place) -> str:
        return to.zone

    with pytest.raises(ValueError, match="x-mcp-header 'Zone'"):
        mcp.tool(move)


# the other headers


@pytest.mark.parametrize(
    "line",
    [
        ("mcp-method", "tools/call"),
        ("mcp-name", "plain"),
        ("mcp-name", "run"),
        ("mcp-protocol-version", STATELESS),
    ],
)
async def test_a_header_of_ours_that_comes_twice(line: tuple[str, str]):
    refused(await call(build(), "plain", {"place": "eu"}, line))


async def test_a_list_may_come_on_several_lines():
    peer = Peer(build().http_app(), STATELESS)
    params = {"name": "plain", "arguments": {"place": "eu"}}
    body = json.dumps(peer.message("tools/call", params, 1, None)).encode()
    headers = peer.standard_headers("tools/call", params)
    del headers["accept"]
    accept = [("accept", "application/json"), ("accept", "text/plain")]
    scope = http_scope("POST", "/mcp", [*headers.items(), *accept])
    assert (await Live(peer.app, scope, body).done()).text == "eu"


@pytest.mark.parametrize("first", ["http://127.0.0.1:8000", "http://evil.example"])
async def test_two_origins_let_nobody_in_who_is_the_last(first: str):
    origins = [("origin", first), ("origin", "http://evil.example")]
    live = await call(build(), "plain", {"place": "eu"}, *origins)
    assert live.status == 403


async def test_over_a_socket():
    with serve(script(Path("tests/conformance/server.py"))) as server:
        async with Wire(server.url, STATELESS) as wire:
            good = {"Mcp-Param-Region": encoded("größe")}
            answer = await wire.call("test_x_mcp_header", {"region": "größe"}, headers=good)
            assert answer.text == "region: größe"
            wrong = {"Mcp-Param-Region": "us"}
            answer = await wire.call("test_x_mcp_header", {"region": "eu"}, headers=wrong)
            assert answer.status == 400
            assert answer.error["code"] == -32020


class Elsewhere(Provider):
    async def _get_tool(self, name: str, version: Any = None) -> Tool | None:
        parameters = {"type": "object", "properties": {"region": {"type": "string", **REGION}}}
        return Raw(name="there", parameters=parameters) if name == "there" else None


async def test_a_providers_tool_is_held_to_its_headers_too():
    peer = Peer(FastMCP("s", providers=[Elsewhere()]).http_app(), STATELESS)
    wrong = {"mcp-param-region": "us"}
    live = await peer.call("there", {"region": "eu"}, headers=wrong)
    assert (live.status, live.error["code"]) == (400, -32020)
    live = await peer.call("there", {"region": "eu"}, headers={"mcp-param-region": "eu"})
    assert "eu" in live.text
