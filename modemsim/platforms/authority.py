"""The certificate authority of the platforms in the box: one a run, made when it is first asked for."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache, cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    Key = EllipticCurvePrivateKey | RSAPrivateKey

NAME = "modemsim platform CA"
AGE, LIFE = timedelta(days=30), timedelta(days=20 * 365)
"""How long before the network's date its certificates begin, and how long they are valid."""
_RSA_BITS = 2048


@cache
def _rsa_key() -> RSAPrivateKey:
    """One for every run in this process: what takes time is to find it."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(65537, _RSA_BITS)


class Authority:
    """Signs for these names and addresses; `now` tells the network's date.

    The server shows a certificate with an elliptic key, or one with RSA, as the client can take it.
    """

    def __init__(self, now: Callable[[], datetime], names: tuple[str, ...]) -> None:
        self._now = now
        self._names = names

    @cached_property
    def _root(self) -> tuple[EllipticCurvePrivateKey, x509.Certificate]:
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        return key, self._sign(key, key, None)

    @cached_property
    def certificate(self) -> bytes:
        """The authority's own certificate as PEM, for hosts to load into their modules."""
        return _pem(self._root[1])

    @cached_property
    def context(self) -> ssl.SSLContext:
        """What servers of the box use: TLS 1.2 and later."""
        from cryptography.hazmat.primitives.asymmetric import ec

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("ALL:!aNULL:!eNULL:!PSK")
        for key in (ec.generate_private_key(ec.SECP256R1()), _rsa_key()):
            with tempfile.TemporaryDirectory() as folder:  # the standard library reads files only
                path = Path(folder, "pair")
                path.write_bytes(b"".join(self.issue(key)))
                context.load_cert_chain(path)
        return context

    def issue(self, key: Key) -> tuple[bytes, bytes]:
        """A certificate for a key in the names of this authority, and the key, both as PEM."""
        from cryptography.hazmat.primitives import serialization

        root, issuer = self._root
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return _pem(self._sign(key, root, issuer)), bytes(secret)

    def _sign(
        self, key: Key, signer: EllipticCurvePrivateKey, issuer: x509.Certificate | None
    ) -> x509.Certificate:
        """A certificate for a key; without an issuer that of the authority itself."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.x509.oid import NameOID

        def named(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        now = self._now()
        subject = named(NAME if issuer is None else self._names[0])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer is None else issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - AGE)
            .not_valid_after(now + LIFE)
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        )
        if issuer is not None:
            names = x509.SubjectAlternativeName([_general_name(name) for name in self._names])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(signer, hashes.SHA256())


def _general_name(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return bytes(certificate.public_bytes(Encoding.PEM))
