"""What the server asks and tells, and the handlers that hear it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

import mcp_types
import pytest

from fastmcp import Client, Context, FastMCP
from fastmcp.client.context import RequestContext
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.errors import ConnectionClosedError
from fastmcp.client.handlers import Handlers
from fastmcp.client.messages import MessageHandler
from fastmcp.client.transports import PythonStdioTransport
from fastmcp.exceptions import McpError, ToolError
from tests.client.conftest import SERVED
from tests.client.served import mcp as in_process
from tests.client.site import answer, data, events, handshake, initialized, site, text
from tests.support.locks import ROOT


async def test_progress_and_log_are_heard_before_the_call_returns(mode: str) -> None:
    heard: list[Any] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        await asyncio.sleep(0)
        heard.append((done, total, message))

    async def log(message: mcp_types.LoggingMessageNotificationParams) -> None:
        heard.append((message.level, message.data["msg"]))

    async with Client(in_process, mode=mode, log_handler=log) as client:
        await client.call_tool("tell", progress_handler=progress)
        assert heard == [
            (0, 3, "step 0"),
            ("info", "told 0"),
            (1, 3, "step 1"),
            ("info", "told 1"),
            (2, 3, "step 2"),
            ("info", "told 2"),
        ]


async def test_the_clients_progress_handler_hears_calls_without_one(mode: str) -> None:
    heard: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        heard.append(done)

    async with Client(in_process, mode=mode, progress_handler=progress) as client:
        await client.call_tool("tell")
    assert heard == [0, 1, 2]


async def test_log_messages_go_to_the_log_by_default(
    caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    with caplog.at_level(logging.INFO, "fastmcp.client.from_server"):
        async with Client(in_process, mode=mode) as client:
            await client.call_tool("tell")
    assert "told 0" in caplog.text


async def test_a_handler_may_call_the_server(mode: str) -> None:
    sums: list[Any] = []

    async with Client(in_process, mode=mode) as client:

        async def progress(done: float, total: float | None, message: str | None) -> None:
            sums.append((await client.call_tool("add", {"a": int(done), "b": 1})).data)

        async with asyncio.timeout(10):
            await client.call_tool("tell", progress_handler=progress)
    assert sums == [1, 2, 3]


async def test_a_failing_handler_fails_nothing_else(mode: str) -> None:
    async def progress(done: float, total: float | None, message: str | None) -> None:
        raise RuntimeError("no")

    async with Client(in_process, mode=mode) as client:
        assert (await client.call_tool("tell", progress_handler=progress)).data == "told"


async def test_handlers_may_be_plain_functions(mode: str) -> None:
    heard: list[Any] = []
    async with Client(
        in_process,
        mode=mode,
        log_handler=lambda message: heard.append(message.data["msg"]),
        progress_handler=lambda done, total, message: heard.append(done),
    ) as client:
        await client.call_tool("tell")
    assert heard == [0, "told 0", 1, "told 1", 2, "told 2"]
    async with Client(
        asking(),
        mode=mode,
        elicitation_handler=lambda message, form, params, context: form(name="Ada"),
    ) as client:
        assert "Ada" in (await client.call_tool("ask_booking")).data


class Rattled(Exception):
    """What a handler of these tests raises."""


async def rattle(*_: Any) -> None:
    raise Rattled


async def give_up(*_: Any) -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize("fails", [rattle, give_up])
async def test_handlers_that_fail_are_logged_and_stop_nothing(
    fails: Any, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    given = {"log_handler": fails, "progress_handler": fails, "message_handler": fails}
    async with Client(in_process, mode=mode, **given) as client:
        for _ in range(2):
            assert (await client.call_tool("tell")).data == "told"
    text = "\n".join(record.getMessage() for record in caplog.records)
    for what in ("handler of notifications/message", "notifications/progress", "message handler"):
        assert what in text


async def test_handlers_that_hang_stop_nothing(
    served: Any, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the call they hear of, nor other calls, nor leaving; over HTTP and on a pipe."""
    monkeypatch.setattr("fastmcp.client.handlers._PATIENCE", 0.2)
    for to in (served.url, in_process):
        hung: list[Any] = []

        async def hang(*_: Any, hung: list[Any] = hung) -> None:
            hung.append(asyncio.current_task())
            await asyncio.Event().wait()

        async with asyncio.timeout(10):
            async with Client(to, mode=mode, log_handler=hang, progress_handler=hang) as client:
                for _ in range(20):
                    assert (await client.call_tool("tell")).data == "told"
        assert len(hung) == 120
        assert all(task.done() for task in hung)


