"""The live view of a run: one aligned line for each record, on a terminal with colours, elsewhere plain text.

A reader that is too slow (a pipe nobody reads, a terminal held by Ctrl-S) never stops the simulation: lines
without room are left out and counted.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from modemsim.trace import Record, printable

LINE_LIMIT = 2000
"""Characters of one line on the console; a pipe that is ready takes this much without blocking (pipe(7))."""


class Output:
    """Writes whole lines to a text stream, but only when its descriptor has room."""

    def __init__(self, stream: IO[str] | None) -> None:
        self._stream = stream
        self._skipped = 0
        self._poll = select.poll()
        self.is_terminal = False
        if stream is not None:
            try:
                self._poll.register(stream.fileno(), select.POLLOUT)
                self.is_terminal = stream.isatty()
            except (OSError, ValueError):
                self._stream = None

    def line(self, text: str) -> None:
        """Write one line, or count it as left out."""
        if self._stream is None:
            return
        if not self._ready():
            self._skipped += 1
            return
        if self._skipped:
            text = f"({self._skipped} lines left out: the reader of this output is too slow)\n{text}"
            self._skipped = 0
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._give_up()

    def _ready(self) -> bool:
        events = self._poll.poll(0)
        if events and events[0][1] & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
            self._give_up()
            return False
        return bool(events)

    def _give_up(self) -> None:
        """Nobody will ever read this; keep the interpreter from complaining when it flushes at its end."""
        if self._stream is not None:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
        self._stream = None


@dataclass(frozen=True)
class Row:
    """One line of the view: mark, text and the rich style of both."""

    mark: str
    text: str
    style: str = ""


HOST, MODULE, AIR, WARNING = "->", "<-", " ~", "!!"
_AIR_LAYERS = frozenset({"air", "coap", "platform", "lwm2m"})


def _at(record: Record) -> Row:
    line = str(record.fields.get("line", ""))
    if record.event == "rx":
        return Row(HOST, line, "bold cyan")
    if record.event == "tx":
        return Row(MODULE, line, "green")
    if record.event == "urc":
        return Row(MODULE, line, "bold yellow")
    return Row(WARNING, f"{record.event} {_details(record.fields)}", "red")


def _coap(record: Record) -> Row:
    """A CoAP message in the usual short form: CON POST /rd, message id, peer, size."""
    fields = record.fields
    direction = {"tx": "sent to", "rx": "got from"}.get(record.event)
    if direction is None:
        return Row(AIR, f"coap {record.event} {_details(fields)}", "dim")
    shown = (fields.get(key) for key in ("type", "code", "path"))
    what = " ".join(str(value) for value in shown if value not in (None, "", "/"))
    what += f"?{fields['query']}" if "query" in fields else ""
    size = f"{fields.get('length', 0)} bytes"
    return Row(AIR, f"coap {what}  {direction} {fields.get('peer')}, id {fields.get('mid')}, {size}", "dim")


def _other(record: Record) -> Row:
    text = f"{record.layer} {record.event} {_details(record.fields)}".rstrip()
    if record.event == "internal_error":
        return Row(WARNING, text, "red")
    return Row(AIR if record.layer in _AIR_LAYERS else "  ", text, "dim")


_ROWS: Mapping[str, Callable[[Record], Row]] = {"at": _at, "coap": _coap}


def _details(fields: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={_value(value)}" for key, value in fields.items() if value is not None)


def _value(value: object) -> str:
    if isinstance(value, bytes | bytearray):
        return value.hex()
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value)


def is_shown(record: Record) -> bool:
    """Whether a record belongs on the console: the module's inside shows only when it failed."""
    return record.layer != "ue" or record.event == "internal_error"


def row(record: Record) -> Row:
    """How a record looks on the console."""
    shown = _ROWS.get(record.layer, _other)(record)
    return Row(shown.mark, printable(shown.text.encode())[:LINE_LIMIT], shown.style)


class ConsoleSink:
    """A trace sink that shows every record as it happens."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._paint = painter() if output.is_terminal else _plain

    def __call__(self, record: Record) -> None:
        if not is_shown(record):
            return
        shown = row(record)
        self._output.line(self._paint(f"{record.time:10.3f}  {shown.mark}  {shown.text}", shown.style))


def _plain(text: str, style: str) -> str:
    return text


def painter() -> Callable[[str, str], str]:
    """A function that puts a rich style on a text, as far as the terminal and NO_COLOR allow."""
    from rich.console import COLOR_SYSTEMS, Console
    from rich.style import Style

    console = Console(force_terminal=True)
    if console.color_system is None or console.no_color:
        return _plain
    colours = COLOR_SYSTEMS[console.color_system]

    def paint(text: str, style: str) -> str:
        return Style.parse(style).render(text, color_system=colours) if style else text

    return paint
