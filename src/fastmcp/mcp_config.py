"""MCP configuration: the `mcpServers` object that hosts keep in JSON files, as models.

One entry says how one server is reached: a `command` that is started, or a `url`. Keys that are
not known here are kept, because hosts have their own. What people paste is taken as it is: servers
at the root, VS Code's `servers`, `type` beside or instead of `transport`. `tools`, `include_tags`
and `exclude_tags` are FastMCP's own, and change what the client sees of a server.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeAlias, cast

from pydantic import (
    AnyUrl,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from fastmcp.client.reshaping import Reshaping, ToolChange
from fastmcp.client.transports.base import ClientTransport
from fastmcp.client.transports.composite import CompositeTransport, Member
from fastmcp.client.transports.remote import http_transport, kind_of
from fastmcp.client.transports.stdio import StdioTransport

__all__ = [
    "CanonicalMCPConfig",
    "CanonicalMCPServerTypes",
    "MCPConfig",
    "MCPServerTypes",
    "RemoteMCPServer",
    "StdioMCPServer",
    "TransformingMCPServerTypes",
    "TransformingRemoteMCPServer",
    "TransformingStdioMCPServer",
    "explain",
    "infer_transport_type_from_url",
    "update_config_file",
]

_TRANSFORMING: Final = ("tools", "include_tags", "exclude_tags")
_KINDS: Final = {
    "stdio": "stdio",
    "sse": "sse",
    "http": "http",
    "streamablehttp": "streamable-http",
}
"""What `transport` and `type` may say, without what people put between the words."""


def infer_transport_type_from_url(url: str | AnyUrl) -> Literal["http", "sse"]:
    """Which transport a URL means: "sse" where its path has a segment that ends in /sse.

    Raises:
        ValueError: no http(s) URL.
    """
    url = str(url)
    if not url.startswith("http"):
        raise ValueError(f"Invalid URL: {url}; write one that begins http:// or https://")
    return kind_of(url)


def _kind(value: object) -> object:
    """A transport as people write it ("streamableHttp", "HTTP"); anything else as it is."""
    if not isinstance(value, str):
        return value
    return _KINDS.get(re.sub(r"[-_ ]", "", value.lower()), value)


class _Server(BaseModel):
    """What every entry may have.

    Attributes:
        timeout: milliseconds that hosts wait for an answer; kept for them.
        description, icon, authentication: for hosts.
    """

    model_config = ConfigDict(extra="allow", arbitrary_types_allowed=True, defer_build=True)

    timeout: int | None = None
    description: str | None = None
    icon: str | None = None
    authentication: dict[str, Any] | None = None

    @field_validator("transport", "type", mode="before", check_fields=False)
    @classmethod
    def _as_people_write(cls, value: object) -> object:
        return _kind(value)

    def reshaping(self) -> Reshaping:
        """What the client sees of the server's components."""
        return Reshaping()

    def direct(self) -> ClientTransport:
        """The transport to the server itself."""
        raise NotImplementedError

    def to_transport(self) -> ClientTransport:
        """The transport that a client of this server alone uses."""
        return self.direct()


class StdioMCPServer(_Server):
    """A server that is started as a child process.

    Attributes:
        command: the program.
        args: its arguments.
        env: variables beside the few that are inherited. Numbers and booleans are written out.
        cwd: where it runs.
        keep_alive: whether the process outlives a client's stay; None means it does.
    """

    command: str
    args: list[str] = Field(default_factory=list[str])
    env: dict[str, Any] = Field(default_factory=dict[str, Any])
    transport: Literal["stdio"] = "stdio"
    type: Literal["stdio"] | None = None
    cwd: str | None = None
    keep_alive: bool | None = None

    def direct(self) -> StdioTransport:
        """A transport that starts it."""
        env = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in self.env.items()
            if value is not None
        }
        return StdioTransport(self.command, self.args, env, self.cwd, self.keep_alive)


