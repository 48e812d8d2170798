"""Keycloak, at which clients register themselves."""

from __future__ import annotations

from dataclasses import replace

from pydantic import AnyHttpUrl
from typing_extensions import Unpack

from fastmcp.server.auth.oauth_proxy.presets import KEYCLOAK, PresetRemote, RemoteOptions, site

__all__ = ["KeycloakAuthProvider"]


class KeycloakAuthProvider(PresetRemote):
    """Verifies tokens that a realm of Keycloak issues; see `PresetRemote`.

    Args:
        realm_url: "https://.../realms/<name>".
        audience: whom they are for. Name it: without one, a token for any server of the realm is
            taken.
        options: the others.
    """

    def __init__(
        self,
        *,
        realm_url: AnyHttpUrl | str,
        audience: str | None = None,
        **options: Unpack[RemoteOptions],
    ) -> None:
        facts = KEYCLOAK.at(place=site(realm_url))
        super().__init__(replace(facts, audience=audience), **options)
