"""Readers of a client: what a server answers, says and points to, and what comes back of a browser.

The server is hostile, the client's program is not: whatever comes, a call gives a result or one of
the errors that a client documents, and the next call can be made.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import mcp_types
from yarl import URL

from fastmcp import Client
from fastmcp.client.auth import discovery
from fastmcp.client.auth.callback import CallbackServer
from fastmcp.client.auth.discovery import AuthorizationServer
from fastmcp.client.auth.fetching import Fetcher
from fastmcp.client.auth.oauth import _Request
from fastmcp.client.errors import AuthorizationFailedError, ConnectFailedError
from fastmcp.client.results import OutputSchema
from fastmcp.client.transports import ClientTransport
from fastmcp.client.transports.pipe import PipeChannel
from fastmcp.client.transports.second_reading import read
from fastmcp.exceptions import FastMCPError, McpError
from fastmcp.protocol.jsonrpc import Malformed, load
from fastmcp.settings import get_settings
from fastmcp.utilities.json_schema_type import json_schema_to_type
from fastmcp.utilities.schema_check import SchemaCheck
from tests.fuzz import seeds
from tests.fuzz.of_oauth import STRANGER, answer
from tests.fuzz.reader import Reader, run

# --- what a server says on a pipe ----------------------------------------------------------------

INITIALIZED = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {}, "resources": {}, "prompts": {}, "logging": {}, "completions": {}},
    "serverInfo": {"name": "hostile", "version": "1"},
}
DISCOVERED = {
    "resultType": "complete",
    "supportedVersions": [seeds.STATELESS],
    "capabilities": INITIALIZED["capabilities"],
    "ttlMs": 0,
    "cacheScope": "private",
}
_OPENING = {"initialize": INITIALIZED, "server/discover": DISCOVERED}


class Hostile(ClientTransport):
    """A server that opens a connection in order, and answers the next request as it is told.

    Args:
        method: whose answer is the hostile one; what else is asked gets an empty result.
        says: lines, in which `$id` is the id of the request.
    """

    def __init__(self, method: str, says: bytes) -> None:
        self._method = method
        self._says = says

    @asynccontextmanager
    async def open_channel(self) -> AsyncGenerator[PipeChannel]:
        async def write(body: bytes) -> None:
            message = json.loads(body)
            if "id" not in message or "method" not in message:
                return
            id = json.dumps(message["id"]).encode()
            result = _OPENING.get(message["method"], {})
            if message["method"] == self._method:
                for line in self._says.replace(b"$id", id).split(b"\n"):
                    if line.strip():
                        channel.feed(line)
            # The last word: a client must not wait for one that cannot be read.
            channel.feed(b'{"jsonrpc":"2.0","id":%s,"result":%s}' % (id, seeds.said(result)))

        channel = PipeChannel(write)
        try:
            yield channel
        finally:
            await channel.finish()


async def _elicited(*_: Any) -> dict[str, Any]:
    return {}


async def _sampled(*_: Any) -> str:
    return "thought"


Ask = Callable[[Client[Any]], Coroutine[Any, Any, Any]]

_TOOL = {
    "name": "greet",
    "inputSchema": {"type": "object"},
    "outputSchema": {
        "type": "object",
        "properties": {"a": {"type": "string", "format": "date-time"}},
        "$defs": {"b": {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/b"}]}},
    },
}


async def _list_and_call(client: Client[Any]) -> None:
    for tool in await client.list_tools():
        await client.call_tool(tool.name, {}, raise_on_error=False)


_ASKS: dict[str, Ask] = {
    "initialize": lambda client: client.list_tools(),
    "server/discover": lambda client: client.list_tools(),
    "tools/list": _list_and_call,
    "tools/call": lambda client: client.call_tool("greet", {"name": "a"}),
    "resources/list": lambda client: client.list_resources(),
    "resources/templates/list": lambda client: client.list_resource_templates(),
    "resources/read": lambda client: client.read_resource("data://a"),
    "prompts/list": lambda client: client.list_prompts(),
    "prompts/get": lambda client: client.get_prompt("letter", {"to": "a"}),
    "completion/complete": lambda client: client.complete(
        mcp_types.PromptReference(name="letter"), {"name": "to", "value": "a"}
    ),
    "ping": lambda client: client.ping(),
}


def _answered(data: bytes) -> None:
    """`method era` in the first line, then the lines that the server says."""
    first, _, says = data.partition(b"\n")
    method, _, era = first.partition(b" ")
    ask = _ASKS.get(method.decode("latin-1"))
    if ask is None:
        return
    run(_conversation(method.decode(), ask, says, seeds.STATELESS if era == b"new" else "legacy"))


async def _conversation(method: str, ask: Ask, says: bytes, mode: str) -> None:
    client = Client(
        Hostile(method, says),
        mode=mode,
        timeout=2,
        init_timeout=2,
        elicitation_handler=_elicited,
        sampling_handler=_sampled,
        roots=["file:///a"],
        log_handler=_heard,
        message_handler=_heard,
        progress_handler=_heard,
    )
    async with client:
        await ask(client)


async def _heard(*_: Any) -> None:
    return


def _said(method: str, *values: Any, era: str = "old") -> bytes:
    lines = [f"{method} {era}".encode()]
    for value in values:
        text = seeds.said(value if isinstance(value, dict) and "jsonrpc" in value else _of(value))
        lines.append(text.replace(b'"$id"', b"$id"))
    return b"\n".join(lines)


def _of(result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": "$id", "result": result}


def _error(code: int, message: str, data: Any) -> dict[str, Any]:
    error = {"code": code, "message": message, "data": data}
    return {"jsonrpc": "2.0", "id": "$id", "error": error}


def _told(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method, "params": params}


def _asked(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 3, "method": method, "params": params}


def _answers() -> tuple[bytes, ...]:
    found = [
        _said(method, result, era=era)
        for method, name in (
            ("tools/list", "ListToolsResult"),
            ("tools/call", "CallToolResult"),
            ("resources/list", "ListResourcesResult"),
            ("resources/templates/list", "ListResourceTemplatesResult"),
            ("resources/read", "ReadResourceResult"),
            ("prompts/list", "ListPromptsResult"),
            ("prompts/get", "GetPromptResult"),
            ("completion/complete", "CompleteResult"),
        )
        for result in seeds.examples(name)
        for era in ("old", "new")
    ]
    form = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    asks = {
        "a": {"method": "elicitation/create", "params": {"message": "?", "requestedSchema": form}}
    }
    schemas = {"tools": [_TOOL], "resultType": "complete", "ttlMs": 5, "cacheScope": "private"}
    return (
        *found,
        _said("initialize", INITIALIZED),
        _said("server/discover", DISCOVERED, era="new"),
        _said("tools/list", schemas),
        _said("tools/list", schemas, era="new"),
        _said("tools/call", {"content": [], "structuredContent": {"a": "b"}, "isError": True}),
        _said(
            "tools/call",
            {"resultType": "input_required", "inputRequests": asks, "requestState": "s"},
            era="new",
        ),
        _said("ping", _error(-32603, "no", {"a": [1]})),
        _said(
            "ping", _error(-32022, "no", {"supported": ["2025-11-25"], "requested": "a"}), era="new"
        ),
        _said(
            "tools/call",
            _told("notifications/progress", progressToken=1, progress=0.5, total=1, message="a"),
            _told("notifications/message", level="info", data={"a": 1}, logger="l"),
            _told("notifications/cancelled", requestId=3, reason="a"),
            _told("notifications/resources/updated", uri="data://a"),
            _told("notifications/tools/list_changed"),
            _asked("elicitation/create", message="?", requestedSchema=form),
            _asked(
                "elicitation/create", mode="url", message="?", url="https://a", elicitationId="e"
            ),
            _asked(
                "sampling/createMessage",
                messages=[{"role": "user", "content": {"type": "text", "text": "a"}}],
                maxTokens=5,
            ),
            _asked("roots/list"),
            _asked("ping"),
        ),
    )


# --- what a server answers over HTTP -------------------------------------------------------------


def _over_http(data: bytes) -> None:
    async def call() -> None:
        await STRANGER.start()
        STRANGER.says = data
        get_settings().client_retry_seconds = 0
        client = Client(f"{STRANGER.url}/mcp", mode="legacy", timeout=0.3, init_timeout=0.3)
        async with client:
            await client.ping()

    run(call())


_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"


def _event(message: Any, id: str = "") -> bytes:
    return (f"id: {id}\n" if id else "").encode() + b"data: " + seeds.said(message) + b"\n\n"


def _http_answers() -> tuple[bytes, ...]:
    opened = {"jsonrpc": "2.0", "id": 1, "result": INITIALIZED}
    failed = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "no"}}
    challenge = b'WWW-Authenticate: Bearer resource_metadata="http://127.0.0.1/a", scope="a"\r\n'
    return (
        answer(seeds.said(opened)).replace(b"Cache", b"Mcp-Session-Id: s\r\nCache"),
        answer(_event(opened), kind="text/event-stream"),
        answer(seeds.said(failed), "400 Bad Request"),
        answer(b"", "401 Unauthorized").replace(b"Cache", challenge + b"Cache"),
        answer(b"no", "503 Service Unavailable").replace(b"Cache", b"Retry-After: 1\r\nCache"),
        answer(b"", "307 Temporary Redirect").replace(b"Cache", b"Location: /mcp\r\nCache"),
        _CHUNKED + b"Content-Type: text/event-stream\r\n\r\n5\r\n: a\n\n\r\n0\r\n\r\n",
    )


def _second(data: bytes) -> None:
    for message in read(data):
        str(message)


# --- who lets a client in ------------------------------------------------------------------------


def _discovered(data: bytes) -> None:
    """Where a server says that its authorization is."""

    async def find() -> None:
        await STRANGER.start()
        STRANGER.says = data.replace(b"http://stranger", STRANGER.url.encode())
        endpoint = URL(f"{STRANGER.url}/mcp")
        async with Fetcher(endpoint) as http:
            for issuer in (None, STRANGER.url):
                try:
                    await discovery.authorization_server(http, endpoint, issuer)
                except AuthorizationFailedError as refused:
                    _shown(refused)
            await discovery.protected_resource(http, endpoint, None)

    run(find())


def _shown(refused: Exception) -> None:
    """What is shown to a person moves no cursor in a terminal."""
    assert "\x1b" not in str(refused)


_RESOURCE = {
    "resource": "http://stranger/mcp",
    "authorization_servers": ["http://stranger", "https://a.example/x"],
    "scopes_supported": ["a", "b"],
    "dpop_bound_access_tokens_required": True,
}
_SERVER = {
    "issuer": "http://stranger",
    "authorization_endpoint": "http://stranger/authorize",
    "token_endpoint": "http://stranger/token",
    "registration_endpoint": "http://stranger/register",
    "code_challenge_methods_supported": ["S256"],
    "token_endpoint_auth_methods_supported": ["none"],
    "dpop_signing_alg_values_supported": ["ES256"],
}

# --- the browser comes back ----------------------------------------------------------------------

_ISSUER = "https://a.example"
_ASKED = _Request(
    AuthorizationServer(_ISSUER, f"{_ISSUER}/authorize", f"{_ISSUER}/token", sends_iss=True),
    "http://127.0.0.1:3333/callback",
    "s",
    "v" * 43,
)


def _came_back(data: bytes) -> None:
    """A request to the page of the browser's return: any page in that browser can send one."""

    async def visit() -> None:
        async with CallbackServer("127.0.0.1", 0, "a server") as page:
            page.expect(_ASKED.state, _ASKED.wrong)
            reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
            try:
                writer.write(
                    data + b"\r\n\r\n" + _return("", "GET", "/")
                )  # it waits for a whole one
                with suppress(asyncio.IncompleteReadError, OSError):
                    head = await reader.readuntil(b"\r\n\r\n")
                    assert int(head.split(b" ", 2)[1]) < 500, head
                    writer.write_eof()
                    body = await reader.read()
                    assert b"text/html" not in head or b"<script" not in body, body
            finally:
                writer.close()

    run(visit())