async def test_a_slow_handler_is_waited_for(mode: str) -> None:
    heard: list[float] = []

    async def slow(done: float, total: float | None, message: str | None) -> None:
        await asyncio.sleep(0.1)
        heard.append(done)

    async with Client(in_process, mode=mode) as client:
        await client.call_tool("tell", progress_handler=slow)
        assert heard == [0, 1, 2]


async def test_what_is_no_message_reaches_the_message_handler() -> None:
    heard: list[Any] = []
    told = asyncio.Event()

    class Ears(MessageHandler):
        async def on_exception(self, message: Exception) -> None:
            heard.append(message)
            told.set()

    async def call(request: Any, message: dict[str, Any]) -> Any:
        done = data({"jsonrpc": "2.0", "id": message["id"], "result": text("ok")})
        return await events(request, "data: {nonsense\n\n", done)

    async with (
        site(handshake(call)) as seen,
        Client(seen.url, mode="legacy", message_handler=Ears()) as client,
    ):
        await client.call_tool("x")
        async with asyncio.timeout(10):
            await told.wait()
    assert isinstance(heard[0], McpError)


async def test_a_server_process_that_dies_is_told_to_the_message_handler(mode: str) -> None:
    heard: list[Any] = []
    told = asyncio.Event()

    class Ears(MessageHandler):
        async def on_exception(self, message: Exception) -> None:
            heard.append(message)
            told.set()

    transport = PythonStdioTransport(SERVED, env={"PYTHONPATH": str(ROOT)}, keep_alive=False)
    async with Client(transport, mode=mode, message_handler=Ears()) as client:
        with pytest.raises(ConnectionClosedError):
            await client.call_tool("die")
        async with asyncio.timeout(10):
            await told.wait()
    assert isinstance(heard[0], ConnectionClosedError)


async def test_a_message_handler_hears_everything(mode: str) -> None:
    heard: list[str] = []

    class Ears(MessageHandler):
        async def on_message(self, message: Any) -> None:
            heard.append("message")

        async def on_progress(self, message: mcp_types.ProgressNotification) -> None:
            heard.append(f"progress {message.params.progress:g}")

        async def on_logging_message(self, message: mcp_types.LoggingMessageNotification) -> None:
            heard.append(f"log {message.params.level}")

    async with Client(in_process, mode=mode, message_handler=Ears()) as client:
        await client.call_tool("tell")
    assert heard.count("message") == 6
    assert [word for word in heard if word.startswith("progress")] == [
        "progress 0",
        "progress 1",
        "progress 2",
    ]
    assert heard.count("log info") == 3


async def test_a_plain_function_is_a_message_handler(mode: str) -> None:
    heard: list[Any] = []
    async with Client(in_process, mode=mode, message_handler=heard.append) as client:
        await client.call_tool("tell")
    assert len(heard) == 6


# --- questions of the server (asked as requests in the handshake era) ---------------------------


@dataclass
class Booking:
    name: str
    nights: int = 2


