"""When an unsolicited result code may go out: the rules of interleaving as one decision over plain facts.

A URC is a frame of its own with idle line around it, never splits a line or a response, waits while the
host is in the middle of a line or owes data, and leaves in the order of its instants. Hosts frame on idle
line and rely on it.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from typing import NamedTuple

from modemsim.at.dialect import Dialect, Verbatim, to_bytes

_INSTANT = 1e-6
"""Seconds within which two instants are the same (rounding of timers)."""


class LineState(NamedTuple):
    """What the decision depends on; instants in seconds of one clock.

    idle_since: when the module's last byte has left (in the future while it is still leaving). running: a
    command has not had its final result. typing_since: when the host sent the last byte of an unfinished
    line. data_mode: the module has prompted for data.
    """

    now: float
    idle_since: float
    running: bool = False
    typing_since: float | None = None
    data_mode: bool = False


@dataclass(frozen=True)
class SendUrc:
    """Send this line now."""

    line: str


@dataclass(frozen=True)
class NotBefore:
    """Ask again at this instant."""

    instant: float


class _Waiting(NamedTuple):
    """One URC that has not gone out, ordered by instant, then by arrival."""

    instant: float
    order: int
    line: str
    in_command: bool


class UrcQueue:
    """The URCs of one module that have not gone out yet."""

    def __init__(self, dialect: Dialect) -> None:
        self._gap = dialect.urc_gap
        self._typing_hold = dialect.typing_hold
        self._waiting: list[_Waiting] = []
        self._order = 0
        self._last_left = float("-inf")

    def __len__(self) -> int:
        return len(self._waiting)

    def push(self, line: str, instant: float, *, in_command: bool = False) -> None:
        """Queue a line for `instant`; `in_command` lets it out before a command's final result."""
        self._order += 1
        insort(self._waiting, _Waiting(instant, self._order, line, in_command))

    def decide(self, state: LineState) -> SendUrc | NotBefore | None:
        """What to do now; None when only an event (new URC, end of a command, of a line, of data) changes
        anything.

        A `SendUrc` has left the queue.
        """
        if not self._waiting or state.data_mode:
            return None
        at = 0
        if state.running:
            at = next((at for at, urc in enumerate(self._waiting) if urc.in_command), -1)
            if at < 0:
                return None
        urc = self._waiting[at]
        allowed = max(urc.instant, state.idle_since + self._gap)
        if state.typing_since is not None and not state.running:
            allowed = max(allowed, state.typing_since + self._typing_hold)
        if allowed > state.now + _INSTANT:
            return NotBefore(allowed)
        del self._waiting[at]
        return SendUrc(urc.line)

    def sent(self, until: float) -> None:
        """The URC of the last decision has left at `until`."""
        self._last_left = until

    def response_not_before(self, now: float) -> float:
        """From when on a response may start: `now`, unless a URC left less than the gap ago."""
        allowed = self._last_left + self._gap
        return allowed if allowed > now + _INSTANT else now


def frame(line: str) -> bytes:
    """A URC as it stands on the line."""
    return to_bytes(line) if isinstance(line, Verbatim) else b"\r\n" + to_bytes(line) + b"\r\n"
