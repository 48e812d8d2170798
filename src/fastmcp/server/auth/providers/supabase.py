"""Supabase, at which clients register themselves."""

from __future__ import annotations

from dataclasses import replace

from pydantic import AnyHttpUrl
from typing_extensions import Unpack

from fastmcp.server.auth.oauth_proxy.presets import SUPABASE, PresetRemote, RemoteOptions, site

__all__ = ["SupabaseProvider"]


class SupabaseProvider(PresetRemote):
    """Verifies tokens that a project of Supabase issues; see `PresetRemote`.

    They do not say which server they are for: one that another server of the project was sent is
    good here too.

    Args:
        project_url: "https://<project>.supabase.co".
        auth_route: where its authorization server is below that.
        algorithm: that its tokens are signed with.
        options: the others.
    """

    def __init__(
        self,
        *,
        project_url: AnyHttpUrl | str,
        auth_route: str = "/auth/v1",
        algorithm: str = "ES256",
        **options: Unpack[RemoteOptions],
    ) -> None:
        facts = SUPABASE.at(place=f"{site(project_url)}/{auth_route.strip('/')}")
        super().__init__(replace(facts, algorithm=algorithm), **options)
