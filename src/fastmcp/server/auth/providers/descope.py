"""Descope, at which clients register themselves."""

from __future__ import annotations

import re

from pydantic import AnyHttpUrl
from typing_extensions import Unpack

from fastmcp.server.auth.oauth_proxy.presets import DESCOPE, PresetRemote, RemoteOptions, site

__all__ = ["DescopeProvider"]

_CONFIG = re.compile(
    r"(?P<server>(?P<place>https?://[^/]+)/v1/apps/(?:agentic/)?(?P<id>P[^/]+)(?:/[^/.]+)?)"
    r"/?(?:\.well-known/openid-configuration)?/?"
)


class DescopeProvider(PresetRemote):
    """Verifies tokens that a project of Descope issues; see `PresetRemote`.

    Args:
        config_url: "https://.../v1/apps/.../.well-known/openid-configuration".
        project_id: in its place, with the next.
        descope_base_url: "https://api.descope.com", or another.
        options: the others.

    Raises:
        ValueError: neither is given, or the address is another one.
    """

    def __init__(
        self,
        *,
        config_url: AnyHttpUrl | str | None = None,
        project_id: str | None = None,
        descope_base_url: AnyHttpUrl | str | None = None,
        **options: Unpack[RemoteOptions],
    ) -> None:
        if config_url is None and project_id is not None and descope_base_url is not None:
            config_url = f"{site(descope_base_url)}/v1/apps/{project_id}"
        found = None if config_url is None else _CONFIG.fullmatch(str(config_url))
        if found is None:
            raise ValueError(
                "config_url is https://api.descope.com/v1/apps/<project>/.well-known/"
                "openid-configuration, or that of an MCP server; or give project_id and "
                "descope_base_url"
            )
        super().__init__(DESCOPE.at(**found.groupdict()), **options)
