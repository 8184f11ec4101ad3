"""A second port of a service in the box: the same conversation behind TLS."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

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
        self._serve = serve
        self._authority = authority
        self._trace = trace
        self._server: asyncio.Server | None = None
        self._negotiating: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Open the port, which is the same after a restart; raises OSError if it is taken."""
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, *self.address)
            self.address = self._server.sockets[0].getsockname()[:2]
            self._trace.emit("platform", "started", platform=self.name, address=host_port(self.address))

    async def stop(self) -> None:
        """Close the port and what negotiates; the service ends the connections it was handed."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for writer in tuple(self._negotiating):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._negotiating.add(writer)
        try:
            if self.down:
                while await reader.read(4096):
                    pass
                return
            await writer.start_tls(self._authority.context, ssl_handshake_timeout=PATIENCE)
        except (OSError, asyncio.CancelledError) as error:
            self._trace.emit("platform", "tls_refused", platform=self.name, reason=str(error))
            writer.transport.abort()
            return
        finally:
            self._negotiating.discard(writer)
            if self.down:
                with contextlib.suppress(ConnectionError):
                    writer.close()
        await self._serve(reader, writer)
