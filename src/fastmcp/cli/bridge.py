"""`fastmcp bridge URL`: stdio in front of a remote server, for clients that only speak stdio.

The bridge is a proxy like any other (`fastmcp/proxy.py`) that is served on standard input and
output. It begins to connect when its client says hello. A host such as a desktop application
starts its servers once, with itself: so a server that is not there yet is waited for, for a time,
and then the client is told so in the answer to its first request, with the reason, and not by a
process that has gone. A later attempt finds the bridge alive.

Standard output carries the protocol alone. On standard error stands in plain words what happens.
"""

from __future__ import annotations

import asyncio
import math
import signal
from contextlib import suppress
from typing import Annotated, Final, cast, get_args

from cyclopts import Parameter

from fastmcp.cli.errors import CliError
from fastmcp.cli.remote import Auth, Headers, remote
from fastmcp.client.transports.orders import Order
from fastmcp.protocol.negotiation import AUTO, check_mode
from fastmcp.proxy import FastMCPProxy, ProxyClient
from fastmcp.settings import LogLevel, get_settings

__all__ = ["bridge"]

_CONNECT_SECONDS: Final = 20.0
"""Shorter than any host waits for an answer to `initialize`; long enough for a server that is
being restarted."""


def bridge(
    url: str,
    *,
    transport: Annotated[Order, Parameter(name=("--transport", "-t"))] = "http-first",
    header: Headers = None,
    auth: Auth = None,
    timeout: float | None = None,
    connect_timeout: float = _CONNECT_SECONDS,
    mode: str = AUTO,
    log_level: Annotated[str | None, Parameter(name=("--log-level", "-l"))] = None,
) -> int:
    """Stand between a client that only speaks stdio and a server at a URL.

    Args:
        url: of the server's endpoint.
        transport: which transports are tried, in which order.
        header: "Name: value" for every request; ${VARIABLE} is filled in from the environment.
        auth: bearer token, env:NAME takes it from the environment; oauth: in a browser.
        timeout: seconds that any request may take; no limit by default.
        connect_timeout: seconds to wait for a server that is not there yet.
        mode: the protocol era to speak with the server: auto (that of the client, if the server has
            it), legacy, or a version such as 2026-07-28.
        log_level: of what is told on standard error; default FASTMCP_LOG_LEVEL, else INFO.
    """
    level = (log_level or get_settings().log_level).upper()
    if level not in get_args(LogLevel):
        raise CliError(
            f"There is no log level {log_level}: use {', '.join(get_args(LogLevel))}.", 2
        )
    for option, seconds in (("--connect-timeout", connect_timeout), ("--timeout", timeout)):
        if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
            raise CliError(f"{option} is a number of seconds above 0.", 2)
    try:
        check_mode(mode)
    except ValueError as error:
        raise CliError(f"--mode: {error}", 2) from None
    client = ProxyClient(
        remote(url, transport, header, auth),
        timeout=timeout,
        init_timeout=connect_timeout,
        retry_seconds=connect_timeout,
        mode=mode,
    )
    proxy = FastMCPProxy(
        name="fastmcp-bridge",
        client_factory=lambda: client,
        identity="upstream",
        patience=connect_timeout,
    )
    get_settings().log_level = cast("LogLevel", level)
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(proxy))
    return 0


async def _serve(proxy: FastMCPProxy) -> None:
    """Until standard input ends, or the host says stop: then too the session is ended."""
    serving = asyncio.ensure_future(proxy.run_stdio_async(show_banner=False))
    with suppress(NotImplementedError):  # Windows ends the process
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
    with suppress(asyncio.CancelledError):
        await serving
