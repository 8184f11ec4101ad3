"""A module with a few commands and a fake serial line, for the tests of the AT port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from modemsim import clock
from modemsim.at.catalogue import Catalogue
from modemsim.at.command import Answer, Command
from modemsim.at.data_mode import DataMode
from modemsim.at.dialect import Dialect
from modemsim.at.params import Int
from modemsim.at.result import ErrorGroup, ErrorTable
from modemsim.timing import Delay, Timing
from modemsim.trace import Trace
from modemsim.ue.terminal import Terminal

GAP = 0.010
OK = b"\r\nOK\r\n"


class FakeUart:
    """A serial line that notes when each piece was queued and paces like a real one."""

    def __init__(self, seconds_a_byte: float = 0.0) -> None:
        self.receiver: Callable[[bytes], None] = lambda data: None
        self.pieces: list[tuple[float, bytes]] = []
        self._seconds = seconds_a_byte
        self._until = 0.0

    def send(self, data: bytes) -> None:
        now = asyncio.get_running_loop().time()
        self._until = max(self._until, now) + len(data) * self._seconds
        self.pieces.append((now, data))

    def idle_at(self) -> float:
        return self._until

    @property
    def sent(self) -> bytes:
        return b"".join(data for _, data in self.pieces)

    def take(self) -> bytes:
        sent, self.pieces = self.sent, []
        return sent


class Echo(Command):
    """Echo."""

    name, source = "E", "V.250"
    value = Int(0, 1, default=0, doc="value")

    def execute(self, ue: Any, value: int) -> None:
        ue.settings["E"] = value


class Ask(Command):
    """Answers at once."""

    name, source = "+ASK", "test"

    def read(self, ue: Any) -> str:
        return "+ASK: 1"


class Slow(Command):
    """Runs for a while, with URCs on the way."""

    name, source, delay = "+SLOW", "test", "slow"
    seconds = Int(0, 99, doc="seconds")

    async def write(self, ue: Any, seconds: int) -> str:
        ue.terminal.urc("+DURING: 1")
        ue.terminal.urc("+CPIN: NOT READY", in_command=True)
        await asyncio.sleep(seconds)
        ue.terminal.urc("+DURING: 2")
        ue.done.append(seconds)
        return "+SLOW: done"


class Sync(Command):
    """Raises an exceptional URC from a handler that does not wait."""

    name, source = "+SYNC", "test"

    def execute(self, ue: Any) -> str:
        ue.terminal.urc("+EARLY", in_command=True)
        ue.terminal.urc("+LATE")
        return "+SYNC: 1"


class Crash(Command):
    """Fails in every way."""

    name, source = "+CRASH", "test"

    def read(self, ue: Any) -> str:
        raise ZeroDivisionError

    def execute(self, ue: Any) -> Answer:
        return Answer(after=lambda: 1 / 0)


class Off(Command):
    """Powers the port off, or restarts it, from inside a handler."""

    name, source = "+OFF", "test"

    def execute(self, ue: Any) -> str:
        ue.terminal.stop()
        return "+OFF: never seen"

    def read(self, ue: Any) -> Answer:
        return Answer(after=ue.terminal.start)


class Send(Command):
    """Takes data."""

    name, source = "+SEND", "test"
    data_mode = DataMode(length="length", timeout="input", max_bytes=600)
    length = Int(0, 1024, optional=True, doc="bytes")

    def write(self, ue: Any, length: int | None, data: bytes) -> None:
        ue.data.append(data)


class EchoSend(Send):
    """Takes data and echoes it."""

    name, data_mode = "+ESEND", DataMode(length="length", echo=True, prompt=">")


COMMANDS = (Echo, Ask, Slow, Sync, Crash, Off, Send, EchoSend)
ERRORS = ErrorTable(
    {"general": ErrorGroup({"busy": 302, "aborted": 526, "internal": 100, "line_too_long": 536})}, {}
)


class Bench:
    """A terminal on a fake line; also stands for the module."""

    def __init__(
        self, delay: float = 0.0, pace: float = 0.0, receive_buffer: int = 3136, **dialect: Any
    ) -> None:
        loop = asyncio.get_running_loop()
        self.settings: dict[str, Any] = {"E": 0, "+CMEE.n": 1}
        self.done: list[int] = []
        self.data: list[bytes] = []
        self.uart = FakeUart(pace)
        self.trace = Trace(loop.time)
        self.start = loop.time()
        delays = {"command": delay, "slow": 0.5, "input": 60.0}
        self.terminal = Terminal(
            self.uart,
            catalogue=Catalogue(command() for command in COMMANDS),
            errors=ERRORS,
            dialect=Dialect(**dialect),
            settings=self.settings,
            ue=self,
            timing=Timing({name: Delay.exact(value) for name, value in delays.items()}),
            trace=self.trace,
            receive_buffer=receive_buffer,
        )
        self.terminal.start()

    def type(self, *chunks: bytes) -> None:
        for chunk in chunks:
            self.uart.receiver(chunk)

    async def say(self, *chunks: bytes, wait: float = 1.0) -> bytes:
        """Type, let some time pass, and take what was sent."""
        self.type(*chunks)
        await asyncio.sleep(wait)
        return self.uart.take()

    def pieces(self) -> list[tuple[float, bytes]]:
        """What was sent, with the seconds since the start."""
        return [(round(at - self.start, 6), data) for at, data in self.uart.pieces]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [record.fields for record in self.trace.recent() if record.event == name]


def virtual(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test coroutine on the virtual clock."""

    def run() -> None:
        clock.run(test(), virtual=True)

    run.__name__ = test.__name__
    return run