def _return(query: str, verb: str = "GET", path: str = "/callback") -> bytes:
    return f"{verb} {path}?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


_SAYS = "state=s&iss=https%3A%2F%2Fa.example"
_RETURNS = (
    _return(f"code=a+code&{_SAYS}"),
    _return(f"error=access_denied&error_description=The+person+said+%22no%22&{_SAYS}"),
    _return(f"error=server_error&error_uri=https://a.example/%C3%A9&{_SAYS}"),
    _return("code=a&state=another"),
    _return(_SAYS, "HEAD"),
    _return("", "GET", "/favicon.ico"),
)

# --- schemas -------------------------------------------------------------------------------------


def _schema(data: bytes) -> None:
    """A schema and a value, as `[schema, value]`."""
    value = load(data)
    if not (isinstance(value, list) and len(value) == 2 and isinstance(value[0], dict)):
        return
    schema, said = value
    SchemaCheck(schema, "schema").complaint(said)
    OutputSchema("t", schema).read(said)


def _alike(count: int) -> list[str]:
    """Names that become one name where only letters and digits are kept."""
    return [
        f"{number:b}".replace("0", "-").replace("1", "+").rjust(16, ".") for number in range(count)
    ]


def _type(data: bytes) -> None:
    value = load(data)
    if isinstance(value, dict):
        json_schema_to_type(value)


