"""Certificates as they should not be, made for one test."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass
class Made:
    """A server's TLS, and the file that a client would trust it by."""

    context: ssl.SSLContext
    authority: Path


def made(
    folder: Path,
    *,
    begins: timedelta = timedelta(days=-10),
    ends: timedelta = timedelta(days=90),
    name: str = "127.0.0.1",
    self_signed: bool = False,
    for_clients: bool = False,
) -> Made:
    """A certificate, and the TLS of a server that shows it.

    Args:
        folder: for its files.
        begins: from now.
        ends: from now.
        name: an address or a host name.
        self_signed: no authority has made it.
        for_clients: it says that it is no server's.
    """
    now = datetime.now(UTC)
    authority, key = _name("An authority"), ec.generate_private_key(ec.SECP256R1())
    root = (
        _builder(authority, authority, key, now - timedelta(days=100), now + timedelta(days=1000))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    own = ec.generate_private_key(ec.SECP256R1())
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    issuer, signer = (_name("A server"), own) if self_signed else (authority, key)
    purpose = ExtendedKeyUsageOID.CLIENT_AUTH if for_clients else ExtendedKeyUsageOID.SERVER_AUTH
    leaf = (
        _builder(_name("A server"), issuer, own, now + begins, now + ends)
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    pem, private = folder / "cert.pem", folder / "key.pem"
    pem.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        own.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    (folder / "ca.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return Made(context, folder / "ca.pem")


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    begins: datetime,
    ends: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
