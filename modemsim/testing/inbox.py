"""What arrived from the module: bytes cut into lines with their instants, the echo of the host taken out."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

from modemsim.trace import printable

PROMPT = ">"
"""The data prompt as a transcript expects it (`< >`); modules send it with a blank and without CR LF."""
_ENDS = re.compile(rb"[\r\n]+")
_HOST_ENDS = re.compile(rb"[\r\n\x1a\x1b]+")
_DATA_END = "\\x1a"


@dataclass(frozen=True)
class Line:
    """One line of the module that is not blank, and the instant its last character arrived (loop seconds)."""

    instant: float
    text: str


class Inbox:
    """Cuts the module's bytes into lines; nothing here waits.

    A line ends at CR or LF. The echo of a host line is dropped unless it is expected word by word.
    """

    def __init__(self) -> None:
        self._lines: deque[Line] = deque()
        self._partial = b""
        self._partial_at = 0.0
        self._echoes: deque[str] = deque()
        self._sending = b""
        self._answered = False
        self._prompted = False  # the blank behind the prompt may still come
        self._data_next = False  # what the host sends next is data

    def feed(self, data: bytes, now: float) -> None:
        """Take bytes that arrived at the instant `now`."""
        if self._prompted:
            data = data.removeprefix(b" ")
            self._prompted = False
        *whole, rest = _ENDS.split(self._partial + data)
        for raw in whole:
            if raw:
                self._lines.append(Line(now, printable(raw)))
        if rest != self._partial:
            self._partial, self._partial_at = rest, now

    def sent(self, data: bytes) -> None:
        """Remember what the host sent, since it may come back as echo."""
        if self._answered:
            self._echoes.clear()
            self._answered = False
        *whole, self._sending = _HOST_ENDS.split(self._sending + data)
        if self._data_next:
            whole, self._sending, self._data_next = [*whole, self._sending], b"", False
        self._echoes.extend(printable(raw) for raw in whole if raw)

    def take(self, expected: str | None = None) -> Line | None:
        """The next line, or None; `expected` is the text wanted if only one text will do.

        The data prompt counts as a line although nothing ends it.
        """
        while self._lines:
            line = self._lines.popleft()
            if line.text == expected or not self._is_echo(line.text):
                self._answered = True
                return line
        if expected == PROMPT and self._partial.strip() == PROMPT.encode():
            self._prompted = self._partial == PROMPT.encode()
            self._partial = b""
            self._answered = self._data_next = True
            return Line(self._partial_at, PROMPT)
        return None

    def put_back(self, line: Line) -> None:
        """Let a line that was taken be the next one again."""
        self._lines.appendleft(line)

    def unfinished(self) -> str:
        """What arrived of a line that has not ended, except the beginning of an echo."""
        text = printable(self._partial)
        open_echoes = [*self._echoes, printable(self._sending)]
        return "" if any(echo.startswith(text) for echo in open_echoes) else text

    def clear(self) -> None:
        """Forget everything that arrived."""
        self._lines.clear()
        self._partial = b""

    def _is_echo(self, text: str) -> bool:
        """Whether this line is an echo still owed; forgets it and those before it, which did not come."""
        text = text.removesuffix(_DATA_END)
        if text not in self._echoes:
            if not self._sending or text != printable(self._sending):
                return False
            self._sending = b""
            return True
        while self._echoes.popleft() != text:
            continue
        return True
