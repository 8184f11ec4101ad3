"""Bytes from the host into command lines: echo, editing, end of line, A/, over-long lines, what precedes AT.

Sans-io: bytes are taken from the front of a buffer up to the end of one line, so that what follows stays
there for data mode or waits for its turn.
"""

from __future__ import annotations

from typing import NamedTuple

from modemsim.at.data_mode import Collector, DataEnd, DataMode
from modemsim.at.dialect import Dialect, Settings, setting, to_text
from modemsim.at.result import LINE_TOO_LONG, NO_PREFIX

LF = 0x0A
_A = b"Aa"
_T = b"Tt"
_SLASH = 0x2F
_BLANK = 0x20

__all__ = ["Collector", "DataEnd", "DataMode", "Frame", "Framer"]


class Frame(NamedTuple):
    """One complete command line without its end; `fault` is a situation when it cannot be looked at."""

    text: str
    fault: str | None = None


class Framer:
    """Assembles the command lines of one host, byte by byte; pieces may be cut anywhere.

    `echo` collects what is to be sent back (dialect echo "byte", setting E); the user takes and clears it.
    """

    def __init__(self, dialect: Dialect, settings: Settings) -> None:
        self.dialect = dialect
        self.settings = settings
        self.echo = bytearray()
        self._line = bytearray()
        self._too_long = False
        self._junk = False
        self._last = "AT"
        self._after_end = False
        self._host_sends_lf = True

    @property
    def typing(self) -> bool:
        """Whether the host is in the middle of a line."""
        return bool(self._line) or self._too_long

    def expects_lf(self) -> bool:
        """Whether a line feed that comes next belongs to the line that just ended.

        Yes until this host has ended a line without one; binary data may begin with a line feed.
        """
        return self._after_end and self._host_sends_lf

    def leave(self) -> None:
        """Data mode took over behind the last line."""
        self._after_end = False

    def take(self, buffer: bytearray) -> Frame | None:
        """Consume `buffer` up to the end of one line; None (and an empty buffer) when none is complete."""
        end_of_line = setting(self.settings, "S3")
        backspace = setting(self.settings, "S5")
        echoing = self.dialect.echo == "byte" and setting(self.settings, "E") != 0
        for at, byte in enumerate(buffer):
            if self._after_end:
                self._after_end = False
                self._host_sends_lf = byte == LF
            if byte == LF and byte != end_of_line:
                continue
            frame = None
            if byte == end_of_line:
                frame = self._end()
                self._after_end = True
            elif byte == backspace:
                self._erase(echoing)
                continue
            else:
                frame = self._add(byte)
            if echoing:
                self.echo.append(byte)
            if frame is not None:
                del buffer[: at + 1]
                return frame
        buffer.clear()
        return None

    def _add(self, byte: int) -> Frame | None:
        """One more character of a line; A/ is complete at once, control characters mean nothing."""
        line = self._line
        if byte < _BLANK or (byte == _BLANK and not line):
            return None
        if not line:
            if self.dialect.junk != "error" and byte not in _A:
                self._junk = True
                return None
        elif len(line) == 1 and line[0] in _A:
            if byte == _SLASH and self.dialect.repeat and not self._junk:
                line.clear()
                return Frame(self._last)
            if self.dialect.junk != "error" and byte not in _T:
                line.clear()
                self._junk = True
                return self._add(byte)
        if len(line) < self.dialect.max_line:
            line.append(byte)
        else:
            self._too_long = True
        return None

    def _erase(self, echoing: bool) -> None:
        """Backspace: the last character goes, on the host's screen too (V.250 6.2.3)."""
        if self._line and not self._too_long:
            self._line.pop()
            if echoing:
                self.echo += b"\x08 \x08"

    def _end(self) -> Frame | None:
        """The end of a line; nothing comes of an empty one, nor, unless refused, of junk that had no AT."""
        text, too_long, junk = to_text(self._line), self._too_long, self._junk
        self._line.clear()
        self._too_long = self._junk = False
        if too_long:
            return Frame(text[:2], LINE_TOO_LONG)
        if len(text) < 2 and self.dialect.junk == "refuse" and (junk or text):
            return Frame(text, NO_PREFIX)
        if not text or (self.dialect.junk != "error" and len(text) < 2):
            return None
        if text[:2].upper() == "AT":
            self._last = text
        return Frame(text)
