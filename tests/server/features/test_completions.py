"""completion/complete."""

from __future__ import annotations

from typing import Any

import mcp_types
import pytest

from fastmcp import FastMCP
from tests.support.asgi import STATELESS, Peer

ERAS = ("2025-11-25", STATELESS)
ASK: dict[str, Any] = {
    "ref": {"type": "ref/prompt", "name": "p"},
    "argument": {"name": "x", "value": "a"},
}


def build(answer: Any, sync: bool = False) -> FastMCP:
    mcp = FastMCP("completion")
    mcp.prompt(lambda x: x, name="p")
    mcp.resource("r://{x}", name="t")(lambda x: x)
    mcp.resource("r://fixed/text", name="r")(lambda: "x")

    async def handler(ref: Any, argument: Any, context: Any) -> Any:
        return answer(ref, argument, context)

    mcp.add_completion_handler(answer if sync else handler)
    return mcp


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("sync", [False, True])
async def test_values(version: str, sync: bool):
    def answer(ref: Any, argument: Any, context: Any) -> list[str]:
        return [ref.type, argument.value, str(context and context.arguments)]

    peer = await Peer(build(answer, sync).http_app(), version).open()
    live = await peer.request("completion/complete", {**ASK, "context": {"arguments": {"y": "z"}}})
    assert live.result["completion"]["values"] == ["ref/prompt", "a", "{'y': 'z'}"]
    template = {"type": "ref/resource", "uri": "r://{x}"}
    live = await peer.request("completion/complete", {**ASK, "ref": template})
    assert live.result["completion"]["values"] == ["ref/resource", "a", "None"]


@pytest.mark.parametrize(
    ("answer", "completion"),
    [
        (None, {"values": [], "total": 0, "hasMore": False}),
        ([str(n) for n in range(150)], {"total": 150, "hasMore": True}),
        (mcp_types.Completion(values=["a"], total=9, has_more=True), {"total": 9, "hasMore": True}),
    ],
)
async def test_at_most_a_hundred(answer: Any, completion: dict[str, Any]):
    peer = await Peer(build(lambda *_: answer).http_app()).open()
    said = (await peer.request("completion/complete", ASK)).result["completion"]
    assert len(said["values"]) <= 100
    assert completion.items() <= said.items()


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize(
    "change", [{"ref": None}, {"ref": {"type": "x"}}, {"argument": 5}, {"context": 5}]
)
async def test_bad_params(version: str, change: dict[str, Any]):
    peer = await Peer(build(lambda *_: []).http_app(), version).open()
    live = await peer.request("completion/complete", {**ASK, **change}, valid=False)
    assert live.error["code"] == -32602
    assert live.error["message"].startswith("Invalid params: ")
    assert "\n" not in live.error["message"]
    assert "pydantic" not in live.error["message"]


@pytest.mark.parametrize("version", ERAS)
async def test_without_a_handler(version: str):
    peer = await Peer(FastMCP("none").http_app(), version).open()
    assert (await peer.request("completion/complete", ASK)).error["code"] == -32601


@pytest.mark.parametrize("version", ERAS)
async def test_only_for_what_there_is(version: str):
    asked: list[str] = []

    def answer(ref: Any, argument: Any, context: Any) -> list[str]:
        asked.append(getattr(ref, "name", None) or ref.uri)
        return []

    mcp = build(answer)
    peer = await Peer(mcp.http_app(), version).open()
    for uri in ("r://{x}", "r://some", "r://fixed/text"):
        ref = {"type": "ref/resource", "uri": uri}
        assert (
            "completion" in (await peer.request("completion/complete", {**ASK, "ref": ref})).result
        )
    assert asked == ["r://{x}", "r://some", "r://fixed/text"]
    mcp.disable(names={"p"})
    for ref, said in (
        ({"type": "ref/prompt", "name": "q"}, "Unknown prompt: 'q'"),
        ({"type": "ref/prompt", "name": "p"}, "Unknown prompt: 'p'"),
        ({"type": "ref/resource", "uri": "r://{y}/z"}, "Unknown resource template: 'r://{y}/z'"),
    ):
        live = await peer.request("completion/complete", {**ASK, "ref": ref})
        assert (live.status, live.error["code"]) == (200, -32602)
        assert live.error["message"] == said
    assert len(asked) == 3
