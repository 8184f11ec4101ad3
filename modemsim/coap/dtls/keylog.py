"""The NSS key log line of a session, derived from the handshake that passes by, for libraries that write
none.

Source: RFC 5246 5, 6.3 and 8.1, RFC 4279 2 (pre-shared key premaster secret), RFC 7627 4 (extended master
secret).
"""

from __future__ import annotations

import hashlib
import hmac

from modemsim.coap.dtls.engine import KeyLog
from modemsim.coap.dtls.records import (
    CLIENT_HELLO,
    CLIENT_KEY_EXCHANGE,
    HANDSHAKE_HEADER,
    HEADER,
    HELLO_VERIFY_REQUEST,
    client_random,
    message,
    message_number,
    split,
)

_SERVER_HELLO = 2
_SERVER_RANDOM = slice(HANDSHAKE_HEADER + 2, HANDSHAKE_HEADER + 34)
_EXTENDED_MASTER_SECRET = 23
_MASTER = 48


def prf(secret: bytes, label: bytes, seed: bytes, size: int) -> bytes:
    """The pseudo-random function of TLS 1.2 with SHA-256 (RFC 5246 5)."""
    seed = label + seed
    block, output = seed, b""
    while len(output) < size:
        block = hmac.digest(secret, block, "sha256")
        output += hmac.digest(secret, block + seed, "sha256")
    return output[:size]


def premaster(key: bytes) -> bytes:
    """The premaster secret of a pre-shared key without any other exchange (RFC 4279 2)."""
    length = len(key).to_bytes(2, "big")
    return length + bytes(len(key)) + length + key


def _has_extension(hello: bytes, number: int) -> bool:
    """Whether a ServerHello (with its handshake header) carries an extension."""
    at = HANDSHAKE_HEADER + 34
    at += 1 + hello[at] + 3 + 2
    while at + 4 <= len(hello):
        if int.from_bytes(hello[at : at + 2], "big") == number:
            return True
        at += 4 + int.from_bytes(hello[at + 2 : at + 4], "big")
    return False


class Observer:
    """Watches the plain messages of one handshake, both ways, and reports once the keys are agreed on."""

    def __init__(self, keylog: KeyLog) -> None:
        self._keylog = keylog
        self._messages: dict[tuple[bool, int], bytes] = {}
        self._order: list[bytes] = []
        self._random = b""
        self._hello = b""
        self._waiting = False
        self._key: bytes | None = None

    @property
    def key(self) -> bytes | None:
        """The pre-shared key; a server knows it only after the client's identity."""
        return self._key

    @key.setter
    def key(self, key: bytes) -> None:
        self._key = key
        self._report()

    def saw(self, datagram: bytes) -> None:
        """Records passed, in either direction."""
        for record in split(datagram):
            kind = message(record)
            if kind is not None and kind != HELLO_VERIFY_REQUEST:
                self._keep(kind, record)

    def _keep(self, kind: int, record: bytes) -> None:
        name = kind in (CLIENT_HELLO, CLIENT_KEY_EXCHANGE), message_number(record)
        if name in self._messages:
            return
        if kind == CLIENT_HELLO:
            self._messages.clear()  # one without a cookie does not count (RFC 6347 4.2.1)
            self._order.clear()
            self._random = client_random(record)
        content = record[HEADER:]
        if kind == _SERVER_HELLO:
            self._hello = content
        self._messages[name] = content
        self._order.append(content)
        if kind == CLIENT_KEY_EXCHANGE:
            self._waiting = True
            self._report()

    def _report(self) -> None:
        if not self._waiting or self._key is None:
            return
        self._waiting = False
        secret = premaster(self._key)
        if _has_extension(self._hello, _EXTENDED_MASTER_SECRET):
            digest = hashlib.sha256(b"".join(self._order)).digest()
            master = prf(secret, b"extended master secret", digest, _MASTER)
        else:
            master = prf(secret, b"master secret", self._random + self._hello[_SERVER_RANDOM], _MASTER)
        self._keylog(f"CLIENT_RANDOM {self._random.hex()} {master.hex()}")
