"""Google."""

from __future__ import annotations

from typing_extensions import Unpack

from fastmcp.server.auth.oauth_proxy.presets import GOOGLE, PresetProxy, VerifierOptions
from fastmcp.server.auth.oauth_proxy.userinfo import UserinfoTokenVerifier

__all__ = ["GoogleProvider", "GoogleTokenVerifier"]


class GoogleProvider(PresetProxy):
    """Lets people in who have an account at Google; see `PresetProxy`."""

    facts = GOOGLE


class GoogleTokenVerifier(UserinfoTokenVerifier):
    """Shows tokens to Google; see `UserinfoTokenVerifier`.

    Args:
        audience: the client that they have to be issued to.
        options: the others.
    """

    def __init__(self, *, audience: str | None = None, **options: Unpack[VerifierOptions]) -> None:
        super().__init__(GOOGLE.userinfo, client_id=audience, **options)