_SCHEMAS = (
    seeds.said([_TOOL["outputSchema"], {"a": "2026-07-28T00:00:00Z"}]),
    *(
        seeds.said([schema, "value"])
        for name in (
            "NumberSchema",
            "StringSchema",
            "TitledSingleSelectEnumSchema",
            "BooleanSchema",
        )
        for schema in seeds.examples(name)
    ),
    seeds.said(
        [
            {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "type": ["object", "null"],
                "title": "A thing",
                "properties": {"n": {"type": "integer", "minimum": 1, "multipleOf": 2}},
                "patternProperties": {"^(a+)+$": {"enum": ["x", 1, None, {"y": []}]}},
                "additionalProperties": {"$ref": "#/definitions/d"},
                "definitions": {"d": {"items": [{"const": 1}], "uniqueItems": True}},
                "required": ["n"],
                "dependencies": {"n": ["m"], "m": {"not": {}}},
            },
            {"n": 4, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!": 1},
        ]
    ),
)

_REFUSALS = (McpError, FastMCPError, ConnectFailedError)

READERS = (
    Reader(
        "answer of a server",
        _answered,
        _answers(),
        _REFUSALS,
        grows=(
            lambda n: _said("tools/call", {"content": [{"type": "text", "text": "a"}] * (n // 8)}),
            lambda n: _said("tools/list", {"tools": [_TOOL] * (n // 100)}),
            lambda n: _said("tools/call", *[_told("notifications/progress")] * (n // 8)),
            lambda n: b"tools/call old\n" + b"[" * n,
            lambda n: b'tools/call old\n{"jsonrpc":"2.0","id":$id,"result":' + b'{"a":' * n,
        ),
    ),
    Reader("answer over http", _over_http, _http_answers(), _REFUSALS),
    Reader(
        "answer read again",
        _second,
        tuple(
            one.replace(b"$id", b"1")
            for one in (_said("", _error(1, "a", None)), _said("", {"a": "\ud800"}))
            for one in (one.partition(b"\n")[2],)
        ),
        grows=(
            lambda n: b"{" + b" " * n,
            lambda n: b'{"id":1,"result":' + b"[" * n,
            lambda n: b'{"jsonrpc":"2.0","id":1,"result":"' + b"\\ud800" * n + b'"}',
            lambda n: b"[" + b'{"id":1,"result":1},' * (n // 8) + b"1]",
        ),
    ),
    Reader(
        "authorization of a server",
        _discovered,
        (
            answer(seeds.said(_RESOURCE)),
            answer(seeds.said(_SERVER)),
            answer(seeds.said(_RESOURCE | _SERVER)),
            answer(b"", "404 Not Found"),
            answer(b"", "302 Found").replace(b"Cache", b"Location: /elsewhere\r\nCache"),
        ),
        (AuthorizationFailedError,),
    ),
    Reader(
        "return of a browser",
        _came_back,
        _RETURNS,
        words=(b"%ED%A0%80", b"\xed\xa0\x80", b"<script>", b"state=s", b"error=", b"HTTP/1.0"),
        grows=(
            lambda n: _return(f"code={'a' * n}&{_SAYS}"),
            lambda n: _return("a=b&" * n + _SAYS),
            lambda n: _return(f"error={'%3C' * n}&{_SAYS}"),
        ),
    ),
    Reader(
        "schema of a server",
        _schema,
        _SCHEMAS,
        (ValueError, Malformed),
        words=(b'"$ref":"#/$defs/b"', b"allOf", b"$dynamicRef", b"pattern", b"$id", b"const"),
        grows=(
            lambda n: b'[{"$ref":"#' + b"/a" * n + b'"},1]',
            lambda n: b'[{"pattern":"' + b"(a*)*" * n + b'$"},"' + b"a" * n + b'!"]',
            lambda n: b'[{"uniqueItems":true},[' + b"{}," * n + b"1]]",
            lambda n: b'[{"enum":[' + b"{}," * n + b"1]},[" + b"{}," * n + b"1]]",
            lambda n: b'[{"properties":{"a":' * (n // 16) + b"1",
            lambda n: seeds.said([{"properties": {name: {} for name in _alike(n // 16)}}, {"": 1}]),
        ),
    ),
    Reader(
        "type of a schema",
        _type,
        tuple(one[1 : one.rindex(b",")] for one in _SCHEMAS),
        (Malformed,),
        examples=(
            b'{"type":"object","properties":[{"a":1}]}',
            b'{"type":"object","properties":"#/$defs/b"}',
            b'{"oneOf":0}',
            b'{"enum":7}',
            b'{"type":"array","prefixItems":3,"maxItems":3}',
            b'{"allOf":[1],"properties":{"a":{}},"required":5}',
        ),
    ),
)
