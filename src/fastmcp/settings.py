"""Everything that can be set from outside: the `FASTMCP_*` variables and a `.env` file.

Settings are read when objects are built (a server, an application, a client), never during a
call: changing the environment of a running process changes nothing that already runs.
Precedence: constructor argument of the object, environment, env file, default below.
The env file is the one FASTMCP_ENV_FILE names, or `.env` in the working directory.

Importing this module builds nothing. `get_settings()` makes the one instance on first use, so
that a bad value is reported when something needs it, in a sentence that names the variable.
"""

from __future__ import annotations

import functools
import os
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, cast

import pydantic
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

__all__ = [
    "ENV_PREFIX",
    "LogFormat",
    "LogLevel",
    "McpLogLevel",
    "OnDisconnect",
    "Settings",
    "TelemetryMode",
    "get_settings",
    "settings",
]

ENV_PREFIX = "FASTMCP_"

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LogFormat = Literal["text", "json"]
McpLogLevel = Literal[
    "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"
]
OnDisconnect = Literal["cancel", "continue"]
"""What becomes of a call whose client closes the connection."""
TelemetryMode = Literal["native", "propagation_only", "off"]
"""Spans and trace context, trace context alone, or neither."""
TransportName = Literal["stdio", "http", "sse", "streamable-http"]


def _user_data() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_dir("fastmcp"))


