"""Elicitation: a handler asks the user, in a form or by sending them to a page.

*Form mode*: the client shows the form and answers with what was typed; `forms.py` makes it of a
Python type. *URL mode* (SEP-1036): the client opens a page with the user's consent, and what is
typed there it never sees; that is the way for secrets. Accepted then means that the page was
opened, not that anything was done on it.

What is left of URL mode by version: 2025-11-25 has all of it. 2026-07-28 has the question alone:
no id of it, no notification when it is done, and no error -32042 (changelog, 11; basic/index,
"Error Codes").
"""

from __future__ import annotations

import ipaddress
import re
import uuid
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar
from urllib.parse import urlsplit

from fastmcp.exceptions import McpError, ToolError, URLElicitationRequiredError
from fastmcp.protocol.errors import INTERNAL_ERROR
from fastmcp.server.asking import Asker, lacking
from fastmcp.server.forms import Form, form_of, object_form

__all__ = [
    "AcceptedElicitation",
    "CancelledElicitation",
    "DeclinedElicitation",
    "ElicitConfig",
    "ElicitationResult",
    "elicit",
    "elicit_url",
    "get_elicitation_schema",
    "handle_elicit_accept",
    "has_elicitation_ids",
    "parse_elicit_response_type",
    "url_required",
]

T = TypeVar("T")

_URL_SINCE: Final = "2025-11-25"
_URL: Final[dict[str, Any]] = {"elicitation": {"url": {}}}
_BLANK: Final = re.compile(r"[\x00-\x20\x7f\\]")


@dataclass
class AcceptedElicitation(Generic[T]):
    """The user answered; `data` is of the type that was asked for (None where a page was)."""

    data: T
    action: Literal["accept"] = "accept"


@dataclass
class DeclinedElicitation:
    """The user said no."""

    action: Literal["decline"] = "decline"


@dataclass
class CancelledElicitation:
    """The user closed the question without an answer."""

    action: Literal["cancel"] = "cancel"


ElicitationResult = AcceptedElicitation[T] | DeclinedElicitation | CancelledElicitation

ElicitConfig = Form
"""How one question is put, and how its answer is read."""


def parse_elicit_response_type(
    response_type: Any,
    *,
    response_title: str | None = None,
    response_description: str | None = None,
) -> ElicitConfig:
    """Turn what the author asks for into a form.

    Args:
        response_type: a scalar type, Literal, Enum, `list` of choices, a BaseModel, dataclass or
            TypedDict of these; or choices as data: `["a", "b"]`, `{"a": {"title": "A"}}`, and
            either inside a list for several answers.
        response_title: the title of a single value's one field.
        response_description: its description.

    Raises:
        TypeError: the type is None or cannot be asked for.
    """
    return form_of(response_type, response_title, response_description)


def get_elicitation_schema(response_type: Any) -> dict[str, Any]:
    """The `requestedSchema` of an object type.

    Raises:
        TypeError: one of its fields cannot be asked for.
    """
    return object_form(response_type).schema


def handle_elicit_accept(config: ElicitConfig, content: Any) -> AcceptedElicitation[Any]:
    """Read the accepted answer.

    Raises:
        McpError: the client's answer does not fit the form.
    """
    return AcceptedElicitation(config.read(content))


async def elicit(
    asker: Asker, message: str, response_type: Any, title: str | None, description: str | None
) -> ElicitationResult[Any]:
    """Ask in a form; see `Context.elicit`."""
    form = form_of(response_type, title, description)
    params = {"message": message, "requestedSchema": form.worded_for(asker)}
    answer = await asker.ask("elicitation/create", params, {"elicitation": {}})
    refused = _refused(answer)
    return handle_elicit_accept(form, answer.get("content")) if refused is None else refused


async def elicit_url(
    asker: Asker, message: str, url: str, elicitation_id: str | None
) -> ElicitationResult[None]:
    """Send the user to a page; see `Context.elicit_url`."""
    _check_url(url)
    asker.demand(_URL_SINCE, "the opening of a page")
    params = {"mode": "url", "message": message, "url": url}
    if has_elicitation_ids(asker.version):
        params["elicitationId"] = elicitation_id or uuid.uuid4().hex
    answer = await asker.ask("elicitation/create", params, _URL)
    refused = _refused(answer)
    return AcceptedElicitation(None) if refused is None else refused


def has_elicitation_ids(version: str) -> bool:
    """Whether elicitations by URL have ids, and may be said to be complete."""
    return version == _URL_SINCE


def url_required(error: URLElicitationRequiredError, asker: Asker) -> Exception:
    """The error as this client may be told it: as it is where its version has it and it declared
    that it opens pages, else as a text that names them.

    Raises:
        ValueError: a page that nobody may be sent to.
    """
    for asked in error.elicitations:
        _check_url(asked["url"])
    if has_elicitation_ids(asker.version) and not lacking(_URL, asker.capabilities):
        return error
    pages = "; ".join(f"{asked['message']} ({asked['url']})" for asked in error.elicitations)
    return ToolError(f"{error.message}: open in a browser, then try again. {pages}")


def _refused(answer: dict[str, Any]) -> DeclinedElicitation | CancelledElicitation | None:
    """The user's no, or None for their yes."""
    action = answer.get("action")
    if action == "accept":
        return None
    if action == "decline":
        return DeclinedElicitation()
    if action == "cancel":
        return CancelledElicitation()
    raise McpError(
        INTERNAL_ERROR,
        f"The client answered elicitation/create with the action {action!r}, which is none of "
        "accept, decline and cancel",
    )


def _check_url(url: str) -> None:
    """Refuse what users must not be sent to (client/elicitation, "Safe URL Handling").

    Raises:
        ValueError: no URL, one with credentials, or one that is not https where it leaves the
            machine.
    """
    if not url.isascii() or _BLANK.search(url):
        raise ValueError(f"{url!r} is no URL: write what is not ASCII, and blanks, as %XX")
    parts = urlsplit(url)
    host = parts.hostname
    if not host or parts.scheme not in ("https", "http"):
        raise ValueError(f"{url!r} is no URL that a user can be sent to: it must begin https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("The URL holds credentials, which the client would see: leave them out")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ValueError(f"{url!r} is not safe to send a user to: use https")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
