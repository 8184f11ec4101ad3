"""A TCP port: one host at a time, raw bytes, for containers and other machines."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Mapping
from typing import cast

from modemsim.port.base import PortBase, PortError

WRITE_LIMIT = (
    4096  # bytes kept for a host that does not read, beyond the system's buffers; newer ones are lost
)

# A peer that vanished without a word is given up within about ten seconds (tcp(7)).
_OPTIONS: Mapping[tuple[int, int], int] = {
    (socket.IPPROTO_TCP, socket.TCP_NODELAY): 1,
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE): 1,
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE): 4,
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL): 2,
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT): 3,
}


class TcpPort(PortBase):
    """Listens on `host`:`number` (0: any free one). A second host is refused while the first is connected.

    A host that has closed, or only shut down its sending side, counts as gone; answers to what it sent still
    go out until the next one comes.
    """

    def __init__(self, host: str, number: int) -> None:
        super().__init__()
        self.name = f"{host}:{number}"
        self._host = host
        self._number = number
        self._server: asyncio.Server | None = None
        self._current: _Connection | None = None

    async def start(self) -> None:
        """Listen; raises PortError with one sentence."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _Connection(self), self._host, self._number)
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise PortError(f"cannot listen on {self._host}:{self._number}: {reason}") from None
        self.name = f"{self._host}:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Stop listening and end the connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._current is not None:
            await self._current.finish()

    def write(self, data: bytes) -> int:
        """Give bytes to the host; fewer are taken when it does not read."""
        return len(data) if self._current is None else self._current.write(data)

    def connected(self, connection: _Connection, peer: str) -> bool:
        """A host connects; False: it is refused."""
        if self._current is not None:
            if not self._current.half_closed:
                self.note("refused", peer=peer)
                return False
            self._current.abort()
        self._current = connection
        self.greeted()
        self.on_host(True)
        return True

    def received(self, data: bytes) -> None:
        """Bytes from the connected host."""
        self.receiver(data)

    def greeted(self) -> None:
        """A host has been taken."""

    def dismissed(self) -> None:
        """It has gone."""

    def left(self, connection: _Connection) -> None:
        """A host has said that nothing more comes from it."""
        if connection is self._current:
            self.on_host(False)

    def gone(self, connection: _Connection) -> None:
        """A host's connection has ended."""
        if connection is self._current:
            self._current = None
            self.dismissed()
            if not connection.half_closed:
                self.on_host(False)


class _Connection(asyncio.Protocol):
    """One host's connection."""

    def __init__(self, port: TcpPort) -> None:
        self.half_closed = False
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A host has connected: take it or refuse it."""
        self._transport = cast(asyncio.Transport, transport)
        accepted: socket.socket = transport.get_extra_info("socket")
        for (level, option), value in _OPTIONS.items():
            with contextlib.suppress(OSError):
                accepted.setsockopt(level, option, value)
        host, port, *_ = transport.get_extra_info("peername") or ("unknown", 0)
        if not self._port.connected(self, f"{host}:{port}"):
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Bytes from the host."""
        self._port.received(data)

    def eof_received(self) -> bool:
        """The host sends nothing more; True keeps our direction open."""
        self.half_closed = True
        self._port.left(self)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        self._ended.set_result(None)
        self._port.gone(self)

    def write(self, data: bytes) -> int:
        """As Port.write."""
        if self._transport is None or self._transport.is_closing():
            return len(data)
        room = max(0, WRITE_LIMIT - self._transport.get_write_buffer_size())
        if room:
            self._transport.write(data[:room])
        return min(room, len(data))

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    async def finish(self) -> None:
        """End the connection after what is already with the system, and wait for its end."""
        if self._transport is not None:
            if self._transport.get_write_buffer_size():
                self._transport.abort()
            else:
                self._transport.close()
            await self._ended
