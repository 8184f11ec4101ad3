"""Two hosts on the same module: one as first drafts are written, one that knows what modules do."""

from __future__ import annotations

import asyncio

from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Simulation

FINAL = ("OK", "ERROR", "+CME ERROR", "SEND OK", "SEND FAIL")
URCS = ("+QLWEVTIND", "+NNMI", "+CEREG", "+CSCON", "+IP", "+CPIN", "+QNBIOTEVENT", "RDY", "+CFUN", "+QIND")
RESTARTED = ("RDY", "Neul", "REBOOTING")
SHORT = 0.3
"""Seconds many drivers allow for a simple command."""


class Naive:
    """Trusts timing, order and spelling: the next bytes within 300 ms are the answer, in one piece."""

    def __init__(self, simulation: Simulation, port: MemoryPort, buffer: int = 512) -> None:
        self.simulation, self.port, self.buffer = simulation, port, buffer

    async def ask(self, line: str, limit: float = SHORT) -> str:
        """Everything that comes within the limit, cut to the receive buffer."""
        self.port.host_read()
        self.port.host_write(line.encode() + b"\r")
        await asyncio.sleep(limit)
        return self.port.host_read()[: self.buffer].decode("latin-1")

    async def value(self, line: str) -> str:
        """The first line behind the echo."""
        lines = [part for part in (await self.ask(line)).split("\r\n") if part.strip("\r")]
        lines = [part for part in lines if part.strip("\r") != line]
        return lines[0] if lines else ""

    async def ok(self, line: str) -> bool:
        """Whether the answer ends with OK, as the last thing on the line."""
        return (await self.ask(line)).endswith("\r\nOK\r\n")

    async def saw(self, text: str, limit: float) -> bool:
        """Whether exactly this text comes within the limit."""
        await asyncio.sleep(limit)
        return text in self.port.host_read().decode("latin-1")


class Careful:
    """Assembles lines, tells URCs from answers, waits as long as the vendor says, and tries again."""

    def __init__(self, simulation: Simulation, port: MemoryPort) -> None:
        self.simulation, self.port = simulation, port
        self.urcs: list[str] = []
        self.restarts = 0
        self._pending = b""

    async def line(self, limit: float) -> str | None:
        """The next whole line, without CR LF and other spelling of blanks; None when time is up."""
        deadline = asyncio.get_running_loop().time() + limit
        while True:
            while b"\n" in self._pending:
                head, _, self._pending = self._pending.partition(b"\n")
                text = head.decode("latin-1").strip("\r\x00 ")
                if text:
                    self._classify(text)
                    return text
            if asyncio.get_running_loop().time() >= deadline:
                return None
            await asyncio.sleep(0.005)
            self._pending += self.port.host_read()

    def _classify(self, text: str) -> None:
        if text.startswith(RESTARTED):
            self.restarts += 1
        if text.startswith(URCS):
            self.urcs.append(normal(text))

    async def ask(self, line: str, limit: float = 5.5) -> list[str] | None:
        """The answer up to its final result; None when there is none in the vendor's maximum time."""
        self.port.host_write(line.encode() + b"\r")
        name = line[2:].split("=")[0].split("?")[0]
        answer: list[str] = []
        deadline = asyncio.get_running_loop().time() + limit
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            text = await self.line(left)
            if text is None:
                break
            if text.startswith(FINAL):
                return [*answer, text]
            if (text.startswith(name) or not text.startswith(URCS)) and text != line:
                answer.append(text)
        return None

    async def sure(self, line: str, tries: int = 10, pause: float = 0.5) -> list[str]:
        """The answer once it is OK: wakes the module, waits for it to be ready, repeats; [] when never."""
        for _ in range(tries):
            answer = await self.ask(line)
            if answer is not None and answer[-1] == "OK":
                return answer
            await asyncio.sleep(pause)
        return []

    async def event(self, wanted: str, limit: float) -> bool:
        """Whether this URC has come or comes, in whatever spelling."""
        deadline = asyncio.get_running_loop().time() + limit
        while normal(wanted) not in self.urcs:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0 or await self.line(left) is None:
                return normal(wanted) in self.urcs
        return True


def normal(text: str) -> str:
    """One spelling for all: no blanks, a colon behind the name."""
    head, _, tail = text.replace(" ", "").replace("=", ":", 1).partition(":")
    return f"{head}:{tail}"
