"""What a TLS connection of the module is to be like, and how it can fail before it stands."""

from __future__ import annotations

import ssl
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL: the date is the business of the module's calendar."""
VERSIONS = {
    "3.0": ssl.TLSVersion.SSLv3,
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
}
"""Protocol versions by name, oldest first; modules of this age know none after 1.2."""


class TlsFailure(StrEnum):
    """Why a negotiation came to nothing; the values are situations of the profile."""

    REFUSED = "tls_refused"
    UNTRUSTED = "tls_untrusted"
    NAME = "tls_name"
    EXPIRED = "tls_expired"
    NOT_YET_VALID = "tls_not_yet_valid"
    CLOSED = "tls_closed"
    TIMEOUT = "tls_timeout"
    CREDENTIALS = "tls_credentials"


class TlsFailed(ConnectionError):
    """The connection could not be secured; `failure` says why, `detail` in the words of the library."""

    def __init__(self, failure: TlsFailure, detail: str = "") -> None:
        super().__init__(f"{failure.value}: {detail}" if detail else failure.value)
        self.failure = failure
        self.detail = detail


@dataclass(frozen=True)
class TlsSettings:
    """One connection's wishes; certificates and keys are PEM (a CA may be DER), times in seconds.

    `oldest`, `newest`: protocol versions, keys of VERSIONS. `ciphers`: suites in OpenSSL's names. `verify`:
    whether the peer's chain must lead to one of `ca`. `server_name`: what is sent as the server's name and,
    with `verify`, must be in its certificate; None: neither. `now`: the date that certificates must be valid
    at, None for any. `limit`: time of the negotiation. Files that the module does not have are None.
    """

    verify: bool = False
    ca: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = None
    password: str = ""
    shows_certificate: bool = False
    server_name: str | None = None
    now: Callable[[], datetime] | None = None
    oldest: str = "1.0"
    newest: str = "1.2"
    ciphers: str = "ALL:!aNULL:!eNULL"
    alpn: str = ""
    renegotiation: bool = False
    limit: float = 300.0

    def context(self) -> ssl.SSLContext:
        """The library's settings; raises TlsFailed for files and suites that it cannot use."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = self.verify and self.server_name is not None
        context.verify_mode = ssl.CERT_REQUIRED if self.verify else ssl.CERT_NONE
        context.verify_flags |= NO_CHECK_TIME
        if not self.renegotiation:
            context.options |= ssl.OP_NO_RENEGOTIATION
        if self.alpn:
            context.set_alpn_protocols([self.alpn])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # old versions are what is asked for
                context.minimum_version, context.maximum_version = (
                    VERSIONS[self.oldest],
                    VERSIONS[self.newest],
                )
            context.set_ciphers(self.ciphers + ":@SECLEVEL=0")
        except (ValueError, ssl.SSLError) as error:
            raise TlsFailed(TlsFailure.REFUSED, f"the library offers none of it: {error}") from error
        self._load(context)
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        """Give the context what it trusts and what it shows."""
        if (self.verify and not self.ca) or (self.shows_certificate and not (self.certificate and self.key)):
            raise TlsFailed(TlsFailure.CREDENTIALS, "a file is missing")
        try:
            if self.verify and self.ca:
                pem = b"-----BEGIN" in self.ca
                context.load_verify_locations(cadata=self.ca.decode("latin-1") if pem else self.ca)
            if self.shows_certificate and self.certificate and self.key:
                _load_pair(context, self.certificate, self.key, self.password)
        except (ssl.SSLError, ValueError, OSError) as error:
            raise TlsFailed(TlsFailure.CREDENTIALS, str(error)) from error


def _load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes, password: str) -> None:
    """The standard library takes a certificate and its key from files only."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder, "certificate"), Path(folder, "key")
        for path, content in zip(paths, (certificate, key), strict=True):
            path.write_bytes(content)
        context.load_cert_chain(*paths, password=password)


def verification_failure(error: ssl.SSLCertVerificationError) -> TlsFailure:
    """Which of the failures a verification error of OpenSSL is (its X509_V_ERR numbers)."""
    return {9: TlsFailure.NOT_YET_VALID, 10: TlsFailure.EXPIRED, 62: TlsFailure.NAME, 63: TlsFailure.NAME,
            64: TlsFailure.NAME}.get(error.verify_code, TlsFailure.UNTRUSTED)  # fmt: skip


def check_dates(tls: ssl.SSLObject, now: datetime) -> None:
    """Refuse a peer whose verified chain holds a certificate that is not valid at `now`; raises TlsFailed."""
    from cryptography.x509 import load_der_x509_certificate  # loaded with the first certificate

    for der in _chain(tls):
        certificate = load_der_x509_certificate(der)
        start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if not start <= now <= end:
            failure = TlsFailure.NOT_YET_VALID if now < start else TlsFailure.EXPIRED
            name = certificate.subject.rfc4514_string()
            raise TlsFailed(
                failure, f"{name} is valid from {start:%Y-%m-%d} to {end:%Y-%m-%d}, it is {now:%Y-%m-%d}"
            )


def _chain(tls: ssl.SSLObject) -> list[bytes]:
    """The verified chain as DER, from the peer to what is trusted; public since Python 3.13."""
    public = getattr(tls, "get_verified_chain", None)
    if public is not None:
        return list(public())
    chain = getattr(tls, "_sslobj").get_verified_chain()  # noqa: B009 - not in the type of the class
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in chain]
