"""Authorization: what stands at the door, and whether a client finds the way to a token.

The way is a chain: the 401 names the metadata of the resource (RFC 9728), which names the
authorization server, whose metadata (RFC 8414, or OpenID Connect Discovery) says where tokens are
given and that PKCE with S256 is done. A client that finds one link broken stops there, and says
little; here each is looked at. Nobody is asked for a token. Source: 2026-07-28,
basic/authorization, and authorization-server-discovery.

A stranger names the addresses that are fetched, so they get no header of the user's, and a public
server cannot send the doctor into a private network.
"""

from __future__ import annotations

import secrets
from typing import Any, Final, cast

from multidict import CIMultiDict
from yarl import URL

from fastmcp.cli.diagnosis.finding import (
    Finding,
    note,
    ok,
    problem,
    quote,
    warning,
)
from fastmcp.cli.diagnosis.response import Unreachable
from fastmcp.cli.diagnosis.speech import JSON, Answer, decode_json
from fastmcp.cli.diagnosis.subject import Findings, Subject
from fastmcp.cli.diagnosis.wire import PATIENCE
from fastmcp.protocol.challenges import read_challenges
from fastmcp.protocol.jsonrpc import as_object
from fastmcp.protocol.versions import LATEST_STATELESS

__all__ = ["examine", "secret_parameters"]

_LARGEST: Final = 256 * 1024
_MOST_SERVERS: Final = 3
_IN_URL: Final = ("access_token", "token", "api_key", "apikey", "key", "auth")


def secret_parameters(url: URL) -> list[str]:
    """The values in a URL that look like secrets by their names."""
    return [value for name, value in url.query.items() if name.lower() in _IN_URL]


async def examine(subject: Subject) -> Findings:
    """Look at the door, with the user's headers and without."""
    speech = subject.speech
    for name in subject.given.query:
        if name.lower() in _IN_URL:
            yield warning(
                "token-in-url",
                f"the URL carries a secret, as its parameter {quote(name, 40)}",
                "URLs are written into the logs of every proxy on the way; access tokens must "
                'not be in them (basic/authorization, "Token Requirements").',
                "Send it as a header: Authorization: Bearer <token>",
            )
    bare = subject.first
    if speech.own and speech.trusted:
        bare = await speech.ask("server/discover", version=LATEST_STATELESS, own=False)
        if subject.first.status in (401, 403):
            subject.locked = True
            yield _refused(subject.first)
    elif bare.status in (401, 403):
        subject.locked = True
    subject.open_to_all = bare.status > 0 and bare.status not in (401, 403)
    if bare.status == 401:
        async for finding in _door(subject, bare):
            yield finding
    elif bare.status == 403 and not speech.own:
        yield problem(
            "forbidden",
            f"the first request is refused: {bare.said}",
            "403 says that no token would help.",
            "Where a token is wanted, answer 401 with WWW-Authenticate. It may be a web "
            "application firewall, or the check of Host and Origin: "
            "http_app(allowed_hosts=[...]).",
        )
    elif bare.served and subject.wishes.lets_in:
        yield note(
            "authorization-unused",
            "the server answers without your token too",
            "Whoever knows the address can use it.",
            "If that is not meant, look whether authorization is switched on.",
        )


def _refused(answer: Answer) -> Finding:
    said = ""
    for challenge in read_challenges(answer.headers.get("WWW-Authenticate", "")):
        for key in ("error", "error_description", "scope"):
            if key in challenge.parameters:
                said += f", {key} {quote(challenge.parameters[key])}"
    if answer.status == 403:
        return problem(
            "token-insufficient",
            f"your token is known and does not suffice: HTTP 403{said}",
            "The server wants more than the token says.",
            "Get one with the scopes it names.",
        )
    return problem(
        "token-refused",
        f"your token is refused: HTTP 401{said}",
        "It may have run out, or be made for another server (its audience).",
        "Get a new one, for this URL as resource (RFC 8707).",
    )


