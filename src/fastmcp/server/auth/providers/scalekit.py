"""Scalekit, at which clients register themselves."""

from __future__ import annotations

from pydantic import AnyHttpUrl
from typing_extensions import Unpack

from fastmcp.server.auth.oauth_proxy.presets import SCALEKIT, PresetRemote, RemoteOptions, site

__all__ = ["ScalekitProvider"]


class ScalekitProvider(PresetRemote):
    """Verifies tokens that an environment of Scalekit issues for this server; see `PresetRemote`.

    Args:
        environment_url: "https://<environment>.scalekit.com".
        resource_id: of this server there.
        options: the others.
    """

    def __init__(
        self,
        *,
        environment_url: AnyHttpUrl | str,
        resource_id: str,
        **options: Unpack[RemoteOptions],
    ) -> None:
        super().__init__(SCALEKIT.at(place=site(environment_url), id=resource_id), **options)
