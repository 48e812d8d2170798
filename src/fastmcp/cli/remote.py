"""How a command line names a server at a URL, and how to be let in.

`fastmcp bridge`, `list`, `call` and `doctor` say it with the same words. A secret need not stand
on the command line, where every user of the machine can read it: `${NAME}` in a header or a token
is the value of that variable of the environment. What a person authorizes by `--auth oauth` is
kept in `oauth` in FASTMCP_HOME, for its owner alone, and encrypted where
FASTMCP_OAUTH_ENCRYPTION_KEY is set.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

from cyclopts import Parameter
from yarl import URL

from fastmcp.cli.errors import CliError
from fastmcp.client.auth import OAuth, TokenFiles
from fastmcp.client.transports.base import ClientTransport
from fastmcp.client.transports.orders import check_order
from fastmcp.client.transports.remote import http_transport
from fastmcp.settings import get_settings

__all__ = ["Auth", "Headers", "expanded", "headers_of", "is_url", "remote", "token_of"]

Headers = Annotated[
    list[str] | None,
    Parameter(
        name="--header",
        negative="",
        help='"Name: value", sent with every request; ${VARIABLE} is filled in; may be repeated.',
    ),
]
Auth = Annotated[
    str | None,
    Parameter(
        help="A bearer token for a URL, env:NAME or ${NAME} for that variable; oauth to authorize "
        "it in a browser; none for none."
    ),
]

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def is_url(spec: str) -> bool:
    """Whether a SPEC is an address."""
    return spec.startswith(("http://", "https://"))


def remote(
    url: str, order: str | None, headers: Sequence[str] | None, auth: str | None
) -> ClientTransport:
    """The transport to a server at a URL.

    Args:
        url: of the endpoint.
        order: which transports are tried; by default what the URL looks like first.
        headers: lines of "Name: value".
        auth: a token, or how to obtain one.
    Raises:
        CliError: something that cannot be; it says what.
    """
    _check_url(url)
    return http_transport(
        url,
        None if order is None else check_order(order),
        headers=headers_of(headers or ()),
        auth=_oauth() if auth == "oauth" else token_of(auth),
    )


def headers_of(lines: Sequence[str]) -> dict[str, str]:
    """Headers by name, filled in.

    Args:
        lines: of "Name: value".
    Raises:
        CliError: a line is none, or needs a variable that is not set.
    """
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.strip()
        if not colon or _NAME.fullmatch(name) is None:
            # The line may hold a secret; its name does not.
            raise CliError('--header has the form "Name: value", with a name of HTTP.', 2)
        found[name] = _value(value, f"--header {name}")
    return found


def _value(text: str, where: str) -> str:
    """What stands in a header, filled in (RFC 9110, 5.5)."""
    value = expanded(text, where).strip()  # a variable often ends with the line of a file
    if _CONTROL.search(value):
        raise CliError(f"{where}: a value is one line, without control characters.", 2)
    return value


def _check_url(url: str) -> None:
    # Not the URL itself: it may hold a secret.
    if not is_url(url):
        raise CliError("The server is no http or https URL.", 2)
    try:
        parsed = URL(url)
        host = parsed.host
        if host is not None and not host.isascii():
            host.encode("idna")
    except ValueError as error:
        raise CliError(
            f"The server's URL cannot be: {str(error).replace(url, '...')}.", 2
        ) from None
    if not host or any(character.isspace() for character in host):
        raise CliError("The server's URL has no host: write http://HOST/mcp.", 2)


def _oauth() -> OAuth:
    """A person, whose word is kept for the next command."""
    files: Any = TokenFiles()
    key = get_settings().oauth_encryption_key
    if key is None:
        return OAuth(token_storage=files)
    from cryptography.fernet import Fernet  # with the next 0.3 s that most never need
    from key_value.aio.wrappers.encryption import FernetEncryptionWrapper

    try:
        fernet = Fernet(key.get_secret_value())
    except ValueError:
        raise CliError(
            "FASTMCP_OAUTH_ENCRYPTION_KEY is no Fernet key: 32 bytes as URL-safe base64, such as "
            "`openssl rand -base64 32 | tr '+/' '-_'` prints.",
            2,
        ) from None
    return OAuth(token_storage=FernetEncryptionWrapper(key_value=files, fernet=fernet))


def token_of(auth: str | None) -> str | None:
    """A bearer token, filled in; None for none.

    Args:
        auth: what `--auth` says.
    Raises:
        CliError: it cannot be one, or needs a variable that is not set.
    """
    if auth is None or auth == "none":
        return None
    if auth == "oauth":
        raise CliError("--auth oauth is for list, call and bridge; here, pass a bearer token.", 2)
    if auth.startswith("env:"):
        auth = f"${{{auth.removeprefix('env:')}}}"
    return _value(auth, "--auth")


def expanded(text: str, where: str) -> str:
    """A text with its `${NAME}`s filled in.

    Args:
        where: it stands, for the error.
    Raises:
        CliError: there is no such variable.
    """

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if found is None:
            raise CliError(f"{where} needs the variable {match[1]}, which is not set.", 2)
        return found

    return _VARIABLE.sub(value, text)
