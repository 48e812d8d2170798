"""Tokens from several sources at one server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import AnyHttpUrl
from starlette.routing import Route

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.base import AuthProvider, TokenVerifier, VerificationUnavailableError

__all__ = ["MultiAuth"]


class MultiAuth(AuthProvider):
    """Takes what one of several takes: an authorization server's for people, say, and a verifier's
    for machines.

    A source that cannot answer now keeps nobody out whom another one knows. Where a token does not
    name its issuer, its principal is that of its source alone: one name at two sources is two.

    Args:
        server: is asked first; its routes and metadata are this one's.
        verifiers: are asked then, in this order; by name, where they have names.
        server_source_id: the server's name among the sources.
        base_url: the server's, which is the one that counts: its routes say it.
        resource_base_url: the server's, likewise.
        required_scopes: that every token must have, whoever took it; the server's by default.

    Raises:
        ValueError: there is no source, two have one name, one of them is a MultiAuth itself, or an
            address is not the server's.
    """

    def __init__(
        self,
        *,
        server: AuthProvider | None = None,
        verifiers: Mapping[str, TokenVerifier]
        | Sequence[TokenVerifier]
        | TokenVerifier
        | None = None,
        server_source_id: str | None = None,
        base_url: AnyHttpUrl | str | None = None,
        resource_base_url: AnyHttpUrl | str | None = None,
        required_scopes: list[str] | None = None,
    ) -> None:
        if isinstance(verifiers, Mapping):
            named = dict(verifiers)
        else:
            given = [verifiers] if isinstance(verifiers, TokenVerifier) else verifiers or []
            named = {f"verifier {n}": verifier for n, verifier in enumerate(given, 1)}
        self.server = server
        self.sources: dict[str, AuthProvider] = dict(named)
        if server is not None:
            name = server_source_id or "server"
            if name in named:
                raise ValueError(f"The server and a verifier are both called {name!r}")
            self.sources = {name: server, **named}
        if not self.sources:
            raise ValueError("MultiAuth needs a server or a verifier")
        if any(isinstance(source, MultiAuth) for source in self.sources.values()):
            raise ValueError("A MultiAuth in a MultiAuth: name all sources in one of them")
        if server is not None:
            for given, own in (
                (base_url, server.base_url),
                (resource_base_url, server.resource_base_url),
            ):
                if given is not None and AnyHttpUrl(str(given)) != own:
                    raise ValueError(f"{given} is not the server's address, {own}: say it there")
            base_url, resource_base_url = server.base_url, server.resource_base_url
            if required_scopes is None:
                required_scopes = server.required_scopes
        super().__init__(base_url, required_scopes, resource_base_url)

    async def verify_token(self, token: str) -> AccessToken | None:
        found = await self.recognize(token)
        return None if found is None else found.model_copy(deep=True)

    async def recognize(self, token: str) -> AccessToken | None:
        unavailable: VerificationUnavailableError | None = None
        for name, source in self.sources.items():
            try:
                found = await source.recognize(token)
            except VerificationUnavailableError as error:
                unavailable = unavailable or error
                continue
            if found is not None:
                return found.model_copy(update={"source": name})
        if unavailable is not None:
            raise unavailable
        return None

    def required_of(self, token: AccessToken) -> Sequence[str]:
        """Those of all, and those of the source that took it."""
        source = self.sources.get(token.source)
        own = () if source is None else source.required_of(token)
        return list(dict.fromkeys([*self.required_scopes, *own]))

    def missing_scopes(self, token: AccessToken, required: Sequence[str]) -> list[str]:
        source = self.sources.get(token.source)
        judge = super() if source is None else source
        return judge.missing_scopes(token, required)

    @property
    def scopes_supported(self) -> list[str]:
        return self.required_scopes if self.server is None else self.server.scopes_supported

    @property
    def challenge_scopes(self) -> list[str]:
        own = [] if self.server is None else self.server.challenge_scopes
        return list(dict.fromkeys([*own, *self.required_scopes]))

    @property
    def takes_any_audience(self) -> bool:
        return any(source.takes_any_audience for source in self.sources.values())

    def metadata_url(self, path: str) -> str | None:
        return None if self.server is None else self.server.metadata_url(path)

    def get_routes(self, mcp_path: str | None = None) -> list[Route]:
        return [] if self.server is None else self.server.get_routes(mcp_path)

    def get_metadata_routes(self, mcp_path: str | None = None) -> list[Route]:
        return [] if self.server is None else self.server.get_metadata_routes(mcp_path)

    def get_middleware(self) -> list[Any]:
        return [] if self.server is None else self.server.get_middleware()
