"""A socket without a network, and datagrams written by hand."""

from __future__ import annotations

import asyncio

from modemsim.coap.endpoint import Address

SERVER: Address = ("192.0.2.1", 5683)
STRANGER: Address = ("192.0.2.66", 5683)

CON, NON, ACK, RST = 0, 1, 2, 3


def datagram(mtype: int, code: int, mid: int, token: bytes = b"", rest: bytes = b"") -> bytes:
    """The octets of a message: header, token, and what follows as it is."""
    return bytes([0x40 | mtype << 4 | len(token), code]) + mid.to_bytes(2, "big") + token + rest


class FakeSocket:
    """Keeps what is sent with its instant, and delivers what a test wants."""

    def __init__(self) -> None:
        self.local: Address = ("192.0.2.7", 40000)
        self.sent: list[bytes] = []
        self.instants: list[float] = []
        self.peers: list[Address] = []
        self.rai: list[int] = []
        self.open = True
        self.receiver = lambda data, sender: None

    def send(self, data: bytes, to: Address, rai: int = 0) -> None:
        self.sent.append(data)
        self.instants.append(asyncio.get_running_loop().time())
        self.peers.append(to)
        self.rai.append(rai)

    def close(self) -> None:
        self.open = False

    def deliver(self, data: bytes, sender: Address = SERVER) -> None:
        self.receiver(data, sender)

    def mid(self, index: int = -1) -> int:
        """The message id of a sent datagram."""
        return int.from_bytes(self.sent[index][2:4], "big")

    def token(self, index: int = -1) -> bytes:
        """The token of a sent datagram."""
        data = self.sent[index]
        return data[4 : 4 + (data[0] & 15)]

    def take(self) -> list[bytes]:
        """What was sent since the last call."""
        taken = self.sent[:]
        self.sent.clear()
        return taken
