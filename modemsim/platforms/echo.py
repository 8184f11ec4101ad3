"""A host that sends back what it gets, over UDP and TCP: the first peer of a newcomer's socket (RFC 862)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

from modemsim.platforms.store import Address
from modemsim.platforms.streams import cut
from modemsim.trace import Trace, host_port

_TRIES = 8
_PIECE = 16384
_BUFFER = 4 << 20


class Echo:
    """The echo service on one real port for UDP and TCP; `down`: silent, as if its host was gone."""

    name = "echo"

    def __init__(self, *, trace: Trace, host: str = "127.0.0.1", port: int = 0) -> None:
        self.address: Address = (host, port)
        self.down = False
        self._trace = trace
        self._server: asyncio.Server | None = None
        self._datagrams: asyncio.DatagramTransport | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Open the port, which is the same after a restart; raises OSError if it is taken."""
        if self._server is not None:
            return
        self._datagrams = await self._open()
        self._datagrams.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._trace.emit("platform", "started", platform=self.name, address=host_port(self.address))

    async def _open(self) -> asyncio.DatagramTransport:
        """Open both; a port that TCP was given freely may be taken for UDP, then another one is tried."""
        loop, (host, port) = asyncio.get_running_loop(), self.address
        for tries_left in reversed(range(_TRIES)):
            self._server = await asyncio.start_server(self.serve, host, port)
            chosen: Address = self._server.sockets[0].getsockname()[:2]
            try:
                datagrams, _ = await loop.create_datagram_endpoint(lambda: _Mirror(self), chosen)
            except OSError:
                self._server.close()
                self._server = None
                if port or not tries_left:
                    raise
            else:
                self.address = chosen
                return datagrams
        raise OSError("no port is free for both UDP and TCP")

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for writer in tuple(self._connections):
            cut(writer)
        if self._datagrams is not None:
            self._datagrams.abort()
        await asyncio.sleep(0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send back what comes on one connection, plain or secured, until it ends."""
        self._connections.add(writer)
        try:
            while data := await reader.read(_PIECE):
                if not self.down:
                    writer.write(data)
                    await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            cut(writer)
        finally:
            self._connections.discard(writer)
            with contextlib.suppress(ConnectionError):
                writer.close()


class _Mirror(asyncio.DatagramProtocol):
    """Sends each datagram back."""

    def __init__(self, service: Echo) -> None:
        self._service = service
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        if not self._service.down:
            self._transport.sendto(data, address)
