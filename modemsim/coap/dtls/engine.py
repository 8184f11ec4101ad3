"""What a TLS library does for an association, and how one of the two is chosen.

A backend is a module of this package that imports its library; it offers `client(...)` and `server(...)`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol, cast

ENVIRONMENT = "MODEMSIM_DTLS_BACKEND"
"""The environment variable that chooses a backend where the profile leaves it open ("auto")."""


class Suite(StrEnum):
    """The cipher suites that NB-IoT modules have, by their IANA names without TLS_."""

    CCM_8 = "PSK_WITH_AES_128_CCM_8"
    CBC = "PSK_WITH_AES_128_CBC_SHA256"


SUITES = (Suite.CCM_8, Suite.CBC)
"""Both, in the order in which a client offers and a server prefers them."""

Keys = Callable[[str], bytes | None]
"""A server's key for an identity; None for an unknown one."""

KeyLog = Callable[[str], None]
"""Gets one line of an NSS key log for each session, which lets a dissector decrypt its capture."""


class BackendError(Exception):
    """A backend cannot be used, or not with this key; the message is one sentence."""


class EngineError(Exception):
    """The library ended the session; `output` is what it still wants to send (an alert)."""

    def __init__(self, reason: str, output: bytes = b"", *, closed: bool = False) -> None:
        super().__init__(reason)
        self.output = output
        self.closed = closed
        """The peer closed the session in good order (close_notify)."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A client's identity and key; the key is never shown."""

    identity: str
    key: bytes = field(repr=False)


class Engine(Protocol):
    """One session inside a library; records go in and out as octets, nothing waits."""

    @property
    def done(self) -> bool:
        """The handshake is over."""
        ...

    @property
    def suite(self) -> Suite | None:
        """The suite that was agreed on, once `done`."""
        ...

    @property
    def identity(self) -> str | None:
        """The identity that the client presented, once it did."""
        ...

    @property
    def resumed(self) -> bool:
        """Whether the session continues an earlier one."""
        ...

    def start(self) -> bytes:
        """A client's first records."""
        ...

    def feed(self, datagram: bytes) -> tuple[list[bytes], bytes]:
        """Take records of one datagram; returns plaintexts, and records to send. Raises EngineError."""
        ...

    def write(self, plaintext: bytes) -> bytes:
        """One plaintext as records. Raises EngineError."""
        ...

    def shutdown(self) -> bytes:
        """Say close_notify; the session is over."""
        ...

    def resend(self, duplicate: bytes) -> bytes:
        """The last flight anew with fresh protection; empty if the library does that on its own clock only.

        `duplicate` is the peer's last plain handshake record under a number that was not used yet.
        """
        ...

    def session(self) -> object | None:
        """What a later client session can continue; None if the library has no such thing."""
        ...


class Acceptor(Protocol):
    """The server side of a backend: one configuration, an engine for each client."""

    def accept(self, address: bytes) -> Engine:
        """A session for the client at `address`, which its cookie is bound to."""
        ...


class Backend(Protocol):
    """One library."""

    LONGEST_KEY: int
    """Octets of the longest key it takes."""

    def client(
        self, credentials: Credentials, suites: Sequence[Suite], keylog: KeyLog | None, session: object | None
    ) -> Engine:
        """A client session, which continues `session` if the server agrees."""
        ...

    def server(self, keys: Keys, suites: Sequence[Suite], keylog: KeyLog | None) -> Acceptor:
        """A server."""
        ...


_MODULES = {"mbedtls": "mbedtls_engine", "openssl": "openssl_engine"}
_LIBRARIES = {"mbedtls": "mbedtls", "openssl": "OpenSSL"}
_DISTRIBUTIONS = {"mbedtls": "python-mbedtls", "openssl": "pyOpenSSL"}

BACKENDS = tuple(_MODULES)
"""Names of the backends; "auto" takes the first that is installed, in the order of the Python version."""


@cache
def choose(name: str = "auto") -> str:
    """The backend that "auto" or a name stands for; raises BackendError if it is not installed."""
    wanted = name if name != "auto" else os.environ.get(ENVIRONMENT, "auto")
    if wanted != "auto":
        if wanted not in _MODULES:
            raise BackendError(
                f"there is no DTLS backend {wanted!r}; there are {', '.join(BACKENDS)} and auto"
            )
        if find_spec(_LIBRARIES[wanted]) is None:
            raise BackendError(
                f"the DTLS backend {wanted} needs {_DISTRIBUTIONS[wanted]}, which is not installed"
            )
        return wanted
    order = BACKENDS if sys.version_info < (3, 13) else BACKENDS[::-1]
    for backend in order:
        if find_spec(_LIBRARIES[backend]) is not None:
            return backend
    raise BackendError("DTLS needs python-mbedtls (Python 3.11, 3.12) or pyOpenSSL, and neither is installed")


def load(name: str = "auto", *, key: bytes | None = None) -> Backend:
    """Import a backend; raises BackendError when it is missing or cannot use a key as long as `key`."""
    chosen = choose(name)
    module: Any = import_module(f"modemsim.coap.dtls.{_MODULES[chosen]}")
    backend = cast("Backend", module)
    if key is not None and len(key) > backend.LONGEST_KEY:
        if name == "auto" and chosen != "openssl" and find_spec(_LIBRARIES["openssl"]) is not None:
            return load("openssl", key=key)
        raise BackendError(
            f"the DTLS backend {chosen} takes keys of up to {backend.LONGEST_KEY} octets, not {len(key)}"
        )
    return backend