async def _door(subject: Subject, bare: Answer) -> Findings:
    """All that follows from a 401."""
    if subject.locked and not subject.speech.own:
        yield note(
            "authorization",
            "the server wants authorization (HTTP 401)",
            "What lies behind it was not examined.",
            "To look further: --auth TOKEN, or --header 'X-Api-Key: ...'",
        )
    else:
        yield ok("authorization", "without a token the answer is HTTP 401")
    invented = {"Authorization": f"Bearer {secrets.token_urlsafe(24)}"}
    answer = await subject.speech.ask(
        "server/discover", version=LATEST_STATELESS, own=False, extra=invented
    )
    if answer.served:
        yield problem(
            "token-unchecked",
            "a token that was made up is accepted",
            "Everybody is let in who brings any token.",
            "Have the server check signature, issuer, audience and expiry of tokens.",
        )
    challenges = read_challenges(bare.headers.get("WWW-Authenticate", ""))
    bearer = next((each for each in challenges if each.scheme == "bearer"), None)
    named = bearer.parameters.get("resource_metadata") if bearer is not None else None
    if bearer is None:
        schemes = ", ".join(quote(each.scheme, 30) for each in challenges) or "nothing"
        yield warning(
            "challenge",
            f"WWW-Authenticate of the 401 offers {schemes}, and not Bearer",
            "Clients do not know that a token would let them in.",
            'Send WWW-Authenticate: Bearer resource_metadata="'
            f'{_well_known(subject.url)[0]}"; nginx drops none, other proxies may.',
        )
    document, where = await _metadata(subject, named)
    if document is None:
        yield problem(
            "resource-metadata",
            f"there is no metadata of the resource: {where}",
            "Clients cannot find out who gives tokens for this server (RFC 9728).",
            f"Serve it at {_well_known(subject.url)[0]}, with resource and "
            "authorization_servers, and let it through every proxy without authorization.",
        )
        return
    if bearer is not None and named is None:
        yield note(
            "challenge-names-nothing",
            "the 401 does not name the metadata of the resource",
            "Clients find it at its usual place.",
            f'Send WWW-Authenticate: Bearer resource_metadata="{where}"',
        )
    async for finding in _resource(subject, document, where):
        yield finding


def _well_known(url: URL) -> list[URL]:
    """Where the metadata of a resource is, in the order in which clients look."""
    base = url.origin().with_path("/.well-known/oauth-protected-resource")
    path = url.path.strip("/")
    return [base.with_path(f"{base.path}/{path}"), base] if path else [base]


async def _metadata(subject: Subject, named: str | None) -> tuple[dict[str, Any] | None, str]:
    """The metadata of the resource and where it was; or None, and why not."""
    places = _well_known(subject.url)
    if named is not None:
        try:
            places = [URL(named)]
        except ValueError:
            return None, f"the 401 names {quote(named)}, which is no URL"
    why = ""
    for place in places:
        document, why = await _fetch(subject, place)
        if document is not None:
            return document, str(place)
    return None, why


async def _resource(subject: Subject, document: dict[str, Any], where: str) -> Findings:
    resource = document.get("resource")
    if not _covers(resource, subject.url):
        yield problem(
            "resource-mismatch",
            f"{where} is about the resource {quote(resource)}, not {subject.name}",
            "Clients must refuse metadata of another resource (RFC 9728, 3.3).",
            f'Set "resource": "{subject.name}" (the server\'s public URL, as clients write it).',
        )
    servers = document.get("authorization_servers")
    named = (
        [each for each in cast("list[Any]", servers) if isinstance(each, str)]
        if isinstance(servers, list)
        else []
    )
    if not named:
        yield problem(
            "authorization-servers",
            f"{where} names no authorization server",
            "Clients cannot find out who gives tokens.",
            'Add "authorization_servers": ["https://..."]',
        )
    for issuer in named[:_MOST_SERVERS]:
        async for finding in _issuer(subject, issuer):
            yield finding


def _covers(resource: object, url: URL) -> bool:
    """Whether the metadata may be about this endpoint: it, or a part of the path above it."""
    if not isinstance(resource, str):
        return False
    try:
        named = URL(resource)
        same = named.origin() == url.origin()
    except ValueError:
        return False
    path, above = url.path.rstrip("/") + "/", named.path.rstrip("/") + "/"
    return same and path.startswith(above)


