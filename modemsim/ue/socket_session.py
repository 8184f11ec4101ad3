"""A socket as the other end of transparent mode."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from modemsim.ue.socket import Socket, State
from modemsim.ue.sockets import Sockets

OWED = 0.2
"""Seconds of output the serial line may owe before the socket is read again."""
PIECE = 1024


class SocketSession:
    """Carries a socket's data while it is attached, and keeps it in its buffer while it is not.

    `packet`: bytes that are sent together, and seconds fewer bytes wait for more. `at_end`: called when the
    connection is over and all is out; without it nobody is told.
    """

    def __init__(
        self,
        sockets: Sockets,
        socket: Socket,
        packet: Callable[[], tuple[int, float]] = lambda: (PIECE, 0.0),
        at_end: Callable[[Socket], None] | None = None,
    ) -> None:
        self._sockets = sockets
        self.socket = socket
        self.packet = packet
        self._at_end = at_end
        self._out: Callable[[bytes], float] | None = None
        self._wake: Callable[[], None] = lambda: None
        self._timer: asyncio.TimerHandle | None = None
        socket.on_received = self._received

    @property
    def over(self) -> bool:
        """Whether the connection has ended and all its data is out."""
        return self.socket.state is State.CLOSING and not self.socket.buffer

    def send(self, data: bytes) -> bool:
        """Take data of the host; False when there is no room now."""
        return self._sockets.send(self.socket, data) or self.socket.state is not State.CONNECTED

    def attach(self, out: Callable[[bytes], float] | None, wake: Callable[[], None]) -> None:
        """Pass on what arrives to `out` from now on (None: keep it), and call `wake` when it is over."""
        self._out, self._wake = out, wake
        self._received()

    def _received(self) -> bool:
        """Pass on what waits; False when the end of the socket is for the host's command mode."""
        if self._out is None:
            return self.socket.ended is None
        if self._timer is None:
            owed = 0.0
            while self.socket.buffer and owed < OWED:
                owed = self._out(self._sockets.read(self.socket, PIECE)[0])
            if self.socket.buffer:
                self._timer = asyncio.get_running_loop().call_later(owed - OWED / 2, self._go_on)
        if self.over:
            if self._at_end is not None and self.socket.ended is not None:
                self._at_end(self.socket)
            self.socket.ended = None
            self._sockets.let_go(self.socket)
            self._wake()
        return True

    def _go_on(self) -> None:
        self._timer = None
        self._received()
