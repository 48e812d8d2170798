"""Who may let a client in to an MCP server, and how it is asked.

Two documents say it. The protected resource's metadata (RFC 9728) names the authorization servers,
and the authorization server's metadata (RFC 8414, or OpenID Connect Discovery) its endpoints. Each
has to say of itself exactly what it was asked for as: else anybody's document could be passed off
as another's (RFC 9728, 3.3; RFC 8414, 3.3). A resource may also be what the endpoint lies below, as
servers exist that name their origin. Sources: 2026-07-28, basic/authorization/
authorization-server-discovery; and for servers without the first document 2025-03-26,
basic/authorization, "Server Metadata Discovery" and "Fallbacks".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, cast

from yarl import URL

from fastmcp.client.auth.fetching import Answer, Fetcher, shown
from fastmcp.client.errors import AuthorizationFailedError

__all__ = ["AuthorizationServer", "Resource", "authorization_server", "protected_resource"]

_RESOURCE: Final = "/.well-known/oauth-protected-resource"
_OAUTH: Final = "/.well-known/oauth-authorization-server"
_OPENID: Final = "/.well-known/openid-configuration"
_WHAT_RESOURCE: Final = "protected resource metadata"
_WHAT_SERVER: Final = "authorization server metadata"


@dataclass(frozen=True)
class Resource:
    """What an MCP server says of itself.

    Attributes:
        identifier: what tokens for it are asked for as (RFC 8707).
        issuers: its authorization servers; empty where it has no such document.
        scopes: that suffice for its basic use, None where it does not say.
        wants_dpop: tokens have to be bound to a key of the client.
        knows_dpop: tokens may be.
    """

    identifier: str
    issuers: tuple[str, ...] = ()
    scopes: tuple[str, ...] | None = None
    wants_dpop: bool = False
    knows_dpop: bool = False


@dataclass(frozen=True)
class AuthorizationServer:
    """What an authorization server says of itself (RFC 8414, 2).

    Attributes:
        issuer: its identifier, compared letter by letter.
        authorization_endpoint, token_endpoint, registration_endpoint: where it is asked.
        scopes: that it knows, None where it does not say.
        auth_methods: of clients at the token endpoint, None where it does not say.
        pkce: methods of code challenges, None where it does not say.
        sends_iss: its authorization responses name it (RFC 9207).
        knows_cimd: a client's id may be the address of a document about it.
        dpop: algorithms of proofs (RFC 9449, 5.1), None where it does not say.
        guessed: there is no such document.
    """

    issuer: str
    authorization_endpoint: str | None
    token_endpoint: str
    registration_endpoint: str | None = None
    scopes: tuple[str, ...] | None = None
    auth_methods: tuple[str, ...] | None = None
    pkce: tuple[str, ...] | None = None
    sends_iss: bool = False
    knows_cimd: bool = False
    dpop: tuple[str, ...] | None = None
    guessed: bool = False


# --- the protected resource ---------------------------------------------------------------------


async def protected_resource(http: Fetcher, endpoint: URL, named: str | None) -> Resource:
    """The metadata of an MCP server.

    Args:
        http: asks.
        endpoint: of the server.
        named: where the challenge says that the document is.
    Raises:
        AuthorizationFailedError: there is none that can be used.
    """
    path = endpoint.raw_path.rstrip("/")
    origin = str(endpoint.origin())
    places = [origin + _RESOURCE + path, origin + _RESOURCE]
    if named is not None:
        places.insert(0, named)
    answer, found = await _first(http, dict.fromkeys(places), _WHAT_RESOURCE)
    if answer is None:
        return Resource(origin + path)
    identifier = answer.text("resource")
    if identifier is None or not _covers(identifier, endpoint):
        raise AuthorizationFailedError(
            f"The {_WHAT_RESOURCE} at {shown(found)} is for {str(identifier)[:200]!r} and not for "
            f"{shown(endpoint)}: nobody is asked for a token by it (RFC 9728, 3.3). The server's "
            "operator has to correct its `resource`."
        )
    return Resource(
        identifier,
        _texts(answer, "authorization_servers") or (),
        _texts(answer, "scopes_supported"),
        wants_dpop=answer.body.get("dpop_bound_access_tokens_required") is True,
        knows_dpop=bool(_texts(answer, "dpop_signing_alg_values_supported")),
    )


def _covers(identifier: str, endpoint: URL) -> bool:
    """Whether an identifier is that of the endpoint, or of something that it is a part of."""
    try:
        resource = URL(identifier)
        same = resource.origin() == endpoint.origin()
    except ValueError:
        return False
    if not same or resource.user is not None or resource.raw_fragment or "#" in identifier:
        return False
    mine, whole = endpoint.raw_path.rstrip("/"), resource.raw_path.rstrip("/")
    return mine == whole or mine.startswith(whole + "/")


# --- the authorization server -------------------------------------------------------------------


async def authorization_server(
    http: Fetcher, endpoint: URL, issuer: str | None
) -> AuthorizationServer:
    """The metadata of an authorization server.

    Args:
        http: asks.
        endpoint: of the MCP server.
        issuer: that it names; None where it names none, and is its own.
    Raises:
        AuthorizationFailedError: there is none that can be used.
    """
    if issuer is None:
        return await _of_old(http, endpoint)
    where = http.check(issuer, "authorization server")
    origin, path = str(where.origin()), where.raw_path.rstrip("/")
    if where.raw_query_string:
        raise AuthorizationFailedError(
            f"The issuer {issuer[:200]!r} has a query, which none may have (RFC 8414, 2)"
        )
    places = [origin + _OAUTH + path, origin + _OPENID + path]
    if path:
        places.append(origin + path + _OPENID)
    answer, found = await _first(http, dict.fromkeys(places), _WHAT_SERVER)
    if answer is None:
        raise AuthorizationFailedError(
            f"The authorization server {issuer} has no metadata: neither "
            f"{', '.join(shown(place) for place in places)} is there. Its operator has to serve "
            "one of them (RFC 8414, 3)."
        )
    return _described(http, answer, found, (issuer,))


async def _of_old(http: Fetcher, endpoint: URL) -> AuthorizationServer:
    """A server of 2025-03-26, which lets its clients in itself."""
    origin = str(endpoint.origin())
    answer, found = await _first(http, {origin + _OAUTH: None}, _WHAT_SERVER)
    if answer is not None:
        # Nobody named the issuer; with and without a slash at the end it is the same origin.
        return _described(http, answer, found, (origin, f"{origin}/"))
    return AuthorizationServer(
        origin, f"{origin}/authorize", f"{origin}/token", f"{origin}/register", guessed=True
    )


def _described(
    http: Fetcher, answer: Answer, found: str, issuers: tuple[str, ...]
) -> AuthorizationServer:
    issuer = answer.text("issuer")
    if issuer not in issuers:
        near = issuer is not None and issuer.rstrip("/") == issuers[0].rstrip("/")
        hint = " They differ by a slash, which counts." if near else ""
        raise AuthorizationFailedError(
            f"The {_WHAT_SERVER} at {shown(found)} is of the issuer {str(issuer)[:200]!r} and not "
            f"of {issuers[0]!r}: it may not be used (RFC 8414, 3.3).{hint}"
        )
    endpoints = {name: answer.text(name) for name in _ENDPOINTS}
    for name, url in endpoints.items():
        if url is not None:
            http.check(url, name.replace("_", " "))
    token_endpoint = endpoints["token_endpoint"]
    if token_endpoint is None:
        raise AuthorizationFailedError(
            f"The authorization server {issuer} names no token endpoint; its operator "
            "has to add token_endpoint to its metadata"
        )
    return AuthorizationServer(
        issuer,
        endpoints["authorization_endpoint"],
        token_endpoint,
        endpoints["registration_endpoint"],
        _texts(answer, "scopes_supported"),
        _texts(answer, "token_endpoint_auth_methods_supported"),
        _texts(answer, "code_challenge_methods_supported"),
        answer.body.get("authorization_response_iss_parameter_supported") is True,
        answer.body.get("client_id_metadata_document_supported") is True,
        _texts(answer, "dpop_signing_alg_values_supported"),
    )


_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "registration_endpoint")


# --- both ---------------------------------------------------------------------------------------


async def _first(http: Fetcher, places: dict[str, Any], what: str) -> tuple[Answer | None, str]:
    """The first document that is there, and where; None where none is.

    Raises:
        AuthorizationFailedError: one may be there and cannot be had now. Another would be taken in
            its place otherwise, and that is how an attacker chooses.
    """
    for place in places:
        answer = await http.document(place, what)
        if answer.ok:
            return answer, place
        if answer.status >= 500 or answer.status == 429:
            raise AuthorizationFailedError(
                f"The {what} at {shown(place)} cannot be had: HTTP {answer.status}"
            )
    return None, ""


def _texts(answer: Answer, name: str) -> tuple[str, ...] | None:
    """A member that is a list of texts. What a terminal would obey is none: errors repeat them."""
    value: object = answer.body.get(name)
    if not isinstance(value, list):
        return None
    texts = (each for each in cast("list[object]", value) if isinstance(each, str))
    return tuple(each for each in texts if each.isprintable())
