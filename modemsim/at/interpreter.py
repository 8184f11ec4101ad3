"""One command line at a time: look up, check, wait, call, answer. Exactly one final result for every line.

Knows no clock and no port: an `Io` sends, waits out the response delay and collects data.
"""

from __future__ import annotations

import inspect
from typing import Any, Protocol

from modemsim.at.catalogue import Catalogue
from modemsim.at.command import Answer, Command, Form
from modemsim.at.data_mode import DataEnd, DataMode
from modemsim.at.dialect import Dialect, Settings, setting, to_bytes
from modemsim.at.result import (
    GENERAL,
    INTERNAL,
    NUMERIC,
    UNKNOWN_COMMAND,
    WRONG_FORM,
    ErrorTable,
    Final,
    Refusal,
)
from modemsim.at.syntax import Request, parse

__all__ = ["Dialect", "Interpreter", "Io", "Settings"]

_OK = Final.OK.text


class Io(Protocol):
    """What the interpreter needs of the module's terminal."""

    async def send(self, data: bytes) -> None:
        """Send a response; whatever has to come before it (URCs, idle line) comes first."""

    async def pause(self, command: Command | None, form: Form) -> None:
        """The response delay of a command; None is an unknown one."""

    async def collect(self, mode: DataMode, length: int | None) -> bytes | DataEnd:
        """Prompt for data and take it."""

    async def drained(self) -> None:
        """Until the last byte sent has left the module."""

    def note(self, event: str, **fields: Any) -> None:
        """Put something on record."""


class _Outcome:
    """What one request came to: information lines, final lines, and whether the line goes on."""

    __slots__ = ("after", "basic", "final", "going_on", "lines", "multi_line")

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.final: list[str] = [_OK]
        self.going_on = True
        self.after: Any = None
        self.basic = True
        self.multi_line = ""


