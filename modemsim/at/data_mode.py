"""Data mode: the module prompts, and what the host sends next is data, not a command."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LF = 0x0A
CTRL_Z = 0x1A
ESC = 0x1B


@dataclass(frozen=True)
class DataMode:
    """How a command takes data after its line.

    prompt: what asks for data, None for the dialect's, "" for nothing at all. length: name of the parameter
    that says how many bytes come (None, or a parameter without value: the data ends with `terminator`), each
    of them as `width` characters (2: hex digits). cancel: byte that ends it without data, None for no such
    byte; neither byte means anything while data is counted. timeout: name of the timing after which the
    module gives up, or the seconds that the host has chosen, None for never. max_bytes: uncounted data is
    sent by itself when it is that long, or with drop_excess what comes beyond is lost. after: seconds until
    what has come is sent by itself, None for never. echo: whether data is echoed (under ATE1). cancelled,
    timed_out: the situation refused then, "" for a plain OK. patience: seconds of silence after which the
    module gives up. acknowledge: the module sends `A` after so many bytes each.
    """

    prompt: str | None = None
    length: str | None = None
    width: int = 1
    terminator: int = CTRL_Z
    cancel: int | None = ESC
    timeout: str | float | None = None
    max_bytes: int = 1024
    drop_excess: bool = False
    after: float | None = None
    echo: bool = False
    cancelled: str = ""
    timed_out: str = "aborted"
    patience: float | None = None
    acknowledge: int | None = None


class DataEnd(StrEnum):
    """Why data mode ended without data."""

    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


class Collector:
    """Takes the bytes of one data mode out of the stream and leaves what follows for command mode.

    `length`: bytes to count, None for data that ends with a byte. `skip_lf`: a line feed that comes first
    belongs to the command's CR LF.
    """

    def __init__(self, mode: DataMode, length: int | None, *, skip_lf: bool) -> None:
        self.mode = mode
        self.length = length
        self.result: bytes | DataEnd | None = b"" if length == 0 else None
        self._data = bytearray()
        self._skip_lf = skip_lf

    def feed(self, buffer: bytearray) -> bytes:
        """Consume the front of `buffer` until the data is complete (`result`); returns the data taken."""
        if self._skip_lf and buffer:
            self._skip_lf = False
            if buffer[0] == LF:
                del buffer[0]
        if self.result is not None:
            return b""
        return self._counted(buffer) if self.length is not None else self._ended(buffer)

    def cut(self) -> bytes:
        """What has come so far, as all the data there is."""
        return bytes(self._data)

    def _counted(self, buffer: bytearray) -> bytes:
        assert self.length is not None
        taken = bytes(buffer[: self.length - len(self._data)])
        del buffer[: len(taken)]
        self._data += taken
        if len(self._data) == self.length:
            self.result = bytes(self._data)
        return taken

    def _ended(self, buffer: bytearray) -> bytes:
        marks = [at for at in (buffer.find(self.mode.terminator), self._cancel_at(buffer)) if at >= 0]
        room = self.mode.max_bytes - len(self._data)
        end = min(marks, default=len(buffer))
        if not self.mode.drop_excess and (end > room or (not marks and end == room)):
            end, marks = room, []
        taken = bytes(buffer[:end])
        self._data += taken[:room]
        if marks:
            self.result = DataEnd.CANCELLED if buffer[end] == self.mode.cancel else bytes(self._data)
            end += 1
        elif len(self._data) >= self.mode.max_bytes and not self.mode.drop_excess:
            self.result = bytes(self._data)
        del buffer[:end]
        return taken

    def _cancel_at(self, buffer: bytearray) -> int:
        return -1 if self.mode.cancel is None else buffer.find(self.mode.cancel)
