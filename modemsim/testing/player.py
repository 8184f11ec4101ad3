"""Plays a transcript against anything on the other side of a serial line and says where it departs.

The player waits on loop time only, so on a virtual loop a dialogue of minutes takes milliseconds, and the
same code plays against a module on a desk in real time.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Protocol

from modemsim.testing import actions
from modemsim.testing.inbox import Inbox, Line
from modemsim.testing.report import Direction, Entry, Failure
from modemsim.testing.transcript import (
    Kind,
    Step,
    Transcript,
    Window,
    fill_in,
    is_literal,
    match_line,
    raw_bytes,
)

RESPONSE_LIMIT = 5.0
"""Seconds a final result may take for a command whose maximum response time is not known."""
URC_WINDOW = 30.0
"""Seconds in which a module line without a window must come when no command is open (URC default window)."""
QUIET_WINDOW = 2.0
"""Seconds a `!` without a window lasts."""
FOLLOW_UP = 1.0
"""Seconds for which lines behind a failure are still collected for the report."""
WIRE_TIME = 10 / 9600
"""Seconds a character is at most on the wire (10 bits at 9600 baud); response limits are extended by it."""
LOOP_TICK = 1e-9
"""Seconds by which asyncio may run a timer early; waiting for less than that would never end."""
ROUNDING = 1e-6
"""Seconds by which an instant may miss a window through the arithmetic of floats."""

FINAL = re.compile(
    r"OK|ERROR|SEND OK|SEND FAIL|\+CM[ES] ERROR: ?.+|CONNECT.*|NO CARRIER|BUSY|NO ANSWER|NO DIALTONE|[034678]"
)
"""Lines that end a command."""


class Host(Protocol):
    """The serial line as the host firmware sees it."""

    receiver: Callable[[bytes], None]
    """Set by the player; called with the bytes of the module as they arrive."""

    def send(self, data: bytes) -> None:
        """Put bytes on the line towards the module."""


class _Failed(Exception):
    """Ends the play of a transcript."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.problem)
        self.failure = failure


