"""The address of a document about a client, which is the client's id.

Source: OAuth Client ID Metadata Document (draft-ietf-oauth-client-id-metadata-document-00), 3.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastmcp.utilities.addresses import MALFORMED, is_own, parse_url

__all__ = ["complaints_of_address"]


def complaints_of_address(url: str) -> Iterator[str]:
    """What keeps an address from being a client's id, as sentences.

    Args:
        url: of the document.
    """
    parsed = parse_url(url)
    if parsed is None:
        yield f"{url!r} {MALFORMED}."
        return
    if parsed.scheme != "https" and not is_own(parsed.host or ""):
        yield f"{url} is no https address (http is for this machine, to try it)."
    elif parsed.raw_path in ("", "/") or {".", ".."} & set(parsed.raw_path.split("/")):
        yield f"{url} needs a path, such as /client.json, without dots for segments."
    if parsed.user is not None or parsed.password is not None:
        yield "An address that is an id has no user and no password."
