"""GitHub."""

from __future__ import annotations

from typing_extensions import Unpack

from fastmcp.server.auth.oauth_proxy.presets import GITHUB, PresetProxy, VerifierOptions
from fastmcp.server.auth.oauth_proxy.userinfo import UserinfoTokenVerifier

__all__ = ["GitHubProvider", "GitHubTokenVerifier"]


class GitHubProvider(PresetProxy):
    """Lets people in who have an account at GitHub; see `PresetProxy`."""

    facts = GITHUB


class GitHubTokenVerifier(UserinfoTokenVerifier):
    """Shows tokens to GitHub; see `UserinfoTokenVerifier`.

    Standing alone it takes tokens of any application: the answer does not say whom one was
    issued to, so an application that a user trusts with less could use its token here.
    """

    def __init__(self, **options: Unpack[VerifierOptions]) -> None:
        super().__init__(GITHUB.userinfo, **options)
