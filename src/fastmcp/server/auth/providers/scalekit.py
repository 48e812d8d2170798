"""Scalekit, at which clients register themselves."""

from __future__ import annotations

from pydantic import AnyHttpUrl
from typing_extensions import Unpack

from fastmcp.server.auth.oauth_proxy.presets import SCALEKIT, PresetRemote, UnplacedOptions, site
from fastmcp.utilities.deprecation import deprecated

__all__ = ["ScalekitProvider"]


class ScalekitProvider(PresetRemote):
    """Verifies tokens that an environment of Scalekit issues for this server; see `PresetRemote`.

    Args:
        environment_url: "https://<environment>.scalekit.com".
        resource_id: of this server there.
        base_url: as for `PresetRemote`.
        mcp_url: the same, as it was called before.
        client_id: is not needed any more.
        options: the others.

    Raises:
        TypeError: there is no base_url.
    """

    def __init__(
        self,
        *,
        environment_url: AnyHttpUrl | str,
        resource_id: str,
        base_url: AnyHttpUrl | str | None = None,
        mcp_url: AnyHttpUrl | str | None = None,
        client_id: str | None = None,
        **options: Unpack[UnplacedOptions],
    ) -> None:
        if mcp_url is not None:
            deprecated("mcp_url of ScalekitProvider is called base_url")
        if client_id is not None:
            deprecated("ScalekitProvider needs no client_id: leave it out")
        base = base_url or mcp_url
        if base is None:
            raise TypeError("ScalekitProvider needs base_url=, where this server is reached")
        facts = SCALEKIT.at(place=site(environment_url), id=resource_id)
        super().__init__(facts, base_url=base, **options)