class Player:
    """Plays one transcript once.

    `limits` gives the maximum response time of a command line in seconds, None where it is not known; `stage`
    is what `*` lines act on.
    """

    def __init__(
        self,
        transcript: Transcript,
        host: Host,
        *,
        stage: actions.Stage | None = None,
        limits: Callable[[str], float | None] = lambda line: None,
    ) -> None:
        self._transcript = transcript
        self._host = host
        self._stage = stage
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._inbox = Inbox()
        self._arrived = asyncio.Event()
        self._captured: dict[str, str] = {}
        self._open: deque[float] = deque()
        self._wire = 0.0
        self._start = self._since = self._loop.time()
        self._previous: Step | None = None
        self.log: list[Entry] = []
        host.receiver = self._receive

    def forget(self) -> None:
        """Drop everything that arrived until now; the transcript begins at this instant."""
        self._inbox.clear()
        self._start = self._since = self._loop.time()

    async def play(self) -> Failure | None:
        """Play every step; None when all of them held."""
        self._start = self._since = self._loop.time()
        try:
            for steps in _groups(self._transcript.steps):
                await self._step(steps)
                self._previous = steps[-1]
            self._check_rest()
        except _Failed as failed:
            return failed.failure
        return None

    def _receive(self, data: bytes) -> None:
        self._inbox.feed(data, self._loop.time())
        self._wire += len(data) * WIRE_TIME
        self._arrived.set()

    async def _step(self, steps: list[Step]) -> None:
        step = steps[0]
        if step.kind in (Kind.HOST, Kind.RAW):
            self._send(step)
        elif step.kind is Kind.QUIET:
            await self._quiet(step)
        elif step.kind is Kind.ACTION:
            await self._act(step)
        elif step.kind is Kind.MODULE_MANY:
            await self._repeated(step)
        else:
            await self._expect(steps)

    # ------------------------------------------------------------------ host and actions

    def _send(self, step: Step) -> None:
        if step.kind is Kind.RAW:
            data, line = raw_bytes(step.text), step.text
        else:
            line = fill_in(step.text, self._captured)
            data = line.encode() + b"\r"
        self._since = self._loop.time()
        self._record("host", line, step)
        if data.endswith((b"\r", b"\n", b"\x1a", b"\x1b")) or line.upper() == "A/":
            limit = self._limits(line)
            self._open.append(RESPONSE_LIMIT if limit is None else limit)
        self._wire = len(data) * WIRE_TIME
        self._inbox.sent(data)
        self._host.send(data)

    async def _act(self, step: Step) -> None:
        self._record("action", step.text, step)
        limit = None if step.window is None else step.window.high
        try:
            await actions.find(step.text).run(self._stage, limit)
        except (actions.ActionFailed, ValueError) as problem:
            came = await self._follow_up()
            raise _Failed(Failure(step, f"'{step}' does not hold: {problem}", came=came)) from None
        self._since = self._loop.time()

    async def _quiet(self, step: Step) -> None:
        end = self._since + (step.window.high if step.window else QUIET_WINDOW)
        line = await self._next_line(None, lambda: end)
        if line is not None:
            problem = f"nothing may come for {end - self._since:g} s {self._after()}, but {line.text!r} came"
            raise await self._failed(step, problem, line)
        rest = self._inbox.unfinished()
        if rest:
            raise await self._failed(step, f"nothing may come, but {rest!r} came, without an end")
        self._since = self._loop.time()

    # ------------------------------------------------------------------ module lines

    async def _expect(self, steps: list[Step]) -> None:
        """One `<` line, or a group of `<|` lines in any order."""
        left, since = list(steps), self._since
        while left:
            first = min(left, key=lambda step: self._window(step).high)
            literal = first.text if len(left) == 1 and is_literal(first.text) else None
            line = await self._next_line(literal, partial(self._deadline, first, since))
            if line is None:
                raise await self._nothing(first, left)
            step = self._matching(line, left)
            if step is None:
                problem = f"expected {_either(left)} {self._after()}, but {line.text!r} came"
                raise await self._failed(first, problem, line, left)
            left.remove(step)
            await self._check_instant(step, line, since)
            self._record("module", line.text, step, line.instant)
            self._since = line.instant
            self._close(line)

    async def _repeated(self, step: Step) -> None:
        """Any number of lines of one form: up to the first of another form, or a window without any."""
        while (line := await self._next_line(None, partial(self._deadline, step, self._since))) is not None:
            if self._matching(line, [step]) is None:
                self._inbox.put_back(line)
                return
            self._record("module", line.text, step, line.instant)
            self._since = line.instant

    def _matching(self, line: Line, steps: list[Step]) -> Step | None:
        for step in steps:
            captured = match_line(step.text, line.text, self._captured)
            if captured is not None:
                self._captured.update(captured)
                return step
        return None

    def _window(self, step: Step) -> Window:
        """The step's own window; within an open command its limit; else the URC default window."""
        if step.window is not None:
            return step.window
        return Window(0.0, sum(self._open) + self._wire if self._open else URC_WINDOW)

    def _deadline(self, step: Step, since: float) -> float:
        return since + self._window(step).high

    def _close(self, line: Line) -> None:
        if self._open and FINAL.fullmatch(line.text):
            self._open.popleft()

    async def _check_instant(self, step: Step, line: Line, since: float) -> None:
        window, elapsed = self._window(step), max(line.instant - since, 0.0)
        if window.low - ROUNDING <= elapsed <= window.high + ROUNDING:
            return
        how = "early" if elapsed < window.low else "late"
        problem = f"{line.text!r} came too {how}: {elapsed:.3f} s {self._after()}, its window is {window}"
        raise await self._failed(step, problem, line, [step])

    async def _nothing(self, step: Step, left: list[Step]) -> _Failed:
        """The failure for a line that did not come in its window."""
        problem = f"expected {step.text!r} within {self._window(step)} {self._after()}, but nothing came"
        if self._inbox.unfinished():
            problem += f" except {self._inbox.unfinished()!r} without an end"
        return await self._failed(step, problem, None, left)

    async def _next_line(self, literal: str | None, deadline: Callable[[], float]) -> Line | None:
        """The next line of the module, or None when the instant `deadline` comes first.

        Bytes that arrive may move the deadline, since they take their time on the wire.
        """
        while True:
            line = self._inbox.take(literal)
            if line is not None:
                return line
            self._arrived.clear()
            left = deadline() + ROUNDING - self._loop.time()
            if left <= LOOP_TICK:
                return None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), left)

    # ------------------------------------------------------------------ failures and log

    def _check_rest(self) -> None:
        """What has arrived by the end of the transcript must have been expected."""
        line = self._inbox.take()
        if line is None:
            return
        step = self._transcript.steps[-1]
        entries = [self._entry("module", line.text, None, line.instant), *self._rest()]
        raise _Failed(Failure(step, f"{line.text!r} came behind the last step", came=tuple(entries)))

    async def _failed(
        self, step: Step, problem: str, line: Line | None = None, left: Iterable[Step] = ()
    ) -> _Failed:
        came = () if line is None else (self._entry("module", line.text, None, line.instant),)
        expected = tuple(f"{step.text:<32}  within {self._window(step)}" for step in left)
        return _Failed(Failure(step, problem, expected, came + await self._follow_up()))

    async def _follow_up(self) -> tuple[Entry, ...]:
        """What still comes within FOLLOW_UP."""
        await asyncio.sleep(FOLLOW_UP)
        return tuple(self._rest())

    def _rest(self) -> Iterator[Entry]:
        while (line := self._inbox.take()) is not None:
            yield self._entry("module", line.text, None, line.instant)

    def _after(self) -> str:
        return f"after line {self._previous.number}" if self._previous else "after the start"

    def _entry(self, direction: Direction, text: str, step: Step | None, instant: float) -> Entry:
        return Entry(instant - self._start, direction, text, None if step is None else step.number)

    def _record(self, direction: Direction, text: str, step: Step, instant: float | None = None) -> None:
        self.log.append(self._entry(direction, text, step, self._loop.time() if instant is None else instant))


def _groups(steps: Iterable[Step]) -> Iterator[list[Step]]:
    """Steps one by one, but neighbouring `<|` steps together."""
    group: list[Step] = []
    for step in steps:
        if group and step.kind is not Kind.MODULE_ANY:
            yield group
            group = []
        if step.kind is Kind.MODULE_ANY:
            group.append(step)
        else:
            yield [step]
    if group:
        yield group


def _either(steps: Iterable[Step]) -> str:
    return " or ".join(repr(step.text) for step in steps)
