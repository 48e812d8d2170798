"""Clients that somebody else vouches for: the JWT bearer grant (RFC 7523, 2.1).

A workload shows what its platform says of it. An employee's client shows what the company's
identity provider says of the employee for one MCP server: an identity assertion (ID-JAG), for which
it exchanges the token of the employee's login (RFC 8693). Source: the extension
io.modelcontextprotocol/enterprise-managed-authorization. A refusal is final: nothing else is tried
in the place of what was refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import ClassVar, Final, Literal

from yarl import URL

from fastmcp.client.auth.client_credentials import AssertionProvider, SelfAuthorized
from fastmcp.client.auth.discovery import AuthorizationServer, Resource
from fastmcp.client.auth.fetching import Fetcher, Verify, shown, tls_of
from fastmcp.client.auth.registration import method_for
from fastmcp.client.auth.storage import KeyValue
from fastmcp.client.auth.tokens import ClientIdentity, ask_token_endpoint
from fastmcp.client.errors import AuthorizationFailedError

__all__ = [
    "IdentityAssertionOAuthProvider",
    "IdentityProviderExchange",
    "WorkloadIdentityOAuthProvider",
]

_JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_ID_JAG: Final = "urn:ietf:params:oauth:token-type:id-jag"
_ID_TOKEN: Final = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105  (a type's name)

IdentityAssertionProvider = Callable[[str, str], Awaitable[str]]
"""Gives an ID-JAG for an audience, the issuer of the authorization server, and a resource."""


class WorkloadIdentityOAuthProvider(SelfAuthorized):
    """A program that its platform vouches for: Kubernetes, a cloud, a pipeline.

    Args:
        mcp_url: of the server's endpoint; by default that of the client it is given to.
        assertion_provider: gives the platform's JWT for an audience, which is the issuer.
        client_id: where the authorization server wants one.
        scopes: to ask for, in a text or a list; by default those that the server names.
        issuer: the authorization server that trusts the platform; name it.
        token_storage: remembers the first issuer. It keeps no tokens: whose they are stands in the
            assertion alone, and obtaining another disturbs nobody.
        dpop: as for `OAuth`.
    """

    stores_tokens = False

    def __init__(
        self,
        mcp_url: str | None = None,
        *,
        assertion_provider: AssertionProvider,
        client_id: str | None = None,
        scopes: str | Iterable[str] | None = None,
        issuer: str | None = None,
        token_storage: KeyValue | None = None,
        dpop: bool | None = None,
    ) -> None:
        self._assertion_provider = assertion_provider
        super().__init__(
            mcp_url, scopes, token_storage, client_id=client_id, issuer=issuer, dpop=dpop
        )

    def identified(self, server: AuthorizationServer) -> ClientIdentity:
        """By the assertion alone."""
        return ClientIdentity(server.issuer, self.fixed_client_id or "")

    async def grant(
        self, http: Fetcher, resource: Resource, server: AuthorizationServer, scopes: frozenset[str]
    ) -> dict[str, str]:
        """The platform's word."""
        return {
            "grant_type": _JWT_BEARER,
            "assertion": await self._assertion_provider(server.issuer),
        }


