"""The authorization server that the users have their accounts at, as its one client sees it.

Its answers decide who comes in, so they are read strictly; its errors are told apart by what they
mean for a person who is logged in. A grant that it refuses is over (`RefusedError`), in whatever
words: a person can log in again, and would otherwise be told to wait for ever. An answer that does
not come, and one that says that this server itself is set up wrong, say nothing of the grant
(`VerificationUnavailableError`): the next request may find it as good as before. Until then the
upstream is left alone for a moment, or as long as it says; with that one login, where it does not
say that it is in trouble.

Sources: OAuth 2.1, 3.2 and 4.1; RFC 7009; RFC 8707; RFC 9207.
"""

from __future__ import annotations

import base64
import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import parse_qsl, quote_plus, urlencode

from pydantic import SecretStr

from fastmcp.server.auth.base import VerificationUnavailableError
from fastmcp.server.auth.claims import scope_list
from fastmcp.server.auth.fetching import Fetched, Fetcher, FetchError, is_passing
from fastmcp.server.auth.identity_assertion import JWT_BEARER
from fastmcp.server.auth.oauth.errors import described
from fastmcp.server.auth.oauth.redirects import with_parameters

__all__ = ["AUTH_METHODS", "RefusedError", "Upstream", "UpstreamTokens"]

_logger: Final = logging.getLogger("fastmcp.server.auth")

AUTH_METHODS: Final = ("client_secret_basic", "client_secret_post", "none")

_SECONDS: Final = 10.0
_PAUSE: Final = 1.0
"""Seconds for which an upstream is left alone that renews nothing now."""
_LONGEST_PAUSE: Final = 60.0
_LONGEST_LIFE: Final = 10 * 365 * 24 * 3600.0
"""Seconds; what is longer cannot be reckoned with everywhere."""
_ALL: Final = ""
_LONGEST: Final = 32 * 1024
_FIELDS: Final = 100
_OURS: Final = frozenset(
    {
        "invalid_client",
        "unauthorized_client",
        "unsupported_grant_type",
        "incorrect_client_credentials",  # GitHub
    }
)
"""Errors that the author of the server can mend, and its users cannot (OAuth 2.1, 3.2.4)."""
_OURS_OF_A_CODE: Final = _OURS | {"invalid_request", "invalid_scope", "invalid_target"}
"""The same, for a login. In a request to renew these are of what was granted: it went well once."""
_NO_MORE: Final = frozenset({400, 401, 422})
"""With no word of OAuth: refuses what was sent. Others are also said by what stands before it."""
_PASSING: Final = frozenset({"server_error", "slow_down", "temporarily_unavailable"})


class RefusedError(Exception):
    """The upstream gives nothing for a code or a refresh token.

    Args:
        error: its code for that.
        description: what it says of it, for people.
    """

    def __init__(self, error: str, description: str | None = None) -> None:
        super().__init__(error, description)
        self.error = error
        self.description = description


class _WaitError(VerificationUnavailableError):
    """The upstream answered that there is nothing now.

    Args:
        text: for the log.
        fetched: the answer.
        for_all: whoever asks.
    """

    def __init__(self, text: str, fetched: Fetched, for_all: bool) -> None:
        super().__init__(text)
        self.for_all = for_all
        said = fetched.headers.get("Retry-After", "")
        known = said.isascii() and said.isdecimal() and len(said) < 12
        self.pause = min(max(float(said), _PAUSE), _LONGEST_PAUSE) if known else _PAUSE


