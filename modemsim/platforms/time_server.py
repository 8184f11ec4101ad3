"""A time server: tells the network's time by SNTP (RFC 4330)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from modemsim.net.ntp import answer
from modemsim.platforms.store import Address
from modemsim.trace import Trace, host_port


class TimeServer:
    """The service on one real UDP port; `down`: silent, as if its host was gone."""

    name = "ntp"

    def __init__(
        self, now: Callable[[], datetime], *, trace: Trace, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.address: Address = (host, port)
        self.down = False
        self.now = now
        self._trace = trace
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        """Open the port, which is the same after a restart; raises OSError if it is taken."""
        if self._transport is None:
            loop = asyncio.get_running_loop()
            made = await loop.create_datagram_endpoint(lambda: _Answering(self), self.address)
            self._transport = made[0]
            self.address = self._transport.get_extra_info("sockname")[:2]
            self._trace.emit("platform", "started", platform=self.name, address=host_port(self.address))

    async def stop(self) -> None:
        """Close the port."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
            await asyncio.sleep(0)


class _Answering(asyncio.DatagramProtocol):
    """Answers each request."""

    def __init__(self, service: TimeServer) -> None:
        self._service = service
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        reply = answer(data, self._service.now())
        if reply is not None and not self._service.down:
            self._transport.sendto(reply, address)