class IdentityAssertionOAuthProvider(SelfAuthorized):
    """A client that a company's identity provider lets in (enterprise-managed authorization).

    Args:
        mcp_url: of the server's endpoint; by default that of the client it is given to.
        client_id: of this client at the MCP server's authorization server.
        client_secret: of the same, if it has one.
        assertion_provider: gives the identity assertion for an issuer and a resource, such as
            an `IdentityProviderExchange`.
        scopes: to ask for, in a text or a list; by default those that the server names.
        issuer: the MCP server's authorization server; name it.
        token_endpoint_auth_method: how the secret is sent; by default what the server can.
        token_storage: remembers the first issuer. It keeps no tokens: whose they are stands in the
            assertion alone, and obtaining another disturbs nobody.
        dpop: as for `OAuth`.
    """

    extension: ClassVar[str | None] = "io.modelcontextprotocol/enterprise-managed-authorization"

    stores_tokens = False

    def __init__(
        self,
        mcp_url: str | None = None,
        *,
        client_id: str,
        assertion_provider: IdentityAssertionProvider,
        client_secret: str | None = None,
        scopes: str | Iterable[str] | None = None,
        issuer: str | None = None,
        token_endpoint_auth_method: Literal["client_secret_basic", "client_secret_post", "none"]
        | None = None,
        token_storage: KeyValue | None = None,
        dpop: bool | None = None,
    ) -> None:
        self._secret = client_secret
        self._method = token_endpoint_auth_method
        self._assertion_provider = assertion_provider
        super().__init__(
            mcp_url, scopes, token_storage, client_id=client_id, issuer=issuer, dpop=dpop
        )

    def identified(self, server: AuthorizationServer) -> ClientIdentity:
        """By id and secret, beside the assertion."""
        method = method_for(server, self._secret, self._method)
        return ClientIdentity(server.issuer, self.fixed_client_id or "", self._secret, method)

    async def grant(
        self, http: Fetcher, resource: Resource, server: AuthorizationServer, scopes: frozenset[str]
    ) -> dict[str, str]:
        """The identity provider's word."""
        assertion = await self._assertion_provider(server.issuer, resource.identifier)
        return {"grant_type": _JWT_BEARER, "assertion": assertion}


class IdentityProviderExchange:
    """Exchanges the token of a login for identity assertions, at the provider of the login.

    Args:
        token_endpoint: of the identity provider.
        client_id: of this client there.
        subject_token: of the login: an ID token; or what gives it, for they do not last.
        client_secret: of this client there, if it has one; it is sent as Basic authentication.
        subject_token_type: of another token than an ID token.
        scopes: that the assertion should carry, in a text or a list.
        verify: False for no verification of its certificate, the path of a CA bundle, or an
            `ssl.SSLContext`; None or True for the system's authorities.
    """

    def __init__(
        self,
        token_endpoint: str,
        client_id: str,
        subject_token: str | Callable[[], Awaitable[str]],
        client_secret: str | None = None,
        *,
        subject_token_type: str = _ID_TOKEN,
        scopes: str | Iterable[str] | None = None,
        verify: Verify = None,
    ) -> None:
        self._endpoint = token_endpoint
        self._verify: Verify = verify
        self._client = ClientIdentity(
            "", client_id, client_secret, "none" if client_secret is None else "client_secret_basic"
        )
        self._subject_token = subject_token
        self._kind = subject_token_type
        self._scopes = scopes if isinstance(scopes, str) or scopes is None else " ".join(scopes)

    async def __call__(self, audience: str, resource: str) -> str:
        """An identity assertion.

        Args:
            audience: the issuer of the MCP server's authorization server.
            resource: the MCP server's identifier.
        Raises:
            AuthorizationFailedError: the identity provider gives none.
        """
        given = self._subject_token
        token = given if isinstance(given, str) else await given()
        form = {
            "grant_type": _EXCHANGE,
            "requested_token_type": _ID_JAG,
            "audience": audience,
            "resource": resource,
            "subject_token": token,
            "subject_token_type": self._kind,
        }
        if self._scopes:
            form["scope"] = self._scopes
        # The user named this address, so it may be wherever he likes.
        async with Fetcher(URL(self._endpoint), tls_of(self._verify)) as http:
            answer = await ask_token_endpoint(http, self._endpoint, self._client, form, None)
        assertion = answer.text("access_token")
        if assertion is None or answer.text("issued_token_type") != _ID_JAG:
            raise AuthorizationFailedError(
                f"The identity provider at {shown(self._endpoint)} gave no identity assertion: it "
                "may not know the extension, or not allow this client to use it"
            )
        return assertion

    def __repr__(self) -> str:
        return f"<IdentityProviderExchange({shown(self._endpoint)})>"
