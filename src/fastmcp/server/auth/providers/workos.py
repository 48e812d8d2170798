"""WorkOS, and its AuthKit, at which clients register themselves."""

from __future__ import annotations

from pydantic import AnyHttpUrl
from typing_extensions import Unpack

from fastmcp.server.auth.oauth_proxy.presets import (
    AUTHKIT,
    WORKOS,
    PresetOptions,
    PresetProxy,
    PresetRemote,
    RemoteOptions,
    VerifierOptions,
    site,
)
from fastmcp.server.auth.oauth_proxy.userinfo import UserinfoTokenVerifier

__all__ = ["AuthKitProvider", "WorkOSProvider", "WorkOSTokenVerifier"]


class WorkOSProvider(PresetProxy):
    """Lets people in who have an account at an application of WorkOS; see `PresetProxy`.

    Args:
        authkit_domain: of the application.
        options: the others.
    """

    facts = WORKOS

    def __init__(self, *, authkit_domain: str, **options: Unpack[PresetOptions]) -> None:
        super().__init__(site(authkit_domain), **options)


class WorkOSTokenVerifier(UserinfoTokenVerifier):
    """Shows tokens to WorkOS; see `UserinfoTokenVerifier`.

    Standing alone it takes tokens of any application there: the answer does not say whom one was
    issued to, so an application that a user trusts with less could use its token here.

    Args:
        authkit_domain: of the application.
        options: the others.
    """

    def __init__(self, *, authkit_domain: str, **options: Unpack[VerifierOptions]) -> None:
        super().__init__(WORKOS.userinfo.at(site(authkit_domain)), **options)


class AuthKitProvider(PresetRemote):
    """Verifies tokens that AuthKit issues for this server; see `PresetRemote`.

    Args:
        authkit_domain: of the application.
        options: the others.
    """

    def __init__(
        self, *, authkit_domain: AnyHttpUrl | str, **options: Unpack[RemoteOptions]
    ) -> None:
        super().__init__(AUTHKIT.at(place=site(authkit_domain)), **options)
