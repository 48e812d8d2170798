"""The certificate: whether clients accept it, and for how long they will.

The handshake is done twice: once checking nothing, to have the certificate whatever it is like, and
once as a client does, to hear what OpenSSL says against it. Where it is wrong the examination goes
on without the user's headers: a token must not be shown to who cannot prove to be the server.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import Final

from cryptography import x509

from fastmcp.cli.diagnosis.address import failure
from fastmcp.cli.diagnosis.finding import Finding, held_back, ok, problem, quote, warning
from fastmcp.cli.diagnosis.response import Unreachable
from fastmcp.cli.diagnosis.subject import Findings, Subject

__all__ = ["examine"]

_SOON_DAYS: Final = 14
"""Certificates that renew themselves do so a month before; one that did not is told in time."""

# What OpenSSL calls what (x509_vfy.h).
_NOT_YET: Final = 9
_EXPIRED: Final = 10
_SELF_SIGNED: Final = (18,)
_CHAIN: Final = (2, 19, 20, 21)
_HOST: Final = (62, 64)


async def examine(subject: Subject) -> Findings:
    """Look at it, and check it."""
    url = subject.url
    if url.scheme == "http":
        if not subject.local:
            yield warning(
                "certificate-none",
                "the connection is not encrypted",
                "Everybody on the way reads and changes what is said, tokens too.",
                f"Serve TLS and write {url.with_scheme('https').with_port(None)}",
            )
        return
    try:
        line = await subject.http.connect(url, verify=False)
    except Unreachable as exc:
        yield await failure(subject, exc)
        return
    line.writer.transport.abort()
    certificate = None
    try:
        certificate = x509.load_der_x509_certificate(line.certificate or b"")
        names, until = _names(certificate), certificate.not_valid_after_utc
        since = certificate.not_valid_before_utc
    except ValueError:
        names, until, since = [], None, None
    try:
        trusted = await subject.http.connect(url, verify=True)
    except Unreachable as exc:
        subject.http.verify = subject.speech.trusted = False
        yield _refused(subject, exc, names, until, since)
        if subject.speech.own:
            yield held_back("the certificate is wrong; for an authority of your own: --ca FILE")
        return
    trusted.writer.transport.abort()
    days = (until - datetime.now(UTC)).days if until is not None else 0
    seen = f"valid for {_listed(names)}, {days} days more, {line.tls}"
    if days < _SOON_DAYS:
        yield warning(
            "certificate-expires-soon",
            seen,
            "Then every client refuses the server.",
            "Renew it: certbot renew && nginx -s reload, or look why that did not run.",
        )
    else:
        yield ok("certificate", seen)


def _refused(
    subject: Subject,
    exc: Unreachable,
    names: list[str],
    until: datetime | None,
    since: datetime | None,
) -> Finding:
    means = "Clients refuse the connection."
    host = subject.url.host or ""
    if exc.code == _EXPIRED:
        ended = f"it ended on {until:%Y-%m-%d}" if until is not None else str(exc)
        return problem(
            "certificate-expired",
            ended,
            means,
            "Renew it, and have the server load the new one: certbot renew && nginx -s reload",
        )
    if exc.code == _NOT_YET:
        begins = f"it begins on {since:%Y-%m-%d %H:%M} UTC" if since is not None else str(exc)
        return problem(
            "certificate-not-yet", begins, means, "Set the clock, of this machine or of the issuer."
        )
    if exc.code in _HOST:
        return problem(
            "certificate-host",
            f"it is for {_listed(names)}, not for {host}",
            means,
            f"Get one that names {host}: certbot --domains {host}; or use a name it has.",
        )
    if exc.code in _SELF_SIGNED:
        return problem(
            "certificate-self-signed",
            "it is signed by itself",
            means,
            "Get one of an authority (Let's Encrypt is free). For a server of your own, clients "
            "take its file: Client(url, verify='cert.pem'), fastmcp doctor --ca cert.pem",
        )
    if exc.code in _CHAIN:
        return problem(
            "certificate-chain",
            f"no way leads from it to an authority that is known here ({exc})",
            means,
            "Serve the intermediate certificates with it; nginx: "
            "ssl_certificate /etc/letsencrypt/live/<name>/fullchain.pem;\n"
            "for an authority of your own: --ca FILE",
        )
    return problem("certificate-refused", str(exc), means, "Get a new one from an authority.")


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension):
        return []
    names = [str(name) for name in found.get_values_for_type(x509.DNSName)]
    addresses: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = [
        value
        for value in found.get_values_for_type(x509.IPAddress)
        if isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address)
    ]
    return names + [str(address) for address in addresses]


def _listed(names: list[str]) -> str:
    if not names:
        return "no name"
    shown = ", ".join(quote(name, 60) for name in names[:3])
    return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")
