"""Misbehaviour of the module at its serial line that somebody asked for: what it sends, and what it answers.

Between terminal and UART. Without a rule everything passes untouched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

Pieces = list[tuple[float, bytes]]
"""What is sent instead of some bytes: each piece with the seconds of silence before it."""


class Line(Protocol):
    """The module's side of the serial line."""

    def send(self, data: bytes) -> None:
        """Queue bytes for the host."""

    def idle_at(self) -> float:
        """loop.time() when the last queued byte will have left; not later than now when the line is idle."""


@dataclass(eq=False)
class Rule:
    """One misbehaviour: `effect` on what is sent of a kind ("reply", "urc", "echo" or "any"), `count` times.

    `match`: only what contains this text; `count` None: until it is removed; `until_input`: until the host's
    next complete line.
    """

    effect: Callable[[bytes], Pieces]
    kind: str = "any"
    match: str = ""
    count: int | None = 1
    until_input: bool = False

    def concerns(self, kind: str, data: bytes) -> bool:
        """Whether the rule is about these bytes."""
        return self.kind in ("any", kind) and self.match.encode() in data


@dataclass(eq=False)
class Answer:
    """What is answered to a command line that starts with `command`, `count` times (None: until removed).

    `lines` None: nothing at all.
    """

    command: str
    lines: tuple[str, ...] | None
    count: int | None = 1


class LineFaults:
    """The faults of one AT port; they outlive a restart of the module."""

    def __init__(self, line: Line) -> None:
        self.slowest = False
        """Every reply takes its command's maximum response time."""
        self._line = line
        self._rules: list[Rule] = []
        self._answers: list[Answer] = []
        self._waiting: list[tuple[float, bytes]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._frozen_until = 0.0

    def add(self, fault: Rule | Answer) -> None:
        """Begin."""
        if isinstance(fault, Rule):
            self._rules.append(fault)
        else:
            self._answers.append(fault)

    def remove(self, fault: Rule | Answer) -> None:
        """End, if it has not ended by itself."""
        if isinstance(fault, Rule) and fault in self._rules:
            self._rules.remove(fault)
        elif isinstance(fault, Answer) and fault in self._answers:
            self._answers.remove(fault)

    def freeze(self, seconds: float) -> None:
        """Neither hear nor send for so long; what would have been sent comes afterwards."""
        self._frozen_until = asyncio.get_running_loop().time() + seconds

    @property
    def frozen(self) -> bool:
        """Deaf and mute now."""
        return asyncio.get_running_loop().time() < self._frozen_until

    def stop(self) -> None:
        """The module lost power: what is still to be sent is gone."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def heard_line(self) -> None:
        """The host has completed a line."""
        self._rules = [rule for rule in self._rules if not rule.until_input]

    def answer(self, text: str) -> Answer | None:
        """The answer asked for to this command line, used up by one."""
        for answer in self._answers:
            if text.upper().startswith(answer.command.upper()):
                self._use(answer)
                return answer
        return None

    def send(self, kind: str, data: bytes) -> None:
        """Send what the rules make of these bytes."""
        if not (self._rules or self._waiting or self._frozen_until):
            self._line.send(data)
            return
        rule = next((rule for rule in self._rules if rule.concerns(kind, data)), None)
        pieces = [(0.0, data)]
        if rule is not None:
            pieces = rule.effect(data)
            self._use(rule)
        for silence, piece in pieces:
            self._put(silence, piece)

    def idle_at(self) -> float:
        """loop.time() when the last byte will have left, what waits included."""
        return max([self._line.idle_at(), *(instant for instant, _ in self._waiting)])

    def _put(self, silence: float, piece: bytes) -> None:
        loop = asyncio.get_running_loop()
        start = max(self._frozen_until, self.idle_at() + silence if silence else loop.time())
        if not self._waiting and start <= loop.time():
            self._line.send(piece)
            return
        after = max(start, self._waiting[-1][0] if self._waiting else start)
        self._waiting.append((after, piece))
        if self._timer is None:
            self._timer = loop.call_at(self._waiting[0][0], self._next)

    def _next(self) -> None:
        self._timer = None
        _, piece = self._waiting.pop(0)
        self._line.send(piece)
        if self._waiting:
            self._timer = asyncio.get_running_loop().call_at(self._waiting[0][0], self._next)

    def _use(self, fault: Rule | Answer) -> None:
        if fault.count is not None:
            fault.count -= 1
            if fault.count <= 0:
                self.remove(fault)


def delayed(seconds: float) -> Callable[[bytes], Pieces]:
    """Everything comes later."""
    return lambda data: [(seconds, data)]


def split(at: int, gap: float) -> Callable[[bytes], Pieces]:
    """Silence in the middle of a line."""
    return lambda data: [(0.0, data[:at]), (gap, data[at:])] if data[at:] else [(0.0, data)]


def dripped(gap: float) -> Callable[[bytes], Pieces]:
    """Every byte comes alone, with silence between."""
    return lambda data: [(gap if place else 0.0, data[place : place + 1]) for place in range(len(data))]


def paused(behind: bytes, gap: float) -> Callable[[bytes], Pieces]:
    """Silence behind each place where some bytes stand."""

    def effect(data: bytes) -> Pieces:
        parts = data.split(behind)
        whole = [part + behind for part in parts[:-1]] + [parts[-1]]
        return [(gap if place else 0.0, part) for place, part in enumerate(whole) if part]

    return effect


def dropped() -> Callable[[bytes], Pieces]:
    """Nothing comes."""
    return lambda data: []


def duplicated(gap: float) -> Callable[[bytes], Pieces]:
    """It comes twice."""
    return lambda data: [(0.0, data), (gap, data)]


def corrupted(at: int, byte: int) -> Callable[[bytes], Pieces]:
    """One byte is another one; `at` counts from the end when negative."""

    def effect(data: bytes) -> Pieces:
        place = at % len(data)
        return [(0.0, data[:place] + bytes([byte]) + data[place + 1 :])]

    return effect


def respelled(old: str, new: str) -> Callable[[bytes], Pieces]:
    """Another spelling of a text."""
    return lambda data: [(0.0, data.replace(old.encode(), new.encode()))]


def joined(before: bytes = b"", after: bytes = b"") -> Callable[[bytes], Pieces]:
    """Other bytes stand directly before or behind, without idle line between them."""
    return lambda data: [(0.0, before + data + after)]
