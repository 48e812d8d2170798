"""Discord."""

from __future__ import annotations

from typing_extensions import Unpack

from fastmcp.server.auth.oauth_proxy.presets import DISCORD, PresetProxy, VerifierOptions
from fastmcp.server.auth.oauth_proxy.userinfo import UserinfoTokenVerifier

__all__ = ["DiscordProvider", "DiscordTokenVerifier"]


class DiscordProvider(PresetProxy):
    """Lets people in who have an account at Discord; see `PresetProxy`."""

    facts = DISCORD


class DiscordTokenVerifier(UserinfoTokenVerifier):
    """Shows tokens to Discord; see `UserinfoTokenVerifier`.

    Args:
        expected_client_id: the client that they have to be issued to.
        options: the others.
    """

    def __init__(self, *, expected_client_id: str, **options: Unpack[VerifierOptions]) -> None:
        super().__init__(DISCORD.userinfo, client_id=expected_client_id, **options)
