"""Requests that both eras have, and what must come of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.soak.ground import Ground
from tests.support.wire import RpcError, Wire

Call = Callable[[Ground, Wire], Awaitable[None]]


async def asynchronous(ground: Ground, wire: Wire) -> None:
    a, b = ground.chance.randrange(10**6), ground.chance.randrange(10**6)
    answer = await wire.call("add", {"a": a, "b": b})
    assert (answer.text, answer.result.get("isError", False)) == (str(a + b), False)


async def synchronous(ground: Ground, wire: Wire) -> None:
    a, b = ground.chance.randrange(1000), ground.chance.randrange(1000)
    assert (await wire.call("multiply", {"a": a, "b": b})).text == str(a * b)


async def sleeping(ground: Ground, wire: Wire) -> None:
    """Long enough to be turned into a stream."""
    assert (await wire.call("sleepy", {"seconds": 0.15})).text == "slept"


async def structured(ground: Ground, wire: Wire) -> None:
    x, y = ground.chance.randrange(1000), ground.chance.randrange(1000)
    result = (await wire.call("mirror", {"point": {"x": x, "y": y}})).result
    if wire.version >= "2025-06-18":
        assert result["structuredContent"] == {"x": y, "y": x}


async def large_result(ground: Ground, wire: Wire) -> None:
    size = ground.chance.randrange(10_000, 300_000)
    assert len((await wire.call("large", {"size": size})).text) == size


async def large_argument(ground: Ground, wire: Wire) -> None:
    size = ground.chance.randrange(10_000, 300_000)
    assert (await wire.call("measure", {"text": "y" * size})).text == str(size)


async def progress(ground: Ground, wire: Wire) -> None:
    tag = str(ground.chance.randrange(10**9))
    answer = await wire.call("steps", {"n": 5, "tag": tag}, meta={"progressToken": tag})
    told = answer.notifications("notifications/progress")
    assert [one["progress"] for one in told] == [1, 2, 3, 4, 5]
    assert {one["progressToken"] for one in told} == {tag}
    assert answer.text == f"stepped {tag}"


async def identity(ground: Ground, wire: Wire) -> None:
    assert (await wire.call("who")).text == ground.user


async def listings(ground: Ground, wire: Wire) -> None:
    tools = (await wire.request("tools/list")).result["tools"]
    assert {"add", "multiply", "interview"} <= {tool["name"] for tool in tools}
    assert (await wire.request("resources/templates/list")).result["resourceTemplates"]
    assert (await wire.request("prompts/list")).result["prompts"]


async def reading(ground: Ground, wire: Wire) -> None:
    name = f"r{ground.chance.randrange(10**6)}"
    [content] = (await wire.request("resources/read", {"uri": f"data://{name}"})).result["contents"]
    assert content["text"] == f"data of {name}"


async def prompting(ground: Ground, wire: Wire) -> None:
    params = {"name": "greeting", "arguments": {"name": "Ada"}}
    [message] = (await wire.request("prompts/get", params)).result["messages"]
    assert message["content"]["text"] == "Hello Ada"


async def failing(ground: Ground, wire: Wire) -> None:
    """A tool that raises, arguments that do not fit, and a tool that is not there."""
    for how in ("ToolError", "ValueError"):
        result = (await wire.call("fail", {"how": how})).result
        assert (result["isError"], "as provoked" in result["content"][0]["text"]) == (True, True)
        ground.provoked(f"{how} of a tool")
    misfit = (await wire.call("add", {"a": "no number", "b": 1})).result
    assert misfit["isError"]
    ground.provoked("wrong arguments")
    answer = await wire.call("nowhere")
    try:
        assert answer.result["isError"]
    except RpcError as error:
        assert error.code == -32602  # noqa: PT017
    if answer.status != 200:
        ground.provoked(str(answer.status))
    ground.provoked("unknown tool")


ALL: tuple[Call, ...] = (
    asynchronous,
    synchronous,
    sleeping,
    structured,
    large_result,
    large_argument,
    progress,
    identity,
    listings,
    reading,
    prompting,
    failing,
)


async def some(ground: Ground, wire: Wire, most: int = 5) -> None:
    """A few of them."""
    for call in ground.chance.sample(ALL, ground.chance.randint(1, most)):
        await call(ground, wire)
        ground.called(call.__name__)


def answered(request: dict[str, Any]) -> dict[str, Any]:
    """What a client says to a question of the server."""
    method, params = request["method"], request.get("params", {})
    if method == "roots/list":
        return {"roots": [{"uri": "file:///work", "name": "work"}]}
    if method == "sampling/createMessage":
        content = params["messages"][0]["content"]
        [content] = content if isinstance(content, list) else [content]
        text = {"type": "text", "text": content["text"].upper()}
        return {"role": "assistant", "model": "m", "content": text}
    (schema,) = params["requestedSchema"]["properties"].values()
    value = schema.get("enum", ["Ada"])[0]
    return {"action": "accept", "content": {"value": value}}


INTERVIEWED = "Ada GREET ADA 1 red"
"""What `interview` makes of these answers, behind its tag."""