async def _issuer(subject: Subject, issuer: str) -> Findings:
    """One authorization server: its metadata, and what clients need of it."""
    try:
        url = URL(issuer)
        origin, path = url.origin(), url.path.rstrip("/")
    except ValueError:
        yield problem(
            "authorization-server",
            f"the authorization server {quote(issuer)} is no URL",
            "Clients cannot find out who gives tokens.",
            "Name its issuer identifier, which begins with https://",
        )
        return
    oauth, openid = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
    places = [origin.with_path(oauth + path), origin.with_path(openid + path)]
    if path:
        places.append(origin.with_path(path + openid))
    document: dict[str, Any] | None = None
    whys: list[str] = []
    for place in places:
        document, why = await _fetch(subject, place)
        if document is not None:
            break
        whys.append(why)
    if document is None:
        yield problem(
            "authorization-server",
            f"the authorization server {quote(issuer)} shows no metadata: {'; '.join(whys)}",
            "Clients cannot begin.",
            f"Serve {places[0]} (RFC 8414), and let it through without authorization.",
        )
        return
    for finding in _authorization_server(issuer, document):
        yield finding


def _authorization_server(issuer: str, document: dict[str, Any]) -> list[Finding]:
    found: list[Finding] = []
    shown = quote(issuer)
    if document.get("issuer") != issuer:
        found.append(
            problem(
                "issuer",
                f"the metadata of {shown} says that its issuer is {quote(document.get('issuer'))}",
                "Clients must not use it: the two must be the same, letter by letter (RFC 8414, "
                "3.3).",
                "Write the issuer identifier itself into authorization_servers; often only a "
                "slash at the end is missing, or is too much.",
            )
        )
    missing = [
        name
        for name in ("authorization_endpoint", "token_endpoint")
        if not isinstance(document.get(name), str)
    ]
    if missing:
        found.append(
            problem(
                "authorization-endpoints",
                f"the metadata of {shown} names no {' and no '.join(missing)}",
                "Clients cannot get a token.",
                "Add them.",
            )
        )
    methods = document.get("code_challenge_methods_supported")
    if not isinstance(methods, list) or "S256" not in methods:
        found.append(
            problem(
                "pkce",
                f"the metadata of {shown} does not say that PKCE with S256 is supported",
                'Clients must refuse to go on (basic/authorization, "Authorization Code '
                'Protection").',
                'Add "code_challenge_methods_supported": ["S256"]',
            )
        )
    cimd = document.get("client_id_metadata_document_supported") is True
    dynamic = isinstance(document.get("registration_endpoint"), str)
    if not cimd and not dynamic:
        found.append(
            warning(
                "registration",
                f"{shown} takes no clients that it does not know: neither client ID metadata "
                "documents nor dynamic registration",
                "Each client needs an id that somebody registered by hand.",
                'Switch on client ID metadata documents ("client_id_metadata_document_supported": '
                "true), or dynamic registration (registration_endpoint).",
            )
        )
    if not found:
        ways = [
            *(["client ID metadata documents"] if cimd else []),
            *(["dynamic registration"] if dynamic else []),
        ]
        found.append(ok("authorization-server", f"{shown}: PKCE with S256, {' and '.join(ways)}"))
    return found


async def _fetch(subject: Subject, url: URL) -> tuple[dict[str, Any] | None, str]:
    """A JSON object at a URL that somebody else named, or None and why there is none."""
    name = quote(str(url))
    if url.scheme not in ("https", "http") or not url.host:
        return None, f"{name} is no URL of a web server"
    if url.scheme == "http" and not subject.local:
        return None, f"{name} is not encrypted"
    headers = CIMultiDict({"Accept": JSON, "User-Agent": "fastmcp-doctor"})
    try:
        response = await subject.http.open("GET", url, headers, public=not subject.local)
    except Unreachable as exc:
        return None, f"{name}: {exc}"
    try:
        body = await response.body(_LARGEST, PATIENCE)
    finally:
        response.close()
    if response.status != 200:
        return None, f"{name} answers HTTP {response.status}"
    document = decode_json(body)
    if not isinstance(document, dict):
        return None, f"{name} holds no JSON object"
    return (as_object(cast("object", document)) or {}), ""
