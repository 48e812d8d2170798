"""Clerk."""

from __future__ import annotations

from typing_extensions import Unpack

from fastmcp.server.auth.oauth_proxy.presets import CLERK, PresetOptions, PresetProxy, site

__all__ = ["ClerkProvider"]


class ClerkProvider(PresetProxy):
    """Lets people in who have an account at an instance of Clerk; see `PresetProxy`.

    Args:
        domain: of the instance.
        options: the others.
    """

    facts = CLERK

    def __init__(self, *, domain: str, **options: Unpack[PresetOptions]) -> None:
        super().__init__(site(domain), **options)
