"""Tokens that mean nothing by themselves: their issuer is asked what they are (RFC 7662)."""

from __future__ import annotations

import base64
import time
import urllib.parse
from typing import Any, Final, Literal, cast, get_args

from pydantic import AnyHttpUrl, SecretStr

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.base import VerificationUnavailableError
from fastmcp.server.auth.claims import Claims, Expected, TokenLog, access_token, scope_list
from fastmcp.server.auth.fetching import Fetched, Fetcher, FetchError
from fastmcp.server.auth.flights import Flights
from fastmcp.server.auth.verified import LENGTH, KeepingVerifier, VerifiedTokens

__all__ = ["ClientAuthMethod", "IntrospectionTokenVerifier"]

ClientAuthMethod = Literal["client_secret_basic", "client_secret_post"]
_CACHED: Final = 10_000


class IntrospectionTokenVerifier(KeepingVerifier):
    """Asks the issuer of a token whether it is good, and what it says.

    One question serves all requests that bring the same token while it is under way. Answers are
    kept only where `cache_ttl_seconds` says so, and then a token that is revoked goes on being
    good for as long; refusals are never kept.

    Args:
        introspection_url: of the issuer, http or https.
        client_id: of this server, at the issuer.
        client_secret: of this server, at the issuer.
        client_auth_method: "client_secret_basic" sends the two in a header, "client_secret_post"
            in the body.
        timeout_seconds: for one question.
        required_scopes: that every token must have. The server looks at them, and answers 403.
        audience: `aud` has to name this one, or one of these: the address of this server. None
            leaves it to the issuer, which knows who asks.
        base_url: where this server is reached from outside.
        cache_ttl_seconds: how long an answer is kept, and never longer than the token lasts; None
            or 0 for not at all.
        max_cache_size: how many answers; by default 10 000, and 0 for none.
        http_client: an `httpx.AsyncClient` to ask with, which you close.
        issuer: `iss` has to be this one, or one of these.

    Raises:
        ValueError: an argument is out of range.
        TypeError: `http_client` is something else.
    """

    def __init__(
        self,
        *,
        introspection_url: str,
        client_id: str,
        client_secret: str | SecretStr,
        client_auth_method: ClientAuthMethod = "client_secret_basic",
        timeout_seconds: float = 10,
        required_scopes: list[str] | None = None,
        audience: str | list[str] | None = None,
        base_url: AnyHttpUrl | str | None = None,
        cache_ttl_seconds: int | None = None,
        max_cache_size: int | None = None,
        http_client: Any = None,
        issuer: str | list[str] | None = None,
    ) -> None:
        if client_auth_method not in get_args(ClientAuthMethod):
            methods = " or ".join(get_args(ClientAuthMethod))
            raise ValueError(f"client_auth_method is {methods}, not {client_auth_method!r}")
        if (cache_ttl_seconds or 0) < 0 or (max_cache_size or 0) < 0:
            raise ValueError("cache_ttl_seconds and max_cache_size are 0 or more")
        if timeout_seconds <= 0:
            raise ValueError("timeout_seconds is more than 0")
        size = _CACHED if max_cache_size is None else max_cache_size
        known = VerifiedTokens(cache_ttl_seconds or 0, size)
        super().__init__(known, base_url, scope_list(required_scopes))
        self.introspection_url = introspection_url
        self.client_id = client_id
        self.client_auth_method = client_auth_method
        self.timeout_seconds = timeout_seconds
        self.audience = audience
        self.issuer = issuer
        self._secret = (
            client_secret if isinstance(client_secret, SecretStr) else SecretStr(client_secret)
        )
        self._expected = Expected(issuer, audience)
        self._log = TokenLog()
        self._asking: Flights[str, Fetched] = Flights()
        self._fetcher = Fetcher(configured=True, http_client=http_client)
        try:
            self._fetcher.check(introspection_url)
        except FetchError as error:
            raise ValueError(f"introspection_url cannot be used. {error}") from error

    async def _verified(self, token: str) -> AccessToken | None:
        if not token or len(token) > LENGTH:
            return None
        claims = _claims(await self._asking.answer(token, lambda: self._ask(token)))
        if claims.get("active") is not True:  # RFC 7662, 2.2
            return None
        refusal = self._expected.refusal(claims, time.time())
        if refusal is not None:
            self._log.tell(refusal)
            return None
        self._log.look_at(claims)
        verified = access_token(token, claims, self._expected.leeway)
        self._known.put(verified, claims.get("exp"))
        return verified

    async def _ask(self, token: str) -> Fetched:
        form = {"token": token, "token_type_hint": "access_token"}  # RFC 7662, 2.1
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        id, secret = self.client_id, self._secret.get_secret_value()
        if self.client_auth_method == "client_secret_post":
            form |= {"client_id": id, "client_secret": secret}
        else:  # both encoded as in a form (RFC 6749, 2.3.1)
            pair = f"{urllib.parse.quote_plus(id)}:{urllib.parse.quote_plus(secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        body = urllib.parse.urlencode(form).encode()
        try:
            fetched = await self._fetcher.request(
                "POST",
                self.introspection_url,
                headers=headers,
                body=body,
                seconds=self.timeout_seconds,
                again=True,
            )
        except FetchError as error:
            raise VerificationUnavailableError(f"The issuer cannot be asked: {error}") from error
        if fetched.status in (401, 403):
            raise VerificationUnavailableError(
                f"{fetched.url} answered {fetched.status}: it does not let this server ask; "
                "compare client_id, client_secret and client_auth_method with what it knows"
            )
        if fetched.status != 200:
            raise VerificationUnavailableError(f"{fetched.url} answered {fetched.status}")
        return fetched


def _claims(fetched: Fetched) -> Claims:
    try:
        claims = fetched.json
    except FetchError as error:
        raise VerificationUnavailableError(str(error)) from error
    if not isinstance(claims, dict):
        raise VerificationUnavailableError(f"{fetched.url} did not answer with a JSON object")
    return dict(cast("Claims", claims))
