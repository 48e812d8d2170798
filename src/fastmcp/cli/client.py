"""`fastmcp list` and `fastmcp call`: a client for people and for shell scripts.

Results go to stdout, everything else to stderr, also what a server file prints while it is
imported and called: `--json` output stays JSON. A server file is run in this process, without a
transport; a URL or a command is spoken to as any client does.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import json
import logging
import os
import shlex
import sys
from collections.abc import Coroutine, Generator, Sequence
from typing import Annotated, Any, Final, Literal, TypeVar

from cyclopts import Parameter
from pydantic import BaseModel

from fastmcp.cli import load
from fastmcp.cli.arguments import parse_arguments, parse_words
from fastmcp.cli.errors import CliError
from fastmcp.cli.remote import Auth, Headers, is_url, remote
from fastmcp.cli.render import render_contents, render_listing, render_messages, render_result
from fastmcp.client.client import Client
from fastmcp.client.errors import HttpStatusError
from fastmcp.client.transports import StdioTransport
from fastmcp.client.transports.orders import Order
from fastmcp.exceptions import FastMCPError, McpError
from fastmcp.settings import get_settings

__all__ = ["call", "list_"]

T = TypeVar("T")

_ORDERS: Final[dict[str, Order]] = {"http": "http-only", "sse": "sse-only"}

Flag = Parameter(negative="")
Timeout = Annotated[float | None, Parameter(help="Seconds to wait for each answer.")]
Command = Annotated[str | None, Parameter(help="Start this command and speak stdio with it.")]
UrlTransport = Annotated[
    Literal["http", "sse"] | Order | None,
    Parameter(
        name=("--transport", "-t"),
        help="Transport of a URL: http-first, sse-first, http-only or sse-only; http and sse are "
        "short for the last two.",
    ),
]


def list_(
    server_spec: str | None = None,
    *,
    command: Command = None,
    transport: UrlTransport = None,
    resources: Annotated[bool, Flag] = False,
    prompts: Annotated[bool, Flag] = False,
    input_schema: Annotated[bool, Flag] = False,
    output_schema: Annotated[bool, Flag] = False,
    json_output: Annotated[bool, Parameter(name="--json", negative="")] = False,
    timeout: Timeout = None,
    auth: Auth = None,
    header: Headers = None,
) -> int:
    """List what a server offers.

    Args:
        server_spec: URL, file.py or file.py:object, or mcp.json.
        command: instead of a SPEC, a command to start and speak stdio with.
        transport: of a URL.
        resources: list resources and templates as well.
        prompts: list prompts as well.
        input_schema: show each tool's input schema.
        output_schema: show each tool's output schema.
        json_output: print JSON.
        timeout: seconds to wait for each answer.
        auth: bearer token for a URL, env:NAME takes it from the environment; oauth: in a browser.
        header: "Name: value" for a URL; ${VARIABLE} is filled in from the environment.
    """

    async def fetch(client: Client[Any]) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, Sequence[Any]] = {"tools": await client.list_tools()}
        if resources:
            found["resources"] = await client.list_resources()
            found["resourceTemplates"] = await client.list_resource_templates()
        if prompts:
            found["prompts"] = await client.list_prompts()
        return {key: [_plain(item) for item in items] for key, items in found.items()}

    listing = _talk(server_spec, command, transport, timeout, auth, header, fetch)
    print(_dump(listing) if json_output else render_listing(listing, input_schema, output_schema))
    return 0


def call(
    server_spec: str | None = None,
    target: str = "",
    *arguments: str,
    command: Command = None,
    transport: UrlTransport = None,
    prompt: Annotated[bool, Flag] = False,
    input_json: str | None = None,
    json_output: Annotated[bool, Parameter(name="--json", negative="")] = False,
    timeout: Timeout = None,
    auth: Auth = None,
    header: Headers = None,
) -> int:
    """Call a tool, read a resource, get a prompt.

    Args:
        server_spec: URL, file.py, file.py:object or mcp.json; left out with --command.
        target: name of a tool, URI of a resource, or with --prompt name of a prompt.
        arguments: key=value, turned into what the tool's input schema asks for.
        command: instead of a SPEC, a command to start and speak stdio with.
        transport: of a URL.
        prompt: the target is a prompt.
        input_json: arguments as a JSON object; key=value words win.
        json_output: print JSON.
        timeout: seconds to wait for each answer.
        auth: bearer token for a URL, env:NAME takes it from the environment; oauth: in a browser.
        header: "Name: value" for a URL; ${VARIABLE} is filled in from the environment.
    """
    if command is not None and server_spec is not None:
        # With --command there is no SPEC: what stands in its place is the target.
        arguments = ((target,) if target else ()) + arguments
        server_spec, target = None, server_spec
    if not target:
        raise CliError("Name what to call: fastmcp call SPEC TARGET key=value", 2)

    async def fetch(client: Client[Any]) -> tuple[bool, Any, str]:
        if prompt:
            texts = parse_words(arguments, input_json)
            got = _plain(await client.get_prompt(target, texts))
            return False, got, render_messages(got)
        if "://" in target:
            contents = [_plain(item) for item in await client.read_resource(target)]
            return False, contents, render_contents(contents)
        return await _call_tool(client, target, arguments, input_json)

    failed, data, text = _talk(server_spec, command, transport, timeout, auth, header, fetch)
    if json_output:
        print(_dump(data))
    elif not failed:
        print(text)
    if failed:
        raise CliError(" ".join(text.split()) or f"Tool {target} failed without a text.")
    return 0


async def _call_tool(
    client: Client[Any], name: str, words: Sequence[str], input_json: str | None
) -> tuple[bool, Any, str]:
    tools = {tool.name: _plain(tool) for tool in await client.list_tools()}
    if name not in tools:
        close = difflib.get_close_matches(name, tools, n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else _offer(list(tools))
        raise CliError(f"The server has no tool named {name}; {hint}")
    schema = tools[name].get("inputSchema", {})
    arguments = parse_arguments(words, input_json, schema)
    missing = [key for key in schema.get("required", ()) if key not in arguments]
    if missing:
        raise CliError(f"Tool {name} needs {', '.join(f'{key}=...' for key in missing)}", 2)
    result = _plain(await client.call_tool_mcp(name, arguments))
    data = {"content": result["content"], "is_error": result.get("isError", False)}
    if result.get("structuredContent") is not None:
        data["structured_content"] = result["structuredContent"]
    return bool(data["is_error"]), data, render_result(result)


def _offer(names: list[str]) -> str:
    return f"it has {', '.join(names)}." if names else "it has none."


def _talk(
    spec: str | None,
    command: str | None,
    transport: str | None,
    timeout: float | None,
    auth: str | None,
    headers: list[str] | None,
    fetch: Any,
) -> Any:
    """Connect to what the command line names, run `fetch(client)`, and return its result."""

    async def main() -> Any:
        target = await _target(spec, command, transport, auth, headers)
        async with Client(target, timeout=timeout, init_timeout=timeout) as client:
            return await fetch(client)

    if get_settings().log_level != "DEBUG":
        # A server file runs in this process: its side of an error would be told twice.
        logging.getLogger("fastmcp.server").setLevel(logging.CRITICAL)
    with _everything_on_stderr():
        return _run(main())


@contextlib.contextmanager
def _everything_on_stderr() -> Generator[None]:
    """For a block standard output is kept for the results, from other processes too: a browser
    that is opened for authorization may say something."""
    sys.stdout.flush()
    with contextlib.ExitStack() as undo:
        with contextlib.suppress(OSError):  # whoever has closed one of them wants none of it
            own = os.dup(1)
            undo.callback(os.close, own)
            os.dup2(2, 1)
            undo.callback(os.dup2, own, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield


def _run(main: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(main)
    except (McpError, FastMCPError, RuntimeError, TimeoutError, OSError, ValueError) as error:
        # What a client raises for a server it cannot reach or that says no; the text is made
        # for people. Anything else is a defect and is told with its type.
        text = " ".join(str(error).split()) or type(error).__name__
        if type(error) is HttpStatusError and error.status == 401:
            text += ". Give --auth a token, or oauth to authorize it in a browser."
        raise CliError(text) from error


async def _target(
    spec: str | None,
    command: str | None,
    transport: str | None,
    auth: str | None,
    headers: list[str] | None,
) -> Any:
    if (spec is None) is (command is None):
        raise CliError("Name one server: a URL, a file.py, or --command '...'", 2)
    if command is not None:
        words = shlex.split(command)
        if not words:
            raise CliError("--command is empty; write the command that starts the server.", 2)
        return StdioTransport(words[0], words[1:], keep_alive=False)
    assert spec is not None
    if is_url(spec):
        return remote(spec, _ORDERS.get(transport or "", transport), headers, auth)
    found = load.Spec.parse(spec)
    if found.is_config:
        return load.config(found)
    return await load.resolve(load.load(found), found)


def _plain(model: Any) -> dict[str, Any]:
    assert isinstance(model, BaseModel)
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def _dump(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False)
