"""A second port of a service in the box: the same conversation behind TLS."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from modemsim.platforms.authority import Authority
from modemsim.platforms.store import Address
from modemsim.trace import Trace, host_port

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PATIENCE = 600.0
"""Seconds a client may take for the negotiation; the module's own limit is shorter."""


class TlsDoor:
    """Negotiates on one real TCP port and hands the connection to `serve`; `down`: says nothing."""

    def __init__(
        self,
        name: str,
        serve: Serve,
        authority: Authority,
        *,
        trace: Trace,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.name = name
        self.address: Address = (host, port)
        self.down = False
        self.serve = serve
        self._authority = authority
        self._trace = trace
        self._server: asyncio.Server | None = None
        self._arrived: set[asyncio.Transport] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open the port, which is the same after a restart; raises OSError if it is taken."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(lambda: _Arrival(self), *self.address)
            self.address = self._server.sockets[0].getsockname()[:2]
            self._trace.emit("platform", "started", platform=self.name, address=host_port(self.address))

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for transport in tuple(self._arrived):
            transport.abort()
        await asyncio.sleep(0)

    def arrived(self, transport: asyncio.Transport) -> None:
        """A connection has come; negotiate, unless the service hangs."""
        self._arrived.add(transport)
        if not self.down:
            task = asyncio.get_running_loop().create_task(self._negotiate(transport))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def gone(self, transport: asyncio.Transport) -> None:
        """A connection has ended."""
        self._arrived.discard(transport)

    async def _negotiate(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        protocol = _Secured(asyncio.StreamReader(), self.serve)
        try:
            secured = await loop.start_tls(
                transport,
                protocol,
                self._authority.context,
                server_side=True,
                ssl_handshake_timeout=PATIENCE,
            )
        except OSError as error:
            self._trace.emit("platform", "tls_refused", platform=self.name, reason=str(error))
            secured = None
        self._arrived.discard(transport)
        if secured is None:  # also when it ended the moment it was secured
            transport.abort()
        else:
            protocol.connection_made(secured)


class _Secured(asyncio.StreamReaderProtocol):
    """A stream behind TLS, where no direction stays open alone."""

    def eof_received(self) -> bool:
        super().eof_received()
        return False


class _Arrival(asyncio.Protocol):
    """A connection before TLS."""

    def __init__(self, door: TlsDoor) -> None:
        self._door = door
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._door.arrived(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.gone(self._transport)
