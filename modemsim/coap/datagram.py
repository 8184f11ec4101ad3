"""Datagram sockets as the CoAP layer sees them, and a plain one for platforms and tests."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Protocol

Address = tuple[str, int]
"""IP literal and UDP port."""

RECEIVE_BUFFER = 4 << 20
"""Octets asked of the operating system for datagrams that wait to be read."""

_LONGEST_DATAGRAM = 65535
_READS_PER_WAKE_UP = 64


class DatagramSocket(Protocol):
    """What an endpoint needs of a socket: datagrams in both directions, by address."""

    @property
    def local(self) -> Address:
        """The real local address."""
        ...

    receiver: Callable[[bytes, Address], None]
    """Called with every datagram and its sender; the user of the socket sets it."""

    def send(self, data: bytes, to: Address, rai: int = 0) -> None:
        """Send one datagram; `rai` is the release assistance (0 none, 1 no more data, 2 one downlink)."""
        ...

    def close(self) -> None:
        """Stop receiving and give the port back."""
        ...


def discard(data: bytes, sender: Address) -> None:
    """The receiver of a socket that nobody listens to."""


class PlainSocket:
    """A real IPv4 UDP socket bound to `host:port` (port 0: any), read by the running loop."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.receiver: Callable[[bytes, Address], None] = discard
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            self._socket.bind((host, port))
        except OSError:
            self._socket.close()
            raise
        name = self._socket.getsockname()
        self.local: Address = (str(name[0]), int(name[1]))
        self._open = True
        self._loop.add_reader(self._socket.fileno(), self._readable)

    def _readable(self) -> None:
        for _ in range(_READS_PER_WAKE_UP):
            if not self._open:
                return
            try:
                data, sender = self._socket.recvfrom(_LONGEST_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier datagram: UDP has nobody to tell
            self.receiver(data, (str(sender[0]), int(sender[1])))

    def send(self, data: bytes, to: Address, rai: int = 0) -> None:
        """Send one datagram; one that the operating system refuses is lost, as on any network."""
        if self._open:
            with contextlib.suppress(OSError):
                self._socket.sendto(data, to)

    def close(self) -> None:
        """Stop receiving and free the port; a second call does nothing."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
