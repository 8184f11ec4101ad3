"""A few commands and a fake line, for the tests of the interpreter."""

from __future__ import annotations

from typing import Any

from modemsim import clock
from modemsim.at.catalogue import Catalogue
from modemsim.at.command import Answer, Command, Entry, Form
from modemsim.at.data_mode import DataEnd, DataMode
from modemsim.at.interpreter import Dialect, Interpreter
from modemsim.at.params import Flag, Int, Text
from modemsim.at.result import ErrorGroup, ErrorTable, Refusal
from modemsim.at.wordings import CME_TEXTS


class Setting(Command):
    """A setting that basic commands change."""

    value = Int(0, 9, default=0, doc="value")

    def execute(self, ue: Any, value: int) -> None:
        ue[self.name] = value


class Echo(Setting):
    """Echo."""

    name, source = "E", "V.250"


class Verbose(Setting):
    """Verbose."""

    name, source = "V", "V.250"


class Quiet(Setting):
    """Quiet."""

    name, source = "Q", "V.250"


class Backspace(Command):
    """An S-register."""

    name, source = "S5", "V.250"
    value = Int(0, 127, doc="character")

    def read(self, ue: Any) -> str:
        return f"{ue.get('S5', 8):03}"

    def write(self, ue: Any, value: int) -> None:
        ue["S5"] = value


class Cmee(Command):
    """Error reports."""

    name, source = "+CMEE", "27.007 9.1"
    n = Int(0, 2, doc="mode")

    def read(self, ue: Any) -> dict[str, Any]:
        return {"n": ue.get("+CMEE.n", 0)}

    def write(self, ue: Any, n: int) -> None:
        ue["+CMEE.n"] = n


def attached(ue: Any) -> None:
    """The module is attached."""
    if not ue.get("attached", True):
        raise Refusal("not_attached")


class Work(Command):
    """A command with needs, several lines and failures."""

    name, source = "+WORK", "test"
    needs = read_needs = (attached,)
    count = Int(0, 9, doc="lines")
    fail = Flag(default=False, doc="whether to fail")

    def read(self, ue: Any) -> str:
        return "+WORK: read"

    async def write(self, ue: Any, count: int, fail: bool) -> list[str]:
        if fail:
            raise RuntimeError("boom")
        return [f"+WORK: {number}" for number in range(count)]

    def execute(self, ue: Any) -> Answer:
        raise Refusal("vendor", 955)


class Eager(Work):
    """The same, with needs checked first."""

    name, needs_first = "+EAGER", True


class Reboot(Command):
    """Answers without OK."""

    name, source = "+REBOOT", "test"
    how = Text(20, doc="final result")

    def write(self, ue: Any, how: str) -> Answer:
        async def after() -> None:
            ue["after"] = "done"

        return Answer(f"+REBOOT: {how}", final=how or None, after=after)


class Send(Command):
    """Takes data."""

    name, source = "+SEND", "test"
    data_mode = DataMode(length="length", cancelled="", timed_out="late")
    length = Int(0, 99, optional=True, doc="bytes")
    inline = Text(99, optional=True, doc="data")

    def data_input(self, ue: Any, values: Any) -> DataMode | None:
        if values["length"] == 99:
            raise Refusal("no_socket")
        return None if values["inline"] is not None else self.data_mode

    def write(self, ue: Any, length: int | None, inline: str | None, data: bytes | None) -> str:
        return f"+SEND: {length},{inline},{data!r}"


CATALOGUE = (Echo, Verbose, Quiet, Backspace, Cmee, Work, Eager, Reboot, Send)
ERRORS = ErrorTable(
    {
        "general": ErrorGroup(
            {
                "bad_value": 50,
                "missing_parameter": 50,
                "wrong_form": 4,
                "not_attached": 30,
                "internal": 100,
                "line_too_long": 536,
                "busy": 302,
                "late": 526,
                "no_socket": None,
            }
        )
    },
    CME_TEXTS,
)


class FakeIo:
    """Remembers what the interpreter does to the line."""

    def __init__(self, data: bytes | DataEnd = b"") -> None:
        self.sent = b""
        self.pauses: list[tuple[str, Form]] = []
        self.notes: list[tuple[str, dict[str, Any]]] = []
        self.collected: list[int | None] = []
        self.data = data

    async def send(self, data: bytes) -> None:
        self.sent += data

    async def pause(self, command: Command | None, form: Form) -> None:
        self.pauses.append(("" if command is None else command.name, form))

    async def collect(self, mode: DataMode, length: int | None) -> bytes | DataEnd:
        self.collected.append(length)
        return self.data

    async def drained(self) -> None:
        self.sent += b"|"

    def note(self, event: str, **fields: Any) -> None:
        self.notes.append((event, fields))


def interpreter(
    io: FakeIo, ue: dict[str, Any], entries: dict[str, Entry] | None = None, **dialect: Any
) -> Interpreter:
    commands = Catalogue(command((entries or {}).get(command.name)) for command in CATALOGUE)
    return Interpreter(commands, ERRORS, Dialect(**dialect), ue, ue, io)


def reply(*lines: str, ue: dict[str, Any] | None = None, io: FakeIo | None = None, **options: Any) -> str:
    """Everything that lines make the module send."""
    used = io or FakeIo()

    async def main() -> None:
        at = interpreter(used, {} if ue is None else ue, **options)
        for line in lines:
            await at.run(line)

    clock.run(main(), virtual=True)
    return used.sent.decode("latin-1")