class Interpreter:
    """Carries out the command lines of one module."""

    def __init__(
        self,
        catalogue: Catalogue,
        errors: ErrorTable,
        dialect: Dialect,
        settings: Settings,
        ue: Any,
        io: Io,
    ) -> None:
        self.catalogue = catalogue
        self.errors = errors
        self.dialect = dialect
        self.settings = settings
        self.ue = ue
        self.io = io

    async def run(self, line: str) -> None:
        """Carry out one line and send all its responses."""
        outcome = _Outcome()
        for request in parse(line, self.dialect):
            outcome = await self._perform(request)
            stop = request.last or not outcome.going_on
            if not stop and self.dialect.chain == "one_ok":
                outcome.final = [line for line in outcome.final if line != _OK]
            await self._respond(outcome)
            if stop and not request.last:
                self.io.note("rest_dropped", behind=request.raw)
            if stop:
                return
        await self.io.pause(None, Form.EXECUTE)
        await self._respond(_Outcome())

    def result(self, text: str) -> bytes:
        """The bytes of a result that ends no command line, such as that of leaving a connection."""
        outcome = _Outcome()
        outcome.final = [text]
        return self._format(outcome)

    async def refuse(self, situation: str) -> None:
        """Answer for a line that is not carried out (over-long, busy, aborted)."""
        await self.io.send(self.refusal(situation))

    def refusal(self, situation: str) -> bytes:
        """The bytes that refuse a whole line."""
        outcome = _Outcome()
        self._refused(outcome, None, Refusal(situation))
        return self._format(outcome)

    async def _perform(self, request: Request) -> _Outcome:
        """Carry out one request; every failure but a cancellation becomes its refusal."""
        outcome = _Outcome()
        command = self.catalogue.find(request.name)
        await self.io.pause(command, request.form)
        try:
            if command is None:
                raise Refusal(request.fault or UNKNOWN_COMMAND)
            outcome.basic = command.is_basic()
            outcome.multi_line = command.multi_line or ""
            await self._answer(command, request, outcome)
        except Refusal as refusal:
            self._refused(outcome, command, refusal)
            if command is not None:
                command.refused(self.ue, refusal.situation)
            event = "unknown" if command is None else "refused"
            self.io.note(event, command=request.raw, situation=refusal.situation)
        except Exception as error:
            self._refused(outcome, command, Refusal(INTERNAL))
            self.io.note("internal", command=request.raw, error=repr(error), where=_where(error))
        return outcome

    async def _answer(self, command: Command, request: Request, outcome: _Outcome) -> None:
        """The successful course of a request; raises the Refusal of the first check that fails."""
        form = request.form
        if form not in command.forms or request.fault is not None:
            raise Refusal(request.fault or WRONG_FORM)
        if form is Form.TEST:
            outcome.lines = await self._tested(command)
            return
        values = self._checked(command, request)
        fixed = command.fixed.get(form)
        if fixed is not None:
            outcome.lines = list(fixed)
            return
        if command.data_mode is not None and form is not Form.READ and not await self._data(command, values):
            return
        result = await _awaited(getattr(command, form)(self.ue, **values))
        if isinstance(result, Answer):
            outcome.lines = command.lines(form, result.reply)
            outcome.final = [] if result.final is None else [result.final, *result.then]
            outcome.going_on = result.final == _OK
            outcome.after = result.after
        else:
            outcome.lines = command.lines(form, result)

    async def _tested(self, command: Command) -> list[str]:
        """The reply to `=?`: the profile's literal, the command's own handler, or what the parameters say."""
        if command.test is None or command.entry.test is not None:
            return list(command.test_text)
        command.check(Form.TEST, self.ue)
        return command.lines(Form.TEST, await _awaited(command.test(self.ue)))

    def _checked(self, command: Command, request: Request) -> dict[str, Any]:
        """The handler's values, once parameters and needs are in order."""
        form = request.form
        if command.needs_first or form is Form.READ:
            command.check(form, self.ue)
        values: dict[str, Any] = {}
        if form is Form.WRITE or (form is Form.EXECUTE and command.is_basic()):
            if command.params or getattr(command, form) is not None:
                values = command.bind(request.tokens, self.dialect)
        elif request.tokens:
            raise Refusal(WRONG_FORM)
        if not command.needs_first and form is not Form.READ:
            command.check(form, self.ue)
        return values

    async def _data(self, command: Command, values: dict[str, Any]) -> bool:
        """Take the data that follows the line, if these values ask for it; False when the host cancelled."""
        mode = command.data_input(self.ue, values)
        if mode is None:
            values.setdefault("data", None)
            return True
        length = None if mode.length is None else values.get(mode.length)
        data = await self.io.collect(mode, None if length is None else length * mode.width)
        if isinstance(data, DataEnd):
            situation = mode.cancelled if data is DataEnd.CANCELLED else mode.timed_out
            if situation:
                raise Refusal(situation)
            command.cancelled(self.ue)
            return False
        values["data"] = data
        return True

    def _refused(self, outcome: _Outcome, command: Command | None, refusal: Refusal) -> None:
        group = GENERAL if command is None else command.group
        cmee = setting(self.settings, "+CMEE.n")
        outcome.lines = []
        outcome.final = self.errors.lines(group, refusal.situation, cmee, refusal.number)
        outcome.going_on = False

    async def _respond(self, outcome: _Outcome) -> None:
        data = self._format(outcome)
        if data:
            await self.io.send(data)
        if outcome.after is not None:
            await self.io.drained()
            await _awaited(outcome.after())

    def _format(self, outcome: _Outcome) -> bytes:
        """The lines of an outcome as ATV and ATQ ask for (V.250 6.2.5, 6.2.6)."""
        settings = self.settings
        end = chr(setting(settings, "S3")) + chr(setting(settings, "S4"))
        verbose = setting(settings, "V") != 0
        lines = [self.dialect.fit(line) for line in outcome.lines]
        text = ""
        if lines and not verbose:
            text = "".join(line + end for line in lines)
        elif lines:
            framed = (outcome.multi_line or self.dialect.multi_line) == "framed"
            text = end + (end + end if framed else end).join(lines) + end
        if setting(settings, "Q") and (outcome.basic or self.dialect.quiet == "all"):
            return to_bytes(text)
        for line in outcome.final:
            text += end + line + end if verbose else NUMERIC.get(line, line) + end[0]
        return to_bytes(text)


async def _awaited(result: Any) -> Any:
    """The result of a handler, which may be plain or async."""
    return await result if inspect.isawaitable(result) else result


def _where(error: BaseException) -> str:
    """File, line and function in which an exception was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "?"
    code = trace.tb_frame.f_code
    return f"{code.co_filename}:{trace.tb_lineno} {code.co_qualname}"
