"""The socket of a platform that can be made to look as if its host was gone."""

from __future__ import annotations

from collections.abc import Callable

from modemsim.coap.datagram import Address, DatagramSocket, discard


class Gate:
    """Passes datagrams of `socket` both ways while `is_open()`, and loses them silently otherwise."""

    def __init__(self, socket: DatagramSocket, is_open: Callable[[], bool]) -> None:
        self.receiver: Callable[[bytes, Address], None] = discard
        self._socket = socket
        self._is_open = is_open
        socket.receiver = self._received

    @property
    def local(self) -> Address:
        """The real local address."""
        return self._socket.local

    def send(self, data: bytes, to: Address, rai: int = 0) -> None:
        """Send one datagram, or lose it."""
        if self._is_open():
            self._socket.send(data, to, rai)

    def close(self) -> None:
        """Close the socket behind."""
        self._socket.close()

    def _received(self, data: bytes, sender: Address) -> None:
        if self._is_open():
            self.receiver(data, sender)
