"""A module on a bench for tests: power it, talk to it, look at its platforms; virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from modemsim import clock
from modemsim.options import Options
from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Simulation

T = TypeVar("T")
FAST = (
    "serial.pacing=false",
    "timing.command=0s",
    'timing.latency_ce0=["1ms","2ms","4ms"]',
    "timing.inactivity=1h",
)
"""Overrides of a profile under which much data passes in little simulated time."""


class Bench:
    """One simulation with its host's end of the line."""

    def __init__(self, simulation: Simulation, port: MemoryPort) -> None:
        self.simulation = simulation
        self.port = port

    async def say(self, data: bytes, quiet: float = 1.0) -> bytes:
        """Send bytes and return everything up to the next pause of the module."""
        self.port.host_write(data)
        return await self.port.host_quiet(quiet)

    async def ask(self, line: str, limit: float = 30.0) -> list[str]:
        """Send a command line; the lines of the answer up to its final result, echo left out."""
        self.port.host_write(line.encode() + b"\r")
        lines: list[str] = []
        async with asyncio.timeout(limit):
            while True:
                text = (await self.port.host_read_until(b"\r\n", limit)).decode("latin-1").strip("\r\n")
                if text and text != line and text.rstrip("\r") != line:
                    lines.append(text)
                if text in ("OK", "ERROR") or text.startswith("+CME ERROR"):
                    return lines

    async def attached(self) -> None:
        """Wait until the module has an address, and take what it printed."""
        while self.simulation.ue.radio.ip is None:
            await asyncio.sleep(0.5)
        await self.port.host_quiet(1.0)


def on_bench(work: Callable[[Bench], Awaitable[T]], profile: str = "bc260y", **options: Any) -> T:
    """Run `work` with a module that was just switched on; everything is stopped afterwards."""

    async def main() -> T:
        simulation, port = Simulation(Options(profile, **options)), MemoryPort()
        await simulation.start(port)
        try:
            return await work(Bench(simulation, port))
        finally:
            await simulation.stop()

    return clock.run(main(), virtual=True)
