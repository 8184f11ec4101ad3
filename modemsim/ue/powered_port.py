"""The AT port while the module has power: input, one command at a time, and when what may go out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from modemsim.at.command import Command, Form
from modemsim.at.data_mode import Collector, DataEnd, DataMode
from modemsim.at.dialect import setting, to_bytes, to_text
from modemsim.at.framing import Frame, Framer
from modemsim.at.interpreter import Interpreter
from modemsim.at.result import ABORTED, BUSY, Final
from modemsim.at.urc import LineState, NotBefore, UrcQueue, frame
from modemsim.ue.line_errors import LineErrors
from modemsim.ue.online import Backlog, Session, pass_through
from modemsim.ue.terminal_parts import (
    COMMAND_DELAY,
    Parts,
    input_time,
    settle,
    sleep_until,
)

_LF = b"\n"
_ROUNDING = 1e-6
"""Seconds by which the serial line's own timer for the last byte may be later than the sum of its bytes."""


class PoweredPort:
    """The terminal from power-on to power-off; the `Io` of its interpreter."""

    session: Session | None = None
    _around = ("", "")

    def __init__(self, parts: Parts, urcs_sent: Callable[[], None]) -> None:
        self._parts = parts
        self._urcs_sent = urcs_sent
        self._faults = parts.faults
        self._dialect = parts.dialect
        self._loop = asyncio.get_running_loop()
        self._pending = bytearray()
        self._backlog = Backlog()
        self._framer = Framer(parts.dialect, parts.settings)
        self._errors = LineErrors()
        self._urcs = UrcQueue(parts.dialect)
        self._interpreter = Interpreter(
            parts.catalogue, parts.errors, parts.dialect, parts.settings, parts.ue, self
        )
        self._idle_since = -parts.dialect.urc_gap
        self._typing_since: float | None = None
        self._running = False
        self._data_mode = False
        self._aborting = False
        self._closed = False
        self.heard = False
        self._input_came: asyncio.Future[bool] | None = None
        self._urc_timer: asyncio.TimerHandle | None = None
        self._task = self._loop.create_task(self._work(), name="at")

    def close(self) -> None:
        """End everything; a command that is still running sends nothing any more."""
        self._closed = True
        self._task.cancel()
        if self._urc_timer is not None:
            self._urc_timer.cancel()

    @property
    def busy(self) -> bool:
        """A command runs, bytes are passed through, or URCs wait."""
        return self._running or self._data_mode or self.session is not None or len(self._urcs) > 0

    @property
    def takes_data(self) -> bool:
        """Whether input is data and no command."""
        return self._data_mode

    # -- from the host --

    def receive(self, data: bytes) -> None:
        """Bytes from the host."""
        if self._closed or not data or self._faults.frozen:
            return
        if self._running and not self._data_mode:
            data = self._while_busy(data)
        elif self._data_mode and not self._running:
            data = self._fitting(data, self._backlog.limit(self._pending, self._loop.time()))
        elif self._input_came is not None and not self._running:
            self._typing_since = self._loop.time()
        self._pending += data
        self._errors.received(len(data))
        self._parts.uart.waiting = len(self._pending)
        if data and self._input_came is not None and not self._input_came.done():
            self._input_came.set_result(True)

    def line_error(self, error: str) -> None:
        """A character of the host was lost on the line."""
        if self._dialect.line_errors == "refuse" and not self._data_mode:
            self._errors.happened(error)

    def _while_busy(self, data: bytes) -> bytes:
        """What remains for later of the bytes that came while a command was running."""
        busy = self._dialect.busy
        if busy == "queue":
            return self._fitting(data, self._parts.receive_buffer)
        if busy == "drop":
            if data.strip(_LF):
                self.note("dropped", lost=len(data))
        elif busy == "refuse":
            self._refuse_lines(bytearray(data))
        elif data.strip(_LF) and not self._aborting:
            self._aborting = True
            self._task.cancel()
        return b""

    def _fitting(self, data: bytes, most: int) -> bytes:
        """As much of it as may wait; the rest is lost."""
        kept = data[: max(0, most - len(self._pending))]
        if len(kept) < len(data):
            self._lost(len(data) - len(kept))
        return kept

    def _overtaken(self) -> None:
        """Input that came in one piece with a line turns out to have come while its command was running."""
        if self._running and not self._data_mode:
            data = bytes(self._pending)
            self._pending.clear()
            self._pending += self._while_busy(data)

    def _refuse_lines(self, data: bytearray) -> None:
        while data:
            line = self._framer.take(data)
            self._send_echo()
            if line is not None:
                self.note("rx", line=line.text)
                self._put(self._interpreter.refusal(BUSY))
        self._typing_since = self._loop.time() if self._framer.typing else None

    async def _wait_input(self, deadline: float | None = None) -> bool:
        """Until bytes have come (True) or the deadline has passed (False)."""
        came: asyncio.Future[bool] = self._loop.create_future()
        self._input_came = came
        timer = None if deadline is None else self._loop.call_at(deadline, settle, came)
        try:
            return await came
        finally:
            self._input_came = None
            if timer is not None:
                timer.cancel()

    async def _work(self) -> None:
        """The one task: lines in their order, each with its result before the next."""
        while True:
            if self.session is not None:
                await self._online(self.session)
            elif not self._pending:
                await self._wait_input()
            line = self._errors.judged(self._framer.take(self._pending), len(self._pending))
            self._parts.uart.waiting = len(self._pending)
            self._send_echo()
            self._typing_since = self._loop.time() if self._framer.typing else None
            if line is not None:
                self._faults.heard_line()
                await self._carry_out(line)
                if self._pending and self.session is None:
                    await self._between_lines()
            if len(self._urcs):
                self._pump()

    def go_online(self, session: Session, opening: str, ending: str) -> None:
        """Pass bytes through from the next turn of the one task on."""
        self.session, self._around = session, (opening, ending)
        if not self._running:
            self._wake()

    async def _online(self, session: Session) -> None:
        """Transparent mode, from CONNECT to the escape or the end of the connection."""
        self.session, (opening, ending) = None, self._around
        if opening:
            if session.over:
                return
            await self.send(self._interpreter.result(opening))
        if self._pending.startswith(_LF):
            del self._pending[:1]
        self._framer.leave()
        self._data_mode = True
        try:
            escaped = await pass_through(
                session, self._pending, self._wait_input, self._online_out, self._wake, self._lost
            )
        finally:
            self._data_mode = False
        if last := Final.OK.text if escaped else ending:
            self._put(self._interpreter.result(last))

    def _online_out(self, data: bytes) -> float:
        """Bytes of the connection; returns the seconds the line needs for all it still owes."""
        self._out(data)
        return self._idle_since - self._loop.time()

    def _lost(self, count: int) -> None:
        self.note("overrun", lost=count)

    def _wake(self) -> None:
        if self._input_came is not None:
            settle(self._input_came)

    async def _between_lines(self) -> None:
        """URCs get their turn before a whole line that waits already; so does the rest of the loop."""
        if len(self._urcs) and setting(self._parts.settings, "S3") in self._pending:
            await self.let_urcs_out()
        await asyncio.sleep(0)

    async def _carry_out(self, line: Frame) -> None:
        self._running = self.heard = True
        self.note("rx", line=line.text)
        if self._pending and self._dialect.busy != "queue":
            self._loop.call_soon(self._overtaken)
        try:
            if line.fault is not None:
                await self.pause(None, Form.EXECUTE)
                await self._interpreter.refuse(line.fault)
                return
            if self._dialect.echo == "line" and setting(self._parts.settings, "E"):
                self._out(to_bytes(line.text), "echo")
            if (answer := self._faults.answer(line.text)) is None:
                await self._interpreter.run(line.text)
            elif answer.lines is not None:
                await self.pause(None, Form.EXECUTE)
                await self.send(b"".join(map(frame, answer.lines)))
        except asyncio.CancelledError:
            if not self._aborting or self._closed:
                raise
            self._task.uncancel()
            await self._interpreter.refuse(ABORTED)
        except Exception as error:
            self.note("internal", command=line.text, error=repr(error))
        finally:
            self._running = self._aborting = False

    # -- to the host: the Io of the interpreter --

    async def send(self, data: bytes) -> None:
        """A response; URCs that may stand before it come first."""
        if len(self._urcs):
            await self.let_urcs_out()
        while (start := self._urcs.response_not_before(now := self._loop.time())) > now:
            await sleep_until(start)
        self._put(data)

    async def pause(self, command: Command | None, form: Form) -> None:
        """The response delay, in the module's timing."""
        seconds = self._parts.timing.draw(COMMAND_DELAY if command is None else command.delay)
        if self._faults.slowest and command is not None:
            seconds = command.max_response
        if seconds > 0:
            await asyncio.sleep(seconds)

    async def collect(self, mode: DataMode, length: int | None) -> bytes | DataEnd:
        """Prompt, then take data until it is complete, cancelled or late."""
        waits = self._pending.startswith(_LF)  # came with the line, before anybody asked for data
        collector = Collector(mode, length, skip_lf=waits or self._framer.expects_lf())
        self._framer.leave()
        if mode.prompt != "":
            await self.send(b"\r\n" + to_bytes(mode.prompt or self._dialect.prompt))
        self._data_mode = True
        echoing = mode.echo and setting(self._parts.settings, "E")
        limit = input_time(mode, self._parts.timing)
        deadline = None if limit is None else self._loop.time() + limit
        unacknowledged = 0
        try:
            while True:
                taken = collector.feed(self._pending)
                if taken and echoing:
                    self._out(taken)
                if mode.acknowledge is not None:
                    pieces, unacknowledged = divmod(unacknowledged + len(taken), mode.acknowledge)
                    self._out(b"A" * pieces)
                if mode.patience is not None:
                    deadline = self._loop.time() + mode.patience
                if collector.result is not None:
                    return collector.result
                if not await self._wait_input(deadline):
                    return DataEnd.TIMED_OUT if mode.after is None else collector.cut()
        finally:
            self._data_mode = False

    async def drained(self) -> None:
        """Until the last byte sent has left the module."""
        while self._idle_since + _ROUNDING > self._loop.time():
            await sleep_until(self._idle_since + _ROUNDING)

    def note(self, event: str, **fields: Any) -> None:
        """Put something on record."""
        if not self._closed:
            self._parts.trace.emit("at", event, **fields)

    def _put(self, data: bytes) -> None:
        """A response or a part of one, on the line and on record."""
        self._out(data)
        for line in to_text(data).replace("\r", "\n").split("\n"):
            if line:
                self.note("tx", line=line)

    def _out(self, data: bytes, kind: str = "reply") -> None:
        if data and not self._closed:
            self._faults.send(kind, data)
            self._idle_since = max(self._faults.idle_at(), self._loop.time())

    def _send_echo(self) -> None:
        echo = self._framer.echo
        if echo:
            self._out(bytes(echo), "echo")
            echo.clear()

    # -- URCs --

    @property
    def urcs_waiting(self) -> int:
        """URCs that have not gone out yet."""
        return len(self._urcs)

    def urc(self, line: str, in_command: bool) -> None:
        """Queue a URC for now."""
        if self._dialect.quiet_urcs and setting(self._parts.settings, "Q"):
            return
        self._urcs.push(self._dialect.fit(line), self._loop.time(), in_command=in_command)
        self._pump()

    def _state(self) -> LineState:
        return LineState(
            self._loop.time(), self._idle_since, self._running, self._typing_since, self._data_mode
        )

    def _pump(self) -> None:
        """Send what may go out, and come back when the next one may."""
        if self._urc_timer is not None:
            self._urc_timer.cancel()
            self._urc_timer = None
        if self._closed:
            return
        start = self._send_urcs()
        if start is not None:
            self._urc_timer = self._loop.call_at(start, self._pump)

    def _send_urcs(self) -> float | None:
        """Send what may go out now; the instant of the next one, None if that waits for something else."""
        while (decision := self._urcs.decide(self._state())) is not None:
            if isinstance(decision, NotBefore):
                return decision.instant
            self._out(frame(decision.line), "urc")
            self._urcs.sent(self._idle_since)
            self.note("urc", line=decision.line)
            if not len(self._urcs):
                self._loop.call_soon(self._urcs_sent)
        return None

    async def let_urcs_out(self) -> None:
        """Let every URC go that only waits for idle line."""
        while not self._closed and (start := self._send_urcs()) is not None:
            await sleep_until(start)
