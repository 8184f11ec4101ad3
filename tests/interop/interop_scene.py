"""A module at a Leshan server: what a case of the interoperability list works with."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from leshan_server import Leshan, Process

from modemsim.options import Options
from modemsim.port.memory_port import MemoryPort
from modemsim.profile import load
from modemsim.simulation import Simulation

SERVER = "180.101.147.115"
KEY = "000102030405060708090a0b0c0d0e0f"
PATIENCE = 25.0
SLOW = ("inactivity", "search_retry", "out_of_coverage")
"""Delays that stay as they are; all others are nothing here, for the wall clock runs."""


class Scene:
    """A module on a port of memory, its host's lines, and the server."""

    def __init__(self, simulation: Simulation, port: MemoryPort, leshan: Leshan) -> None:
        self.simulation = simulation
        self.leshan = leshan
        self.ep = simulation.options.imei or ""
        self._port = port
        self._seen = b""
        port.heard = self._heard

    def _heard(self, data: bytes) -> None:
        self._seen += data

    async def until(self, pattern: str) -> re.Match[bytes]:
        """Wait until the module has printed what the pattern finds, and forget everything before it."""
        async with asyncio.timeout(PATIENCE):
            while (match := re.search(pattern.encode(), self._seen)) is None:
                await asyncio.sleep(0.005)
        self._seen = self._seen[match.end() :]
        return match

    async def say(self, line: str, final: str = "\r\nOK\r\n") -> re.Match[bytes]:
        """A line of the host, and the module's answer up to `final`."""
        self._port.host_write(line.encode() + b"\r")
        return await self.until(final)

    async def quiet(self, seconds: float = 0.3) -> bytes:
        """What the module prints in the next moment."""
        await asyncio.sleep(seconds)
        return self._seen

    async def ask(self, op: str, path: str = "", **fields: Any) -> tuple[str, Any]:
        """A request of the server to the module."""
        return await self.leshan.ask(op, self.ep, path, **fields)

    async def code(self, op: str, path: str = "", **fields: Any) -> str:
        """The code the module answers a request of the server with."""
        return (await self.ask(op, path, **fields))[0]

    async def register(self, *, secured: bool = False) -> dict[str, Any]:
        """Connect with AT+NCDPOPEN; the server's event."""
        await self.attached()
        if secured:
            assert await self.code("psk", identity=self.ep, key=KEY) == "ok"
            await self.say(f'AT+NCDPOPEN="{SERVER}",5684,"{KEY}"')
        else:
            await self.say(f'AT+NCDPOPEN="{SERVER}",5683')
        event = await self.leshan.event("registered", ep=self.ep)
        await self.until(r"\+QLWEVTIND: 0")
        return event

    async def attached(self) -> None:
        """Wait for the network."""
        async with asyncio.timeout(PATIENCE):
            while self.simulation.ue.radio.ip is None:
                await asyncio.sleep(0.005)


_numbers = iter(range(10**6))


@asynccontextmanager
async def scene(process: Process, *overrides: str, profile: str = "bc260y") -> AsyncIterator[Scene]:
    """A fresh module with an IMEI of its own, whose platform addresses lead to the server.

    Its seed is its own too: with the message ids of another module and, by chance, the port that one had, its
    registration would be a duplicate to the server.
    """
    leshan, number = Leshan(process), next(_numbers)
    quick = [f"timing.{name}=1ms" for name in load(profile).timing if name not in SLOW]
    options = Options(
        profile,
        platform="none",
        offline=True,
        imei=f"86274506{number:07d}",
        seed=number,
        routes=tuple(
            f"{host}:{port}=127.0.0.1:{real}"
            for host in (SERVER, "221.229.214.202")
            for port, real in ((5683, leshan.port), (5684, leshan.secure_port))
        ),
        overrides=("serial.pacing=false", *quick, *overrides),
    )
    simulation, port = Simulation(options), MemoryPort()
    await simulation.start(port)
    try:
        yield Scene(simulation, port, leshan)
    finally:
        await simulation.stop()
        leshan.close()
