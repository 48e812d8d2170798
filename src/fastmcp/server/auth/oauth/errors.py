"""What a provider raises where a request cannot be served: an error code that OAuth defines, and a
sentence for the developer of the client."""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

__all__ = [
    "AuthorizationErrorCode",
    "AuthorizeError",
    "ClientDocumentError",
    "InvalidRedirectUriError",
    "OAuthError",
    "RegistrationError",
    "RegistrationErrorCode",
    "TokenError",
    "TokenErrorCode",
    "described",
]

AuthorizationErrorCode: TypeAlias = Literal[
    "invalid_request",
    "unauthorized_client",
    "access_denied",
    "unsupported_response_type",
    "invalid_scope",
    "server_error",
    "temporarily_unavailable",
    "invalid_target",
    "request_not_supported",
    "request_uri_not_supported",
]
"""OAuth 2.1, 4.1.2.1; RFC 8707, 2; RFC 9101, 6.3."""

TokenErrorCode: TypeAlias = Literal[
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_token_type",
    "invalid_scope",
    "invalid_target",
]
"""OAuth 2.1, 3.2.4; RFC 7009, 2.2.1; RFC 8707, 2."""

RegistrationErrorCode: TypeAlias = Literal[
    "invalid_redirect_uri",
    "invalid_client_metadata",
    "invalid_software_statement",
    "unapproved_software_statement",
]
"""RFC 7591, 3.2.2."""

_UNSAID: Final = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")


def described(text: str | None) -> str | None:
    """A description with the characters that one may have (OAuth 2.1, 3.2.4), and no longer than
    somebody reads: what a stranger sent may stand in it."""
    return None if text is None else _UNSAID.sub("?", text.replace('"', "'"))[:300]


class OAuthError(Exception):
    """An error that OAuth has a code for.

    Args:
        error: the code.
        error_description: what was wrong and what to do, for whoever develops the client.
    """

    def __init__(self, error: str, error_description: str | None = None) -> None:
        super().__init__(error, error_description)
        self.error = error
        self.error_description = error_description


class AuthorizeError(OAuthError):
    """Nothing was authorized; the client is told at its redirect URI."""

    def __init__(self, error: AuthorizationErrorCode, error_description: str | None = None) -> None:
        super().__init__(error, error_description)


class TokenError(OAuthError):
    """No token is given."""

    def __init__(self, error: TokenErrorCode, error_description: str | None = None) -> None:
        super().__init__(error, error_description)


class RegistrationError(OAuthError):
    """The client is not registered."""

    def __init__(self, error: RegistrationErrorCode, error_description: str | None = None) -> None:
        super().__init__(error, error_description)


class ClientDocumentError(Exception):
    """What is at a client's URL is not its metadata, or cannot be had.

    Args:
        message: why; it may be shown.
        passing: it may be otherwise in a moment.
    """

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


class InvalidRedirectUriError(ValueError):
    """The client may not be sent answers there.

    Attributes:
        message: why.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
