"""Makes a transcript of what passes on a serial line: the other way round from the player."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from modemsim.testing.inbox import PROMPT, Inbox, Line
from modemsim.testing.player import FINAL, RESPONSE_LIMIT, URC_WINDOW
from modemsim.testing.transcript import FIELD, Kind

Write = Callable[[str], object]
"""Takes text that ends with a line."""
PAUSE = 0.5
"""Seconds of silence before a host line that a transcript keeps, to a tenth of a second."""
SLACK = 2.0
"""How much longer than in the recording a line may take, as a factor."""
_PRINTABLE = re.compile(rb"[ -~]+")


class Recorder:
    """Writes one step after the other as it happens.

    `write` takes whole lines of text, `now` tells the seconds that windows are counted in. A line of the host
    ends with CR; what he sends behind a data prompt ends when the module answers.
    """

    def __init__(self, write: Write, now: Callable[[], float]) -> None:
        self._write = write
        self._now = now
        self._inbox = Inbox()
        self._typed = bytearray()
        self._prompted = False
        self._since: float | None = None
        self._open = False

    def header(self, summary: str, profile: str, source: str, seed: int | None = None) -> None:
        """The lines above the first step; the seed is that of a simulator."""
        seeded = "" if seed is None else f"seed:    {seed}\n"
        self._write(f"# {summary}\nprofile: {profile}\nsource:  {source}\n{seeded}\n")

    def action(self, text: str) -> None:
        """Something that was done to the module besides the line."""
        self._step(Kind.ACTION, text)

    def done(self) -> None:
        """The action has ended; what comes next is counted from here."""
        self._since = self._now()

    def host(self, data: bytes) -> None:
        """Bytes towards the module."""
        self._inbox.sent(data)
        self._typed += data
        while not self._prompted and b"\r" in self._typed:
            line, _, rest = bytes(self._typed).partition(b"\r")
            self._typed[:] = rest.removeprefix(b"\n")
            self._host_line(line)

    def module(self, data: bytes) -> None:
        """Bytes from the module."""
        now = self._now()
        self._inbox.feed(data, now)
        while (line := self._inbox.take()) is not None:
            self._module_line(line)
        if self._open and (line := self._inbox.take(PROMPT)) is not None:
            self._module_line(line)
            self._prompted = True

    def _host_line(self, line: bytes) -> None:
        if not line:
            return
        if self._since is not None and (silent := self._now() - self._since) >= PAUSE:
            self._step(Kind.ACTION, f"wait {math.floor(silent * 10) / 10:g}s")
        if _PRINTABLE.fullmatch(line) and line == line.strip():
            self._step(Kind.HOST, line.decode())
        else:
            self._step(Kind.RAW, _escaped(line) + r"\r")
        self._open = True

    def _module_line(self, line: Line) -> None:
        if self._prompted:
            self._prompted = False
            if self._typed:
                self._step(Kind.RAW, _escaped(bytes(self._typed)))
                self._typed.clear()
        self._step(Kind.MODULE, _expected(line.text) + self._window(line.instant), line.instant)
        if FINAL.fullmatch(line.text):
            self._open = False

    def _window(self, instant: float) -> str:
        """The window a line needs that took longer than those without one may."""
        took = 0.0 if self._since is None else instant - self._since
        usual = RESPONSE_LIMIT if self._open else URC_WINDOW
        return f"  @ 0s..{math.ceil(took * SLACK)}s" if took * SLACK > usual else ""

    def _step(self, kind: Kind, text: str, instant: float | None = None) -> None:
        self._write(f"{kind} {text}\n")
        self._since = self._now() if instant is None else instant


def _expected(text: str) -> str:
    """A line of the module as a step expects it: captures for what the format has no other way to write."""
    expected = FIELD.sub(lambda match: f"{{{match[1]}=text}}", text.strip())
    return expected if text[-1:] != " " else expected + "{blank=text}"


def _escaped(data: bytes) -> str:
    """Bytes as a `>>` step writes them."""
    shown = {0x0D: r"\r", 0x0A: r"\n", 0x09: r"\t", 0x5C: r"\\"}
    return "".join(
        shown.get(byte) or (chr(byte) if 0x20 < byte < 0x7F else f"\\x{byte:02x}") for byte in data
    )