def asking() -> FastMCP:
    server = FastMCP("asking")

    @server.tool
    async def ask_name(ctx: Context) -> str:
        result = await ctx.elicit("Your name?", str)
        return f"{result.action}:{getattr(result, 'data', None)}"

    @server.tool
    async def ask_booking(ctx: Context) -> str:
        result = await ctx.elicit("Booking?", Booking)
        return f"{result.action}:{getattr(result, 'data', None)}"

    @server.tool
    async def complete(ctx: Context) -> str:
        result = await ctx.sample("What is 2+2?", system_prompt="Be brief.")
        return str(result.text)

    @server.tool
    async def roots(ctx: Context) -> list[str]:
        return [str(root.uri) for root in await ctx.list_roots()]

    return server


async def test_elicitation_by_type(mode: str) -> None:
    async def handler(message: str, response_type: Any, params: Any, context: Any) -> Any:
        assert message == "Booking?"
        assert isinstance(params, mcp_types.ElicitRequestFormParams)
        assert (context.request_id is not None) == (mode == "legacy")
        return response_type(name="Ada")

    async with Client(asking(), mode=mode, elicitation_handler=handler) as client:
        answered = (await client.call_tool("ask_booking")).data
    assert answered == "accept:Booking(name='Ada', nights=2)"


async def test_elicitation_by_dict_fills_in_the_defaults(mode: str) -> None:
    async def handler(message: str, response_type: Any, params: Any, context: Any) -> Any:
        return {"name": "Ada"}

    async with Client(asking(), mode=mode, elicitation_handler=handler) as client:
        answered = (await client.call_tool("ask_booking")).data
    assert answered == "accept:Booking(name='Ada', nights=2)"


async def test_elicitation_of_a_scalar(mode: str) -> None:
    async def handler(message: str, response_type: Any, params: Any, context: Any) -> Any:
        return "Ada"

    async with Client(asking(), mode=mode, elicitation_handler=handler) as client:
        assert (await client.call_tool("ask_name")).data == "accept:Ada"


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_elicitation_refused(action: Any, mode: str) -> None:
    async def handler(message: str, response_type: Any, params: Any, context: Any) -> Any:
        return ElicitResult(action=action)

    async with Client(asking(), mode=mode, elicitation_handler=handler) as client:
        assert (await client.call_tool("ask_name")).data == f"{action}:None"


async def test_a_handler_that_fails_tells_the_server(mode: str) -> None:
    async def handler(message: str, response_type: Any, params: Any, context: Any) -> Any:
        raise RuntimeError("nobody is home")

    async with Client(asking(), mode=mode, elicitation_handler=handler) as client:
        with pytest.raises((ToolError, McpError), match="nobody is home"):
            await client.call_tool("ask_name")


async def test_sampling(mode: str) -> None:
    def handler(messages: Any, params: Any, context: Any) -> str:
        assert messages[0].content.text == "What is 2+2?"
        assert params.system_prompt == "Be brief."
        return "4"

    async with Client(asking(), mode=mode, sampling_handler=handler) as client:
        assert (await client.call_tool("complete")).data == "4"


async def test_sampling_with_a_whole_result(mode: str) -> None:
    async def handler(messages: Any, params: Any, context: Any) -> Any:
        return mcp_types.CreateMessageResult(
            role="assistant",
            model="m",
            content=mcp_types.TextContent(type="text", text="four"),
        )

    async with Client(asking(), mode=mode, sampling_handler=handler) as client:
        assert (await client.call_tool("complete")).data == "four"


async def test_sampling_with_tools_needs_the_capability() -> None:
    def handler(messages: Any, params: Any, context: Any) -> str:
        return str(len(params.tools))

    tool = {"name": "add", "inputSchema": {"type": "object"}}
    params = {"messages": [], "maxTokens": 1, "tools": [tool]}
    context = RequestContext(None)
    without = Handlers(sampling=handler)
    with pytest.raises(McpError, match=r"sampling\.tools"):
        await without.answer("sampling/createMessage", params, context)
    declared = mcp_types.SamplingCapability.model_validate({"tools": {}})
    able = Handlers(sampling=handler, sampling_capabilities=declared)
    answer = await able.answer("sampling/createMessage", params, context)
    assert answer["content"]["text"] == "1"