class Settings(BaseModel):
    """The `FASTMCP_*` settings of a server and a client. Durations are seconds, sizes bytes.

    Args:
        _env_file: read instead of the one above; None for none.
        values: settings, by name.
    Raises:
        pydantic.ValidationError: a value given or assigned does not fit. `get_settings()` turns
            it into a `ValueError` of one sentence.
    """

    model_config = ConfigDict(
        extra="ignore",
        validate_assignment=True,
        # Errors are shown to people: the value of FASTMCP_SESSION_KEY must not be in them.
        hide_input_in_errors=True,
    )

    # --- the process -----------------------------------------------------------------------
    home: Path = Field(default_factory=_user_data)
    """Where keys and sockets that workers of one machine share are kept."""
    oauth_encryption_key: SecretStr | None = None
    """Encrypts the tokens that `--auth oauth` keeps in `home`: a Fernet key."""
    test_mode: bool = False
    log_enabled: bool = True
    """False: `configure_logging` attaches no handler."""
    log_level: LogLevel = "INFO"
    log_format: LogFormat = "text"
    """json: each record is one JSON object on one line, uvicorn's as well."""
    enable_rich_logging: bool = True
    """Colours on a terminal; elsewhere lines are plain anyway."""
    enable_rich_tracebacks: bool = True
    deprecation_warnings: bool = True
    telemetry_mode: TelemetryMode = "native"
    """What is done for OpenTelemetry, in a process that has a tracer provider."""
    mcp_camelcase_compat: bool = True
    """Old spellings of the protocol's fields (`tool.inputSchema`) can be read."""
    debug: bool = False

    # --- running a server ------------------------------------------------------------------
    transport: TransportName = "stdio"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    sse_path: str = "/sse"
    message_path: str = "/messages/"
    streamable_http_path: str = "/mcp"
    legacy_sse: bool = False
    """Serve HTTP+SSE of 2024-11-05 beside Streamable HTTP, at the two paths above."""
    show_server_banner: bool = True
    server_dependencies: list[str] = Field(default_factory=list)

    # --- what a server answers -------------------------------------------------------------
    mask_error_details: bool = False
    """True: the text of an exception that is not a ToolError stays on the server."""
    strict_input_validation: bool = False
    """True: the argument "1" no longer fits a parameter of type int."""
    client_log_level: McpLogLevel | None = None
    """Least level of the log notifications sent to a client that set none."""
    max_threads: int = Field(default=256, ge=1)
    """Threads of this process for synchronous tools, resources and prompts; calls beyond wait."""
    on_disconnect: OnDisconnect = "continue"
    """Whether a client that leaves cancels its running call, in the handshake era."""

    # --- background tasks ------------------------------------------------------------------
    tasks_lifetime: float = Field(default=24 * 3600.0, gt=0)
    """A task is cancelled and forgotten so long after it was made, whatever it does."""
    tasks_retention: float = Field(default=3600.0, gt=0)
    """How long the outcome of a finished task is kept."""
    tasks_max: int = Field(default=1000, ge=0)
    """Tasks that run in this process, of all clients; 0 for no limit, here and in the following."""
    tasks_max_per_owner: int = Field(default=100, ge=0)
    """Tasks of one authenticated principal that run in this process."""
    tasks_max_kept_bytes: int = Field(default=64 * 1024 * 1024, ge=0)
    """Of the outcomes of finished tasks together; the oldest are forgotten first."""

    docket_url: SecretStr = SecretStr("memory://")
    """A Redis through which docket queues the tasks, so that they outlive their process (the extra
    `tasks`); memory:// runs them in the process that was asked."""
    docket_name: str = "fastmcp"
    """Begins the name of the queue; the server's name is the rest of it."""
    docket_worker_name: str | None = None
    docket_concurrency: int = Field(default=10, ge=0)
    """Tasks that a process runs at the same time; 0 leaves them to other processes."""
    docket_redelivery_timeout: timedelta = timedelta(minutes=5)
    """A process that was silent for so long is dead: its tasks are run by another."""
    docket_reconnection_delay: timedelta = timedelta(seconds=5)
    docket_minimum_check_interval: timedelta = timedelta(milliseconds=50)
    """These three: seconds, or as ISO 8601 writes them (`PT5M`)."""

    # --- HTTP ------------------------------------------------------------------------------
    json_response: bool = False
    stateless_http: bool = False
    http_host_origin_protection: bool | Literal["auto"] = "auto"
    """Check Host and Origin: never, on every request, or ("auto") on loopback-bound servers and
    where a list is given."""
    http_allowed_hosts: list[str] | None = None
    http_allowed_origins: list[str] | None = None
    http_cors_origins: list[str] | None = None
    """Origins whose pages may talk to the server; the check above lets them through as well."""
    http_cors_credentials: bool = False
    """Such pages may send cookies, for a proxy that signs people in; never with `*`."""
    http_health: bool = False
    """Serve /healthz and /readyz."""
    http_session_idle_timeout: float | None = Field(default=None, gt=0)
    """An idle session costs nothing, so by default none ends for being idle."""
    http_session_lifetime: float | None = Field(default=7 * 24 * 3600.0, gt=0)
    """A session ends this long after it began, whatever happens."""
    http_read_timeout: float = Field(default=30.0, ge=0)
    """A connection that has brought no request after so long, or nothing more of one that began, is
    ended; 0 waits for ever."""
    http_write_timeout: float = Field(default=30.0, ge=0)
    """A client that does not read its answer for so long is given up; 0 waits for ever."""
    http_stream_lifetime: float = Field(default=3600.0, ge=0)
    """A GET's stream, and a subscription, ends after this long, and its client comes back; 0:
    never."""
    http_max_body_bytes: int = Field(default=4 * 1024 * 1024, gt=0)
    http_max_header_bytes: int = Field(default=64 * 1024, ge=0)
    """Of all header names and values together; 0 for no limit, here and in the following."""
    http_max_json_depth: int = Field(default=200, ge=0)
    """Levels of objects and arrays in a body."""
    http_max_requests: int = Field(default=0, ge=0)
    """Requests that are being served, of all clients of an application together."""
    http_max_session_requests: int = Field(default=100, ge=0)
    http_max_session_streams: int = Field(default=16, ge=0)
    http_max_subscriptions: int = Field(default=1000, ge=0)
    """Streams of subscriptions/listen that an application holds open in one process."""
    http_max_principal_subscriptions: int = Field(default=100, ge=0)
    """The same of one authenticated principal; who is not authenticated has the limit above."""
    http_max_sse_streams: int = Field(default=1000, ge=0)
    """Streams of HTTP+SSE, each a session, that an application holds open in one process."""
    http_sse_initialize_timeout: float = Field(default=60.0, ge=0)
    """A stream of HTTP+SSE whose client has not initialized after so long ends; 0: never."""
    http_keepalive_interval: float = Field(default=15.0, ge=0)
    """Pause between the comments that keep an idle SSE stream open; 0 sends none."""
    http_token_recheck: float = Field(default=15.0, gt=0)
    """Seconds after which the token that opened a stream is verified again: one that was revoked
    ends its streams within that time."""
    http_stream_after: float = Field(default=0.1, ge=0)
    """After this long a call that may be streamed turns into an SSE stream."""
    redis_url: SecretStr | None = None
    """A Redis that all workers share: sessions, events, and messages between workers."""
    http_stall_after: float = Field(default=1.0, ge=0)
    """Seconds that a function may keep the event loop, on which everybody is served, until the log
    names it; 0 does not look."""
    http_shutdown_grace: float = Field(default=10.0, ge=0)
    """Seconds that running calls have to finish when the server is told to stop."""
    session_key: SecretStr | None = None
    """Signs session ids. Several keys, separated by commas: the first signs, all verify, so a
    key can be changed without a session being lost. None: the shared key in `home`."""

    input_required_hold: float = Field(default=600.0, gt=0)
    """Seconds that a handler which asked its client waits for the answer, in the stateless era."""
    input_required_limit: int = Field(default=100, ge=1)
    """Such handlers of one authenticated principal; beyond, the one that has waited longest is
    given up."""
    input_required_total: int = Field(default=1000, ge=1)
    """Such handlers of an application in this process; beyond, likewise."""
    request_state_ttl: float = Field(default=3600.0, gt=0)
    """Seconds that a `requestState` is worth something."""

    # --- proxies ---------------------------------------------------------------------------
    proxy_max_connections: int = Field(default=1000, ge=0)
    """Connections of one proxy to the server behind it, one for each client that can be told from
    others; 0: no limit."""
    proxy_max_processes: int = Field(default=100, ge=0)
    """The same where each of them starts a process; 0: no limit."""

    # --- client ----------------------------------------------------------------------------
    client_init_timeout: float | None = Field(default=None, ge=0)
    client_disconnect_timeout: float = Field(default=5, ge=0)
    client_retry_seconds: float = Field(default=10, ge=0)
    """For how long a client asks a server again that is away for a moment; never longer than the
    call's own time-out."""

    def __init__(self, **values: Any) -> None:
        # The file's name is looked up now, not when the class is made: tests and programs set it.
        env_file = values.pop("_env_file", os.environ.get("FASTMCP_ENV_FILE", ".env"))
        super().__init__(**{**_from_outside(env_file), **values})

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator(
        "client_log_level",
        "log_format",
        "on_disconnect",
        "telemetry_mode",
        "transport",
        mode="before",
    )
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator(
        "docket_redelivery_timeout",
        "docket_reconnection_delay",
        "docket_minimum_check_interval",
        mode="before",
    )
    @classmethod
    def _seconds(cls, value: object) -> object:
        """pydantic reads the text "300" as no duration."""
        with suppress(ValueError):
            return float(value) if isinstance(value, str) else value
        return value

    @field_validator("home")
    @classmethod
    def _expand(cls, value: Path) -> Path:
        return value.expanduser()

    @field_validator(
        "server_dependencies",
        "http_allowed_hosts",
        "http_allowed_origins",
        "http_cors_origins",
        mode="before",
    )
    @classmethod
    def _words(cls, value: object) -> object:
        """A list is given as JSON (`["a", "b"]`) or as words between commas (`a,b`)."""
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return pydantic.TypeAdapter(list[str]).validate_json(value)
        return [word for word in map(str.strip, value.split(",")) if word]

    @field_validator("session_key")
    @classmethod
    def _has_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _split_keys(value):
            raise ValueError("it holds no key, only commas and blanks")
        return value

    @property
    def session_keys(self) -> tuple[str, ...]:
        """The keys in `session_key`, the signing one first; empty when none is set."""
        return () if self.session_key is None else _split_keys(self.session_key)

    def get_setting(self, attr: str) -> Any:
        """The value of a setting by name; `a__b` reads `b` of the nested setting `a`."""
        value: Any = self
        for part in attr.split("__"):
            if not hasattr(value, part):
                raise AttributeError(f"There is no setting {attr!r}.")
            value = getattr(value, part)
        return value

    def set_setting(self, attr: str, value: Any) -> None:
        """Assign a setting by name (see `get_setting`); the value is validated."""
        owner, _, name = attr.rpartition("__")
        target = self.get_setting(owner) if owner else self
        if not hasattr(target, name):
            raise AttributeError(f"There is no setting {attr!r}.")
        setattr(target, name, value)