class RemoteMCPServer(_Server):
    """A server at a URL.

    Attributes:
        url: of the endpoint.
        transport: None for what `type` says, else for what the URL looks like.
        headers: sent with every request.
        auth: a bearer token, "oauth", or an object of `fastmcp.client.auth`.
        sse_read_timeout: seconds of silence after which a stream counts as lost.
    """

    url: str
    transport: Literal["http", "streamable-http", "sse"] | None = None
    type: Literal["http", "streamable-http", "sse"] | None = None
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    auth: Any = None
    sse_read_timeout: Any = None

    @field_validator("url")
    @classmethod
    def _http(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError("should be an http or https URL")
        return url

    def direct(self) -> ClientTransport:
        """A transport that connects to it."""
        kind = self.transport or self.type or infer_transport_type_from_url(self.url)
        return http_transport(
            self.url,
            # What is said comes first; a server that moved on is found all the same.
            "sse-first" if kind == "sse" else "http-first",
            headers=self.headers,
            auth=self.auth,
            sse_read_timeout=self.sse_read_timeout,
        )


class _Transforming(_Server):
    """What an entry has that changes its server's tools.

    Attributes:
        tools: changes by the tool's own name: name, title, description, tags, meta, enabled, and
            arguments (name, description, default, hide, required, examples).
        include_tags: only components with one of these tags are there.
        exclude_tags: none with one of these.
    """

    tools: dict[str, Any] = Field(default_factory=dict[str, Any])
    include_tags: set[str] | None = None
    exclude_tags: set[str] | None = None

    @model_validator(mode="before")
    @classmethod
    def _transforms(cls, values: object) -> object:
        if isinstance(values, dict) and not _is_transforming(cast("dict[str, Any]", values)):
            raise ValueError("one of 'tools', 'include_tags' and 'exclude_tags' is required")
        return cast("object", values)

    @model_validator(mode="after")
    def _can_be_applied(self) -> Self:
        self.reshaping()
        return self

    def reshaping(self) -> Reshaping:
        """What the client sees of the server's components.

        Raises:
            ValueError: a change that cannot be made.
        """
        changes: dict[str, ToolChange] = {}
        for name, change in self.tools.items():
            dumped = (
                change.model_dump(exclude_unset=True) if hasattr(change, "model_dump") else change
            )
            try:
                changes[name] = ToolChange.model_validate(dumped)
            except ValidationError as exc:
                raise ValueError("; ".join(_lines(exc, f"tools.{name}"))) from exc
        return Reshaping(changes, self.include_tags, self.exclude_tags)

    def to_transport(self) -> ClientTransport:
        """A transport that shows the client the changed server."""
        return CompositeTransport({"server": Member(self.direct(), self.reshaping())}, False)


class TransformingStdioMCPServer(_Transforming, StdioMCPServer):
    """A server that is started, and whose tools are changed."""


class TransformingRemoteMCPServer(_Transforming, RemoteMCPServer):
    """A server at a URL, whose tools are changed."""


def _is_transforming(values: Mapping[str, Any]) -> bool:
    return any(values.get(key) not in (None, {}) for key in _TRANSFORMING)


def _which(value: Any) -> str:
    """Which kind of entry it is; the errors of that one are shown, not those of all."""
    if isinstance(value, BaseModel):
        values: Mapping[str, Any] = dict(value)
    elif isinstance(value, Mapping):
        values = cast("Mapping[str, Any]", value)
    else:
        return "nothing"
    says = _kind(values.get("transport") or values.get("type"))
    if "command" in values and "url" in values:
        kind = "stdio" if says == "stdio" else "remote"
    elif "command" in values:
        kind = "stdio"
    elif "url" in values:
        kind = "remote"
    else:
        return "nothing"
    return f"transforming-{kind}" if _is_transforming(values) else kind


def _which_canonical(value: Any) -> str:
    return _which(value).removeprefix("transforming-")


_SAYS: Final = (
    'should be an object with "command" (a server that is started) or "url" (one that is there '
    'already; some hosts write "serverUrl" or "httpUrl")'
)

TransformingMCPServerTypes: TypeAlias = TransformingStdioMCPServer | TransformingRemoteMCPServer
CanonicalMCPServerTypes: TypeAlias = StdioMCPServer | RemoteMCPServer
MCPServerTypes: TypeAlias = TransformingMCPServerTypes | CanonicalMCPServerTypes

_Any: TypeAlias = Annotated[
    Annotated[TransformingStdioMCPServer, Tag("transforming-stdio")]
    | Annotated[TransformingRemoteMCPServer, Tag("transforming-remote")]
    | Annotated[StdioMCPServer, Tag("stdio")]
    | Annotated[RemoteMCPServer, Tag("remote")],
    Discriminator(_which, custom_error_type="mcp_server", custom_error_message=_SAYS),
]
_Canonical: TypeAlias = Annotated[
    Annotated[StdioMCPServer, Tag("stdio")] | Annotated[RemoteMCPServer, Tag("remote")],
    Discriminator(_which_canonical, custom_error_type="mcp_server", custom_error_message=_SAYS),
]


class MCPConfig(BaseModel):
    """A configuration: servers by name, and what else was in the file."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    mcpServers: dict[str, _Any] = Field(default_factory=dict[str, MCPServerTypes])  # noqa: N815

    @model_validator(mode="before")
    @classmethod
    def wrap_servers_at_root(cls, values: Any) -> Any:
        """Servers at the root, or under VS Code's `servers`, are moved to `mcpServers`."""
        if not isinstance(values, Mapping):
            return values
        given = dict(cast("Mapping[str, Any]", values))
        key = _holder(given)
        if key is None:
            return {"mcpServers": given}
        if key == "servers":
            given["mcpServers"] = given.pop(key)
        return given

    @property
    def enabled(self) -> dict[str, MCPServerTypes]:
        """The servers that are meant to be used: those without `"disabled": true`."""
        return {
            name: server
            for name, server in self.mcpServers.items()
            if not (server.model_extra or {}).get("disabled")
        }

    def add_server(self, name: str, server: MCPServerTypes) -> None:
        """Add a server, or put another in its place."""
        self.mcpServers[name] = server

    @classmethod
    def from_dict(cls, config: dict[str, Any]) -> Self:
        """A configuration out of plain data.

        Raises:
            pydantic.ValidationError: it does not fit; names the server and the key.
        """
        return cls.model_validate(config)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, with all keys that have a value."""
        return self.model_dump(exclude_none=True)

    def write_to_file(self, file_path: Path) -> None:
        """Write it as JSON. Folders are made; a file that is there is replaced in one step."""
        _write(Path(file_path), self.model_dump(mode="json", exclude_none=True))

    @classmethod
    def from_file(cls, file_path: Path) -> Self:
        """Read a JSON file.

        Raises:
            ValueError: there is none, it is empty, or it is no such configuration; says where.
        """
        data = _read(Path(file_path))
        try:
            return cls.model_validate(data)
        except ValidationError as exc:
            raise explain(exc, str(file_path)) from exc


class CanonicalMCPConfig(MCPConfig):
    """A configuration without FastMCP's own keys: `tools` and tags are kept and mean nothing."""

    mcpServers: dict[str, _Canonical] = Field(  # noqa: N815  # pyright: ignore[reportIncompatibleVariableOverride]  (narrower, as its name says)
        default_factory=dict[str, CanonicalMCPServerTypes]
    )


def update_config_file(
    file_path: Path, server_name: str, server_config: CanonicalMCPServerTypes
) -> None:
    """Put a server into a configuration file; everything else in it stays as it is.

    Args:
        file_path: of the file, which must be there.
        server_name: the entry to add or to change. Keys of a server that is there already are
            kept where the new one says nothing.
        server_config: what to write.
    Raises:
        ValueError: the file cannot be read, or is no such configuration.
    """
    path = Path(file_path)
    MCPConfig.from_file(path)
    data: dict[str, Any] = _read(path)
    key = _holder(data)
    servers: dict[str, Any] = data if key is None else data.setdefault(key, {})
    new = server_config.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    servers[server_name] = {**servers.get(server_name, {}), **new}
    _write(path, data)


def explain(error: ValidationError, what: str = "The MCP configuration") -> ValueError:
    """The errors of a configuration in plain words: which server, which key, what is wrong.

    Args:
        error: what validating it raised.
        what: how to call it.
    """
    return ValueError("\n  ".join([f"{what} is not right:", *_lines(error)]))


def _lines(error: ValidationError, where: str = "") -> list[str]:
    lines: list[str] = []
    for found in error.errors(include_url=False):
        path = [str(part) for part in found["loc"]]
        says = found["msg"].removeprefix("Value error, ")
        if path[:1] == ["mcpServers"]:
            name, *keys = path[1:] or [""]
            place = f"server {name!r}" if name else "mcpServers"
            key = ".".join(keys[1:] if keys[:1] and keys[0] in _TAGS else keys)
            lines.append(f"{place}, key {key!r}: {says}" if key else f"{place}: {says}")
        else:
            lines.append(f"{'.'.join([where, *path] if where else path)}: {says}")
    return lines


_TAGS: Final = ("stdio", "remote", "transforming-stdio", "transforming-remote")


def _holder(values: Mapping[str, Any]) -> str | None:
    """The key that holds the servers; None where they stand at the root."""
    if "mcpServers" in values:
        return "mcpServers"
    servers = values.get("servers")
    if isinstance(servers, Mapping) and not {"command", "url"} & servers.keys():
        return "servers"
    at_root = any(
        isinstance(value, Mapping) and ("command" in value or "url" in value)
        for value in values.values()
    )
    return None if at_root else "mcpServers"


def _read(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8-sig").strip()
    except FileNotFoundError:
        text = ""
    except UnicodeDecodeError as exc:
        raise ValueError(f"{path} is no text in UTF-8: {exc.reason} at byte {exc.start}") from exc
    if not text:
        raise ValueError(f"No MCP servers defined in the config: {path}")
    try:
        return json.loads(text)
    except json.JSONDecodeError as exc:
        raise ValueError(
            f"{path} is no JSON: line {exc.lineno}, column {exc.colno}: {exc.msg}. Comments and "
            "trailing commas, which some hosts allow, are not JSON."
        ) from exc
    except (ValueError, RecursionError) as exc:  # a number of thousands of digits
        raise ValueError(f"{path} cannot be read: a number or its nesting has no end") from exc


def _write(path: Path, data: object) -> None:
    path = path.resolve()  # a link stays a link
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else None
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "wb") as file:
            file.write(_encoded(data) + b"\n")
        if mode is not None:
            os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _encoded(data: object) -> bytes:
    """As people write JSON. Half a surrogate pair, which UTF-8 has not, a file can hold as an
    escape, so then all that is not ASCII is one."""
    try:
        return json.dumps(data, indent=2, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(data, indent=2).encode()