async def test_roots_as_a_list_and_as_a_function(mode: str) -> None:
    async with Client(asking(), mode=mode, roots=["file:///a", "file:///b"]) as client:
        assert (await client.call_tool("roots")).data == ["file:///a", "file:///b"]

        async def later(context: Any) -> list[str]:
            return ["file:///c"]

        client.set_roots(later)
        await client.send_roots_list_changed()
        assert (await client.call_tool("roots")).data == ["file:///c"]


async def test_roots_are_a_list() -> None:
    with pytest.raises(ValueError, match="list"):
        Client(in_process, roots="file:///a")
    with pytest.raises(ValueError, match="root"):
        Client(in_process, roots=[5])  # type: ignore[list-item]


async def test_what_has_no_handler_is_not_declared_and_not_answered() -> None:
    asked: list[Any] = []

    async def call(request: Any, message: dict[str, Any]) -> Any:
        question = {"jsonrpc": "2.0", "id": 7, "method": "sampling/createMessage", "params": {}}
        return await events(
            request,
            data(question),
            data({"jsonrpc": "2.0", "id": message["id"], "result": text("ok")}),
        )

    async with site(handshake(call)) as seen:
        async with Client(seen.url, mode="legacy") as client:
            await client.call_tool("x")
        asked = [post for post in seen.posts if "method" not in post]
        assert seen.posts[0]["params"]["capabilities"] == {}
    assert asked[0]["error"]["code"] == -32601


# --- questions inside a result (the stateless era) ----------------------------------------------


async def test_input_required_is_answered_and_retried() -> None:
    """SEP-2322: the state goes back byte for byte, under a new id, on the retry alone."""
    state = 'opaque "é" \u0000 state'

    async def post(request: Any, message: dict[str, Any]) -> Any:
        if message["method"] == "server/discover":
            return answer(
                message,
                {"supportedVersions": ["2026-07-28"], "capabilities": {}, "resultType": "complete"},
            )
        params = message["params"]
        if "inputResponses" not in params:
            return answer(
                message,
                {
                    "resultType": "input_required",
                    "requestState": state,
                    "inputRequests": {
                        "who": {
                            "method": "elicitation/create",
                            "params": {
                                "mode": "form",
                                "message": "Who?",
                                "requestedSchema": {
                                    "type": "object",
                                    "properties": {"value": {"type": "string"}},
                                    "required": ["value"],
                                },
                            },
                        },
                        "where": {"method": "roots/list"},
                    },
                },
            )
        return answer(message, text("done"))

    async def elicit(message: str, response_type: Any, params: Any, context: Any) -> Any:
        return "Ada"

    async with (
        site(post) as seen,
        Client(seen.url, elicitation_handler=elicit, roots=["file:///a"]) as client,
    ):
        result = await client.call_tool("ask", {"x": 1})
        assert result.content[0].text == "done"  # type: ignore[union-attr]
        first, retry = seen.posts[1], seen.posts[2]
        assert retry["id"] != first["id"]
        assert retry["params"]["arguments"] == {"x": 1}
        assert retry["params"]["requestState"] == state
        assert retry["params"]["inputResponses"] == {
            "who": {"action": "accept", "content": {"value": "Ada"}},
            "where": {"roots": [{"uri": "file:///a"}]},
        }


async def test_input_required_without_end_is_ended() -> None:
    async def post(request: Any, message: dict[str, Any]) -> Any:
        if message["method"] == "initialize":
            return answer(message, initialized())
        return answer(message, {"resultType": "input_required", "requestState": "s"})

    async with (
        site(post) as seen,
        Client(seen.url, mode="2026-07-28", input_required_max_rounds=3) as client,
    ):
        with pytest.raises(Exception, match="input_required_max_rounds=3"):
            await client.call_tool("ask")
        assert len(seen.posts) == 4