@dataclass(frozen=True)
class UpstreamTokens:
    """An answer of the token endpoint.

    Attributes:
        access_token: a secret, like the next two.
        refresh_token: None where it gives none.
        id_token: the same.
        expires_in: seconds that the access token is good; None where it does not say.
        scopes: that were granted; None for those that were asked for (OAuth 2.1, 3.2.3).
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    expires_in: float | None = None
    scopes: list[str] | None = None


class Upstream:
    """One client of an authorization server.

    Args:
        authorization_endpoint: where people log in.
        token_endpoint: gives tokens.
        revocation_endpoint: takes them back; None where there is none.
        client_id: of this server, there.
        client_secret: the same; None for a public client.
        auth_method: how it proves who it is, one of `AUTH_METHODS`; None for the first, or for
            "none" where there is no secret.
        authorize_params: further parameters of requests for authorization.
        token_params: further parameters of requests for tokens.
        issuer: what the upstream calls itself; None where that is not known.
        names_itself: it says who it is in each answer, so one that does not is not its own.

    Raises:
        ValueError: an address is none, or the method is unknown or has no secret.
    """

    def __init__(
        self,
        *,
        authorization_endpoint: str,
        token_endpoint: str,
        revocation_endpoint: str | None,
        client_id: str,
        client_secret: str | SecretStr | None,
        auth_method: str | None,
        authorize_params: Mapping[str, str] | None,
        token_params: Mapping[str, str] | None,
        issuer: str | None,
        names_itself: bool = False,
    ) -> None:
        given = SecretStr(client_secret) if isinstance(client_secret, str) else client_secret
        self._secret = given if given else None  # "" is none
        method = auth_method or (AUTH_METHODS[0] if self._secret else "none")
        if method not in AUTH_METHODS:
            raise ValueError(f"token_endpoint_auth_method is one of {', '.join(AUTH_METHODS)}")
        if method != "none" and not self._secret:
            raise ValueError(f"{method} needs a client secret")
        self.client_id = client_id
        self.issuer = issuer
        self.names_itself = names_itself
        self.name = f"{client_id} at {token_endpoint}"
        """Which client of which server it is: what that gave is of no use to another."""
        self._authorization_endpoint = authorization_endpoint
        self._token_endpoint = token_endpoint
        self._revocation_endpoint = revocation_endpoint
        self._method = method
        self._authorize_params = dict(authorize_params or {})
        self._token_params = dict(token_params or {})
        self._fetcher = Fetcher(configured=True)
        self._pauses: dict[str, float] = {}
        """Until when it is left alone with a refresh token, or (`_ALL`) with any."""
        for endpoint in (authorization_endpoint, token_endpoint, revocation_endpoint):
            if endpoint is not None:
                try:
                    self._fetcher.check(endpoint)
                except FetchError as error:
                    raise ValueError(f"An upstream endpoint cannot be used. {error}") from error

    def authorization_url(
        self,
        *,
        state: str,
        redirect_uri: str,
        scopes: list[str],
        challenge: str | None,
        resource: str | None,
    ) -> str:
        """Where a person logs in.

        Args:
            state: comes back with the answer.
            redirect_uri: where it comes.
            scopes: that are asked for.
            challenge: of PKCE, with S256.
            resource: whom tokens are for (RFC 8707).
        """
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(scopes) or None,
            "code_challenge": challenge,
            "code_challenge_method": None if challenge is None else "S256",
            "resource": resource,
            **self._authorize_params,
            "state": state,
        }
        return with_parameters(self._authorization_endpoint, **asked)

    async def redeem(
        self,
        code: str,
        *,
        redirect_uri: str,
        verifier: str | None,
        scopes: list[str] | None,
        resource: str | None,
    ) -> UpstreamTokens:
        """Tokens for a code.

        Raises:
            RefusedError: there are none for it.
            VerificationUnavailableError: that cannot be known now.
        """
        return await self._tokens(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": verifier,
                "scope": None if scopes is None else " ".join(scopes),
                "resource": resource,
            },
            _OURS_OF_A_CODE,
        )

    def check_pause(self, refresh_token: str) -> None:
        """Whether it may be asked for tokens for this one.

        Raises:
            VerificationUnavailableError: it is left alone with that now.
        """
        now = time.monotonic()
        if any(now < self._pauses.get(one, now) for one in (_ALL, refresh_token)):
            raise VerificationUnavailableError("The upstream gave no answer a moment ago")

    async def renew(self, refresh_token: str, scopes: list[str] | None) -> UpstreamTokens:
        """Tokens for a refresh token; `scopes` for an upstream that wants them named again.

        Raises:
            RefusedError: there are none for it.
            VerificationUnavailableError: that cannot be known now.
        """
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "scope": None if scopes is None else " ".join(scopes),
        }
        try:
            return await self._tokens(form, _OURS, _NO_MORE)
        except VerificationUnavailableError as error:
            self._pause(error, refresh_token)
            raise

    def _pause(self, error: VerificationUnavailableError, refresh_token: str) -> None:
        of, seconds, now = _ALL, _PAUSE, time.monotonic()
        if isinstance(error, _WaitError):
            of, seconds = _ALL if error.for_all else refresh_token, error.pause
        pauses = {one: end for one, end in self._pauses.items() if now < end}
        self._pauses = {**pauses, of: max(now + seconds, pauses.get(of, now))}

    async def exchange(self, token: str, scopes: Sequence[str]) -> UpstreamTokens:
        """Tokens of another API, for a token of a person: the on-behalf-of flow of Microsoft Entra
        ID, which is the grant of RFC 7523, 2.1.

        Raises:
            RefusedError: there are none for it.
            VerificationUnavailableError: that cannot be known now.
        """
        return await self._tokens(
            {
                "grant_type": JWT_BEARER,
                "assertion": token,
                "scope": " ".join(scopes),
                "requested_token_use": "on_behalf_of",
            },
            _OURS_OF_A_CODE,
        )

    async def revoke(self, token: str, hint: str) -> None:
        """Give a token back, if the upstream takes it (RFC 7009)."""
        if self._revocation_endpoint is None:
            return
        form = {"token": token, "token_type_hint": hint}
        try:
            fetched = await self._post(self._revocation_endpoint, form)
        except FetchError as error:
            _logger.warning("An upstream token was not revoked: %s", error)
            return
        if fetched.status != 200:
            _logger.warning("%s answered %d: not revoked", fetched.url, fetched.status)

    async def _tokens(
        self,
        form: dict[str, str | None],
        ours: frozenset[str],
        refusing: frozenset[int] = frozenset(),
    ) -> UpstreamTokens:
        """What the token endpoint gives.

        Args:
            form: of the request; what is None is left out.
            ours: errors that are the author's.
            refusing: statuses that refuse it without one.
        """
        given = {name: value for name, value in form.items() if value is not None}
        try:
            fetched = await self._post(self._token_endpoint, {**given, **self._token_params})
        except FetchError as error:
            raise VerificationUnavailableError(f"The upstream cannot be asked: {error}") from error
        said = _answer(fetched)
        error = said.get("error")
        if isinstance(error, str) and error:  # also with 200: GitHub
            self._refuse(fetched, error, said.get("error_description"), ours)
        if fetched.status in refusing:
            raise RefusedError(f"status {fetched.status}")
        if fetched.status != 200:
            text = f"{fetched.url} answered {fetched.status}"
            raise _WaitError(text, fetched, is_passing(fetched.status))
        return _tokens_in(fetched.url, said)

    def _refuse(self, fetched: Fetched, error: str, description: Any, ours: frozenset[str]) -> None:
        text = described(description) if isinstance(description, str) else None
        if error in ours:
            _logger.error(
                "%s answered %s (%s): compare the client id, the secret, "
                "token_endpoint_auth_method and the redirect URI with what it knows",
                fetched.url,
                described(error),
                text,
            )
        if error in ours or error in _PASSING or is_passing(fetched.status):
            raise _WaitError(f"{fetched.url} answered {described(error)}", fetched, True)
        raise RefusedError(described(error) or "", text)

    async def _post(self, url: str, form: dict[str, str]) -> Fetched:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        secret = "" if self._secret is None else self._secret.get_secret_value()
        if self._method == "client_secret_basic":  # both encoded as in a form (RFC 6749, 2.3.1)
            pair = f"{quote_plus(self.client_id)}:{quote_plus(secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form = {**form, "client_id": self.client_id}
            if self._method == "client_secret_post":
                form["client_secret"] = secret
        body = urlencode(form).encode()
        # Again: where the upstream did use the code or token up, its answer is lost either way.
        return await self._fetcher.request(
            "POST", url, headers=headers, body=body, seconds=_SECONDS, again=True
        )


def _answer(fetched: Fetched) -> dict[str, Any]:
    """What an answer says, also one that is no JSON: some say their errors as a form does."""
    kind = fetched.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    try:
        if kind == "application/x-www-form-urlencoded":
            return dict(parse_qsl(fetched.body.decode("utf-8", "replace"), max_num_fields=_FIELDS))
        said = fetched.json
    except (FetchError, ValueError) as error:
        if fetched.status != 200:
            return {}
        text = str(error) if isinstance(error, FetchError) else f"{fetched.url} says too much"
        raise VerificationUnavailableError(text) from error
    return cast("dict[str, Any]", said) if isinstance(said, dict) else {}


def _tokens_in(url: str, said: dict[str, Any]) -> UpstreamTokens:
    access = _secret_in(url, said, "access_token")
    if access is None:
        raise VerificationUnavailableError(f"{url} answered without an access token")
    kind = said.get("token_type", "bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        # OAuth 2.1, 3.2.3: who does not understand the type must not use the token
        raise VerificationUnavailableError(f"{url} gives tokens that are no bearer tokens")
    scope = said.get("scope")
    return UpstreamTokens(
        access_token=access,
        refresh_token=_secret_in(url, said, "refresh_token"),
        id_token=_secret_in(url, said, "id_token"),
        expires_in=_seconds(said.get("expires_in")),
        scopes=None if scope is None else scope_list(scope),
    )


def _secret_in(url: str, said: dict[str, Any], name: str) -> str | None:
    value = said.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise VerificationUnavailableError(f"{url} answered with a strange {name}")
    return value


def _seconds(value: Any) -> float | None:
    """Seconds, also where they are written as a string; None for none that can be used."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    except OverflowError:
        return _LONGEST_LIFE
    return min(seconds, _LONGEST_LIFE) if math.isfinite(seconds) and seconds > 0 else None
