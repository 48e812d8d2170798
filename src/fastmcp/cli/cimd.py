"""`fastmcp auth cimd`: the document that says what a client is, at the address that is its id.

An authorization server that knows such documents fetches the one at the `client_id` and believes it
as far as it goes: so it has to be right, and where it says that it is. Source: OAuth Client ID
Metadata Document (draft-ietf-oauth-client-id-metadata-document-00); 2026-07-28,
basic/authorization/client-registration.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, cast
from urllib.parse import urlsplit

from cyclopts import Parameter
from yarl import URL

from fastmcp.cli.errors import CliError
from fastmcp.client.auth.client_document import complaints_of_address
from fastmcp.client.auth.fetching import Fetcher
from fastmcp.client.errors import AuthorizationFailedError
from fastmcp.utilities.addresses import is_own

__all__ = ["complaints", "create", "validate"]

_PLACEHOLDER: Final = "https://YOUR-DOMAIN.example/oauth/client.json"
_LARGEST: Final = 5 * 1024
"""Bytes that servers need not read beyond (section 6.6)."""
_SECRET_METHODS: Final = frozenset(
    {"client_secret_basic", "client_secret_post", "client_secret_jwt"}
)


def create(
    *,
    name: str,
    redirect_uri: Annotated[list[str], Parameter(name=("--redirect-uri", "-r"), negative="")],
    client_id: str | None = None,
    client_uri: str | None = None,
    logo_uri: str | None = None,
    scope: str | None = None,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
    pretty: bool = True,
) -> int:
    """Write the document of a client, to be served at an https address that becomes its id.

    Args:
        name: what people are told.
        redirect_uri: where answers may go, such as http://localhost:3000/callback; may be repeated.
        client_id: the address where the document will be.
        client_uri: of the client's home page.
        logo_uri: of its picture.
        scope: that it may ask for, separated by blanks.
        output: a file; by default standard output.
        pretty: in lines.
    """
    document: dict[str, Any] = {
        "client_id": client_id or _PLACEHOLDER,
        "client_name": name,
        "client_uri": client_uri,
        "logo_uri": logo_uri,
        "redirect_uris": redirect_uri,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "native" if any(map(_is_local, redirect_uri)) else "web",
        "scope": scope,
    }
    document = {key: value for key, value in document.items() if value is not None}
    wrong = list(complaints(document, document["client_id"]))
    if wrong:
        raise CliError(" ".join(wrong), 2)
    text = json.dumps(document, indent=2 if pretty else None, ensure_ascii=False)
    if output is None:
        print(text)
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text + "\n")
    if client_id is None:
        print(
            "client_id is a placeholder: write the address where the document will be, or give "
            "--client-id.",
            file=sys.stderr,
        )
    return 0


def validate(
    url: str, *, timeout: Annotated[float, Parameter(name=("--timeout", "-t"))] = 10.0
) -> int:
    """Fetch the document of a client as an authorization server does, and say what is wrong.

    Args:
        url: of the document, which is the client's id.
        timeout: seconds to wait for it.
    """
    wrong = list(complaints_of_address(url))
    if wrong:
        raise CliError(" ".join(wrong), 2)
    document, size = asyncio.run(_fetched(url, timeout))
    wrong = list(complaints(document, url))
    if size > _LARGEST:
        wrong.append(f"It has {size} bytes, and servers need not read more than {_LARGEST}.")
    if wrong:
        raise CliError(f"The document at {url} is not right. {' '.join(wrong)}")
    print(f"The document at {url} is right.")
    for key in ("client_name", "redirect_uris", "token_endpoint_auth_method", "scope"):
        if key in document:
            value: object = document[key]
            listed = cast("list[str]", value) if isinstance(value, list) else [value]
            print(f"  {key}: {', '.join(map(str, listed))}")
    return 0


async def _fetched(url: str, seconds: float) -> tuple[dict[str, Any], int]:
    try:
        async with asyncio.timeout(seconds), Fetcher(URL(url)) as http:
            answer = await http.document(url, "document", redirects=0)
    except TimeoutError:
        raise CliError(f"{url} did not answer within {seconds:g} seconds.") from None
    except AuthorizationFailedError as error:
        raise CliError(str(error)) from None
    if not answer.ok:
        raise CliError(
            f"{url} answered with HTTP {answer.status}{answer.why and ', '}{answer.why}."
        )
    return answer.body, answer.size


def complaints(document: Mapping[str, Any], url: str) -> Iterator[str]:
    """What is wrong with a document at an address, as sentences.

    Args:
        document: the JSON object.
        url: where it is.
    """
    yield from complaints_of_address(url)
    if document.get("client_id") != url:
        yield f"client_id has to be its address, {url}, letter by letter."
    name = document.get("client_name")
    if not isinstance(name, str) or not name.strip():
        yield "client_name is what people are told: a text."
    uris: object = document.get("redirect_uris")
    if not isinstance(uris, list) or not uris:
        yield "redirect_uris is a list with at least one address."
    else:
        for uri in cast("list[object]", uris):
            if not isinstance(uri, str) or not _is_redirect(uri):
                yield f"{uri!r} is no address for answers: https, or http on this machine."
    method = document.get("token_endpoint_auth_method", "client_secret_basic")
    if method in _SECRET_METHODS or "client_secret" in document:
        yield "A document that everybody reads has no secret: token_endpoint_auth_method is none."
    if method == "private_key_jwt" and not ("jwks" in document or "jwks_uri" in document):
        yield "private_key_jwt needs the public key, in jwks or at jwks_uri."
    grants = document.get("grant_types", ["authorization_code"])
    if not isinstance(grants, list) or "authorization_code" not in grants:
        yield "grant_types is a list with authorization_code in it."


def _is_redirect(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        local = is_own(parts.hostname or "")
    except ValueError:
        return False
    if parts.fragment or "#" in uri or not parts.scheme:
        return False
    if parts.scheme in ("http", "https"):
        return bool(parts.hostname) and (parts.scheme == "https" or local)
    # An application's own scheme has the form of a domain (RFC 8252, 7.1).
    return "." in parts.scheme


def _is_local(uri: str) -> bool:
    return not uri.lower().startswith("https:")
