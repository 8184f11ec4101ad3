"""CoAP messages that the host builds itself: the module only carries them to one peer and back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from modemsim.net import Address
from modemsim.net.bearer import Bearer, UdpSocket

INSTANCES = (1, 2)


class RawCoap:
    """The CoAP clients of one module by number; publishes `coap.received` (id, length, data)."""

    def __init__(self, bearer: Bearer, publish: Callable[..., None]) -> None:
        self._bearer = bearer
        self._publish = publish
        self._open: dict[int, tuple[UdpSocket, Address]] = {}

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

    def close(self, number: int) -> bool:
        """Remove a client; False when there is none."""
        if number not in self._open:
            return False
        self._open.pop(number)[0].close()
        return True

    def clear(self) -> None:
        """Forget all of them, as a restart does."""
        self._open.clear()

    def _received(self, number: int, data: bytes, sender: Address) -> None:
        self._publish("coap.received", id=number, length=len(data), data=data.hex())
