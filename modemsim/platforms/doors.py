"""The two ports of a platform as one socket: plain datagrams, and those of DTLS sessions.

Addresses of the second kind read ("coaps://10.0.0.2", 40000), so nothing plain is ever taken for secured.
"""

from __future__ import annotations

from collections.abc import Callable

from modemsim.coap.datagram import Address, DatagramSocket, discard
from modemsim.coap.dtls.server import DtlsServerSocket

SCHEME = "coaps://"


def is_secured(address: Address) -> bool:
    """Whether an address stands for a DTLS session."""
    return address[0].startswith(SCHEME)


def _outside(address: Address) -> Address:
    return address[0].removeprefix(SCHEME), address[1]


class Doors:
    """A datagram socket over a plain and a secured one; see `modemsim.coap.datagram.DatagramSocket`."""

    def __init__(self, plain: DatagramSocket, secured: DtlsServerSocket) -> None:
        self.receiver: Callable[[bytes, Address], None] = discard
        self._plain = plain
        self._secured = secured
        plain.receiver = lambda data, sender: self.receiver(data, sender)
        secured.receiver = lambda data, sender: self.receiver(data, (SCHEME + sender[0], sender[1]))

    @property
    def local(self) -> Address:
        """The real address of the plain port."""
        return self._plain.local

    def identity(self, address: Address) -> str | None:
        """The identity that the client at a secured address has proven; None for a plain one."""
        return self._secured.identity(_outside(address)) if is_secured(address) else None

    def send(self, data: bytes, to: Address, rai: int = 0) -> None:
        """Send one datagram through the door the address stands for."""
        if is_secured(to):
            self._secured.send(data, _outside(to), rai)
        else:
            self._plain.send(data, to, rai)

    def lose_session(self, address: Address) -> None:
        """Forget the DTLS session behind an address, without a word to the client."""
        if is_secured(address):
            self._secured.forget(_outside(address))

    def close(self) -> None:
        """Close both sockets."""
        self._plain.close()
        self._secured.close()