def _from_outside(env_file: str | os.PathLike[str] | None) -> dict[str, str]:
    """What the environment says, and the env file where it says nothing; empty values are none."""
    said: dict[str, str | None] = {}
    if env_file and (path := Path(env_file).expanduser()).is_file():
        import dotenv

        said.update(dotenv.dotenv_values(path))
    said.update({name: text for name, text in os.environ.items() if text})
    prefix = ENV_PREFIX.lower()
    return {
        name.lower().removeprefix(prefix): text
        for name, text in said.items()
        if text and name.lower().startswith(prefix)
    }


def _split_keys(secret: SecretStr) -> tuple[str, ...]:
    return tuple(key for key in map(str.strip, secret.get_secret_value().split(",")) if key)


@functools.cache
def get_settings() -> Settings:
    """The process's settings, read once.

    Raises:
        ValueError: a variable holds a value that does not fit; the message is one sentence per
            variable and never shows the value, which may be a secret.
    """
    try:
        return Settings()
    except pydantic.ValidationError as error:
        raise ValueError(_explain(error)) from None
    except (UnicodeError, RecursionError, RuntimeError) as error:
        raise ValueError(f"The FASTMCP_* settings cannot be read: {error}.") from None


def _explain(error: pydantic.ValidationError) -> str:
    problems: dict[str, str] = {}
    for detail in error.errors(include_url=False, include_input=False):
        name = ENV_PREFIX + str(detail["loc"][0]).upper()
        text = detail["msg"].removeprefix("Value error, ")
        text = text[:1].lower() + text[1:]
        known = problems.get(name)
        problems[name] = text if known is None else f"{known}; or: {text}"
    return " ".join(
        f"{name} is not valid ({text}): correct it in the environment or in the env file, "
        "or unset it."
        for name, text in problems.items()
    )


settings: Settings
"""The same instance as `get_settings()`, made when first asked for."""


def __getattr__(name: str) -> Any:
    if name == "settings":
        return cast("Any", get_settings())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
