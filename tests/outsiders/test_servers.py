"""The other way round: our client against servers that no one here wrote, in both eras."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from fastmcp.exceptions import ToolError
from tests.support import venvs
from tests.support.process import Server, script, serve
from tests.support.recorder import recording

HERE = Path(__file__).parent
ERAS = [("legacy", "2025-11-25"), ("auto", "2026-07-28"), ("2026-07-28", "2026-07-28")]

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def sdk_server(sdk: Path) -> Iterator[Server]:
    """The official SDK's server over Streamable HTTP."""
    environment = venvs.environment()
    with serve(script(HERE / "sdk_server.py", python=sdk), env=environment, clean=False) as server:
        yield server


@pytest.fixture(scope="module")
def fastmcp4_server(fastmcp4: Path) -> Iterator[Server]:
    """The very server of the other tests here, run by FastMCP 4."""
    environment = venvs.environment()
    with serve(script(HERE / "server.py", python=fastmcp4), env=environment, clean=False) as server:
        yield server


async def answer(message: str, response_type: Any, params: Any, context: Any) -> dict[str, Any]:
    return {"name": "Ada", "age": 36}


async def converse(client: Client[Any], version: str) -> None:
    """What both servers understand."""
    progress: list[Any] = []

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        progress.append((done, total, message))

    assert client.protocol_version == version
    tools = {tool.name: tool for tool in await client.list_tools()}
    assert {"add", "count", "ask", "fail"} <= set(tools)
    result = await client.call_tool("add", {"a": 2, "b": 3})
    assert result.structured_content == {"result": 5}
    result = await client.call_tool("count", {"to": 3}, progress_handler=on_progress)
    assert result.content[0].text == "counted to 3"
    assert progress == [(n, 3, f"step {n}") for n in (1, 2, 3)]
    with pytest.raises(ToolError, match="it broke on purpose"):
        await client.call_tool("fail")
    failed = await client.call_tool("fail", raise_on_error=False)
    assert failed.is_error
    contents = await client.read_resource("data://greeting")
    assert contents[0].text.startswith("Hello")
    prompt = await client.get_prompt("review", {"code": "x = 1"})
    assert prompt.messages[0].content.text == "Please review: x = 1"
    if version < "2026":
        assert await client.ping()
        result = await client.call_tool("ask")
        assert result.content[0].text == "Ada is 36"


@pytest.mark.parametrize(("mode", "version"), ERAS)
async def test_sdk_over_http(sdk_server: Server, mode: str, version: str) -> None:
    with recording(sdk_server.url) as recorder:
        async with Client(recorder.url, mode=mode, elicitation_handler=answer) as client:
            await converse(client, version)
    ours = [violation for violation in recorder.violations if "from the client" in violation]
    assert not ours, "\n".join(ours)
    assert recorder.seen


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_sdk_over_stdio(sdk: Path, mode: str) -> None:
    transport = StdioTransport(str(sdk), [str(HERE / "sdk_server.py"), "stdio"], keep_alive=False)
    async with Client(transport, mode=mode, elicitation_handler=answer) as client:
        await converse(client, "2025-11-25" if mode == "legacy" else "2026-07-28")


@pytest.mark.parametrize(("mode", "version"), ERAS)
async def test_fastmcp_4_over_http(fastmcp4_server: Server, mode: str, version: str) -> None:
    with recording(fastmcp4_server.url) as recorder:
        async with Client(recorder.url, mode=mode, elicitation_handler=answer) as client:
            await converse(client, version)
            assert (await client.call_tool("person", {"name": "Ada"})).data.age == 40
    ours = [violation for violation in recorder.violations if "from the client" in violation]
    assert not ours, "\n".join(ours)
    assert recorder.seen
