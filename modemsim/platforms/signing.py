"""Signing packages offline and checking them at upload, as the consoles' signing tool does.

A signed package is a zip file with the package (`*.bin`) and a member SIGNATURE: a line with the algorithm, a
line with the signature of the package in base64. The layout of the operator's own tool is not published.
"""

from __future__ import annotations

import base64
import binascii
import io
import zipfile
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

    PrivateKey = EllipticCurvePrivateKey | RSAPrivateKey
    PublicKey = EllipticCurvePublicKey | RSAPublicKey

LARGEST_ZIP = 35 << 20
"""Octets of the largest package file a console takes (SIM7020 CT guide 1.02, 6.1.2)."""

_MEMBER = "SIGNATURE"
_RSA_BITS = 2048
_FIXED_DATE = (1980, 1, 1, 0, 0, 0)


class SigningError(ValueError):
    """A key or a package cannot be used; the message is one sentence."""


class Algorithm(StrEnum):
    """The two algorithms of the consoles' signing tool."""

    RSA = "RSA2048+SHA256"
    ECDSA = "ECDSA_256K1+SHA256"


@dataclass(frozen=True)
class KeyPair:
    """A private key, encrypted, and its public key, both as PEM."""

    private: bytes
    public: bytes


def make_keys(algorithm: Algorithm, password: str) -> KeyPair:
    """A new key pair; the private key is encrypted with the password (PKCS #8)."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if not password:
        raise SigningError("the private key wants a password")
    key: PrivateKey
    if algorithm is Algorithm.RSA:
        key = rsa.generate_private_key(65537, _RSA_BITS)
    else:
        key = ec.generate_private_key(ec.SECP256K1())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password.encode()),
    )
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return KeyPair(private, key.public_key().public_bytes(serialization.Encoding.PEM, form))


def sign(package: bytes, name: str, private_pem: bytes, password: str | None) -> bytes:
    """The signed zip of a package, which may itself be a zip with one member; raises SigningError."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding

    if zipfile.is_zipfile(io.BytesIO(package)):
        name, package = _single_member(package)
    key = _private(private_pem, password)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        algorithm, signature = Algorithm.ECDSA, key.sign(package, ec.ECDSA(hashes.SHA256()))
    else:
        algorithm, signature = Algorithm.RSA, key.sign(package, padding.PKCS1v15(), hashes.SHA256())
    text = f"{algorithm}\n{base64.b64encode(signature).decode()}\n"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name, _FIXED_DATE), package, zipfile.ZIP_DEFLATED)
        archive.writestr(zipfile.ZipInfo(_MEMBER, _FIXED_DATE), text)
    return out.getvalue()


def verify(signed: bytes, public_pem: bytes) -> tuple[str, bytes]:
    """Name and octets of the package in a signed zip; raises SigningError when the signature is not good."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding

    name, package, algorithm, signature = _open(signed)
    key = _public(public_pem)
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and algorithm == Algorithm.ECDSA:
            key.verify(signature, package, ec.ECDSA(hashes.SHA256()))
        elif not isinstance(key, ec.EllipticCurvePublicKey) and algorithm == Algorithm.RSA:
            key.verify(signature, package, padding.PKCS1v15(), hashes.SHA256())
        else:
            raise SigningError(f"the package was signed with {algorithm}, the public key is of another kind")
    except InvalidSignature:
        raise SigningError("the signature does not belong to this package and public key") from None
    return name, package


def check_public(pem: bytes) -> None:
    """Raise SigningError unless this is a public key of one of the two algorithms."""
    _public(pem)


def _single_member(archive: bytes) -> tuple[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        names = source.namelist()
        if len(names) != 1:
            raise SigningError(f"a package to sign is one file, not {len(names)} in a zip")
        return names[0], _read(source, names[0])


def _open(signed: bytes) -> tuple[str, bytes, str, bytes]:
    if len(signed) > LARGEST_ZIP:
        raise SigningError("a package file has 35 MB at most")
    try:
        with zipfile.ZipFile(io.BytesIO(signed)) as archive:
            names = [name for name in archive.namelist() if name != _MEMBER]
            if _MEMBER not in archive.namelist() or len(names) != 1:
                raise SigningError("the package is not signed")
            algorithm, _, text = _read(archive, _MEMBER).decode("ascii", "replace").partition("\n")
            signature = base64.b64decode(text.strip(), validate=True)
            return names[0], _read(archive, names[0]), algorithm.strip(), signature
    except (zipfile.BadZipFile, binascii.Error, EOFError, OSError):
        raise SigningError("the package is no zip file made by the signing tool") from None


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > LARGEST_ZIP:
        raise SigningError("a package has 35 MB at most")
    return archive.read(name)


def _private(pem: bytes, password: str | None) -> PrivateKey:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        key = serialization.load_pem_private_key(pem, password.encode() if password else None)
    except (ValueError, TypeError) as problem:
        raise SigningError(f"the private key cannot be opened: {problem}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise SigningError("the private key is of neither algorithm")
    return key


def _public(pem: bytes) -> PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise SigningError("this is no public key in PEM") from None
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256K1):
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size == _RSA_BITS:
        return key
    raise SigningError(f"the public key is of neither {Algorithm.RSA} nor {Algorithm.ECDSA}")
