"""Peers that pip cannot install: found and started, or the test says which is missing; and a module at one."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from modemsim import clock
from modemsim.options import Options
from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Simulation

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
FAST = (
    "serial.pacing=false",
    "timing.command=0s",
    'timing.latency_ce0=["1ms","2ms","4ms"]',
    "timing.inactivity=1h",
)


def program(*names: str) -> str:
    """Path of the first of these programs; skips the test with a line that says what is missing."""
    for name in names:
        found = shutil.which(name)
        if found is not None:
            return found
    pytest.skip(f"needs {' or '.join(names)}, which is not installed here")  # a peer from Debian


@contextmanager
def peer(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A program that listens on a TCP port of this machine."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=quiet) as process:
        try:
            for _ in range(100):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
            time.sleep(0.2)
            yield process
        finally:
            process.kill()


class Host:
    """The host's end of a module; while it waits for a line the clock is held, for peers have their own time."""

    def __init__(self, simulation: Simulation, port: MemoryPort) -> None:
        self.simulation = simulation
        self.port = port

    def write(self, data: bytes) -> None:
        """Give the module bytes."""
        self.port.host_write(data)

    async def hear(self, text: str | bytes) -> bytes:
        """Everything up to and including this."""
        with clock.hold():
            return await self.port.host_read_until(text if isinstance(text, bytes) else text.encode(), 60)

    async def say(self, line: str, *expected: str) -> None:
        """A line, and what has to come one after another."""
        self.write(line.encode() + b"\r")
        for text in expected:
            await self.hear(text)

    async def hear_all(self, *expected: bytes) -> bytes:
        """Whole lines until all of these have come, in any order."""
        heard = b""
        while not all(text in heard for text in expected):
            heard += await self.hear(b"\r\n")
        return heard


@asynccontextmanager
async def module(profile: str, where: str, port: int, seed: int = 0) -> AsyncIterator[Host]:
    """A module that is attached, without echo; what it takes for `where` (host:port) is a port of this machine."""
    options = Options(profile, routes=(f"{where}=127.0.0.1:{port}",), overrides=FAST, seed=seed)
    simulation, memory = Simulation(options), MemoryPort()
    await simulation.start(memory)
    try:
        while simulation.ue.radio.ip is None:
            await asyncio.sleep(1)
        await memory.host_quiet(10)
        host = Host(simulation, memory)
        await host.say("ATE0", "OK\r\n")
        yield host
    finally:
        await simulation.stop()
