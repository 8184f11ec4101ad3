"""CoAP messages that the host builds itself: the module only carries them to one peer and back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from modemsim.coap.codec import Malformed, Peer, decode
from modemsim.net import Address
from modemsim.net.bearer import Bearer, UdpSocket

INSTANCES = (1, 2)


class RawCoap:
    """The CoAP clients of one module by number; publishes `coap.received` (id, length, data)."""

    def __init__(self, bearer: Bearer, publish: Callable[..., None]) -> None:
        self._bearer = bearer
        self._publish = publish
        self._open: dict[int, tuple[UdpSocket, Address]] = {}
        self._message_id = 0

    def open(self, server: Address) -> int | None:
        """A new client for a server; None when all are taken."""
        free = next((number for number in INSTANCES if number not in self._open), None)
        if free is not None:
            socket = self._bearer.udp()
            socket.receiver = partial(self._received, free)
            self._open[free] = socket, server
        return free

    def send(self, number: int, data: bytes, rai: int) -> bool:
        """Send a message as it is; False when there is no such client."""
        if number not in self._open:
            return False
        socket, server = self._open[number]
        socket.send(data, server, rai)
        return True

    def compose(self, kind: int, code: int, token: bytes, options: bytes, payload: bytes) -> bytes | None:
        """A message of these parts under the next message id; None when they make none (RFC 7252, 3)."""
        following = self._message_id % 0xFFFF + 1
        head = bytes([0x40 | kind << 4 | len(token), code]) + following.to_bytes(2, "big")
        message = head + token + options + (b"\xff" + payload if payload else b"")
        try:
            read = decode(message, Peer(("", 0), lambda: ("", 0)))
        except Malformed:
            return None
        if read.payload != payload:
            return None
        self._message_id = following
        return message

    def close(self, number: int) -> bool:
        """Remove a client; False when there is none."""
        if number not in self._open:
            return False
        self._open.pop(number)[0].close()
        return True

    def clear(self) -> None:
        """Forget all of them, as a restart does."""
        self._open.clear()
        self._message_id = 0

    def _received(self, number: int, data: bytes, sender: Address) -> None:
        self._publish("coap.received", id=number, length=len(data), data=data.hex())
