"""Faults of the serial line and of single answers."""

from __future__ import annotations

import asyncio

from modemsim.at.result import FRAMING_ERROR, PARITY_ERROR
from modemsim.at.urc import frame
from modemsim.faults.table import (
    GAP,
    LINE,
    MATCH,
    OF,
    TIMES,
    End,
    FaultParameter,
    Target,
    declare,
    over,
    put_rule,
    read_byte,
    read_count,
    read_count_from_zero,
    read_lines,
    read_number,
    read_rate,
    read_text,
)
from modemsim.port.noise import Damage
from modemsim.timing import parse_duration
from modemsim.ue import line_faults
from modemsim.ue.line_faults import Answer, Rule

PLACE = FaultParameter(read_count_from_zero, "which character of the line, from 0", 2)


@declare("delay", of=OF, match=MATCH, seconds=GAP, times=TIMES)
def delay(target: Target, of: str, match: str, seconds: float, times: int | None) -> End:
    """What the module sends comes later."""
    return put_rule(target, Rule(line_faults.delayed(seconds), of, match, times))


@declare("split", of=OF, match=MATCH, at=FaultParameter(read_number, "bytes before the silence", 3), gap=GAP,
        times=TIMES)  # fmt: skip
def split(target: Target, of: str, match: str, at: int, gap: float, times: int | None) -> End:
    """Silence in the middle of a line."""
    return put_rule(target, Rule(line_faults.split(at, gap), of, match, times))


@declare("drip", of=OF, match=MATCH, gap=FaultParameter(parse_duration, "silence between two bytes", 0.02),
        times=TIMES)  # fmt: skip
def drip(target: Target, of: str, match: str, gap: float, times: int | None) -> End:
    """Each byte of what the module sends comes alone, with silence between."""
    return put_rule(target, Rule(line_faults.dripped(gap), of, match, times))


@declare("pause", behind=FaultParameter(read_text, "the text; \\r and \\n for CR and LF"), of=OF, gap=GAP,
        times=TIMES)  # fmt: skip
def pause(target: Target, behind: str, of: str, gap: float, times: int | None) -> End:
    """Silence behind a text, wherever it stands in what the module sends."""
    return put_rule(target, Rule(line_faults.paused(behind.encode(), gap), of, behind, times))


@declare("drop", of=OF, match=MATCH, times=TIMES)
def drop(target: Target, of: str, match: str, times: int | None) -> End:
    """What the module sends does not arrive."""
    return put_rule(target, Rule(line_faults.dropped(), of, match, times))


@declare("duplicate", of=OF, match=MATCH, gap=FaultParameter(parse_duration, "silence between", 0.02),
        times=TIMES)  # fmt: skip
def duplicate(target: Target, of: str, match: str, gap: float, times: int | None) -> End:
    """What the module sends comes twice."""
    return put_rule(target, Rule(line_faults.duplicated(gap), of, match, times))


@declare("corrupt", of=OF, match=MATCH, at=FaultParameter(read_number, "which; below 0: from the end", 2),
        byte=FaultParameter(read_byte, "what it becomes, two hex digits", 0xFF), times=TIMES)  # fmt: skip
def corrupt(target: Target, of: str, match: str, at: int, byte: int, times: int | None) -> End:
    """One byte of what the module sends is another one."""
    return put_rule(target, Rule(line_faults.corrupted(at, byte), of, match, times))


@declare("respell", old=FaultParameter(str, "text as this firmware spells it"),
        new=FaultParameter(str, "text as another one does"),
        times=FaultParameter(read_count, 'how often; "all": until it is ended', None))  # fmt: skip
def respell(target: Target, old: str, new: str, times: int | None) -> End:
    """The module spells a text as another firmware revision does."""
    return put_rule(target, Rule(line_faults.respelled(old, new), "any", old, times))


@declare("urc_before_reply", line=LINE, times=TIMES)
def urc_before_reply(target: Target, line: str, times: int | None) -> End:
    """An unsolicited line comes between the echo and the first line of the next reply."""
    return put_rule(target, Rule(line_faults.joined(before=frame(line)), "reply", "", times))


@declare("urc_behind_reply", line=LINE, times=TIMES)
def urc_behind_reply(target: Target, line: str, times: int | None) -> End:
    """An unsolicited line follows an OK without idle line between them."""
    return put_rule(target, Rule(line_faults.joined(after=frame(line)), "reply", "OK", times))


@declare("urc_storm", line=LINE, count=FaultParameter(read_count, "how many", 50))
def urc_storm(target: Target, line: str, count: int | None) -> End:
    """Many unsolicited lines come back to back, without idle line between them."""
    faults = target.ue.terminal.faults
    faults.send("urc", frame(line) * (count or 1))
    return over


@declare("urc", line=LINE)
def urc(target: Target, line: str) -> End:
    """One unsolicited line that the module has no reason for, or that no manual mentions."""
    target.ue.terminal.urc(line)
    return over


@declare("urcs_elsewhere")
def urcs_elsewhere(target: Target) -> End:
    """Unsolicited lines go to another interface: none comes on this one."""
    return put_rule(target, Rule(line_faults.dropped(), "urc", "", None))


@declare("urcs_wait_for_input")
def urcs_wait_for_input(target: Target) -> End:
    """Unsolicited lines are not sent before the host's next line, as while the module measures the rate."""
    return put_rule(target, Rule(line_faults.dropped(), "urc", "", None, until_input=True))


@declare("host_rate", rate=FaultParameter(read_rate, "rate of the host in baud"))
def host_rate(target: Target, rate: int) -> End:
    """The host runs at another rate than the module: garbage both ways."""
    uart = target.uart

    def end() -> None:
        uart.host_rate = None

    uart.host_rate = rate
    return end


def _damage(target: Target, error: str, at: int, times: int | None) -> End:
    noise, damage = target.uart.noise, Damage(error, at, times)
    noise.add(damage)
    return lambda: noise.remove(damage)


@declare("parity_error", at=PLACE, times=TIMES)
def parity_error(target: Target, at: int, times: int | None) -> End:
    """A character of the host's line has wrong parity: it is lost, and some modules refuse the line."""
    return _damage(target, PARITY_ERROR, at, times)


@declare("framing_error", at=PLACE, times=TIMES)
def framing_error(target: Target, at: int, times: int | None) -> End:
    """A character of the host's line has no stop bit: it is lost, and some modules refuse the line."""
    return _damage(target, FRAMING_ERROR, at, times)


@declare("rts_off", seconds=FaultParameter(parse_duration, "how long", 5.0))
def rts_off(target: Target, seconds: float) -> End:
    """The host takes RTS away for a while: a module told to obey it (AT+IFC) sends nothing meanwhile."""
    uart = target.uart
    timer = asyncio.get_running_loop().call_later(seconds, lambda: uart.set_rts(True, by="fault"))

    def end() -> None:
        timer.cancel()
        uart.set_rts(True, by="fault")

    uart.set_rts(False, by="fault")
    return end


@declare("answer", command=FaultParameter(str, "beginning of the command line"),
        lines=FaultParameter(read_lines, "lines instead, separated by |"), times=TIMES)  # fmt: skip
def answer(target: Target, command: str, lines: tuple[str, ...], times: int | None) -> End:
    """A command is not carried out but answered with these lines."""
    return put_rule(target, Answer(command, lines, times))


@declare("silence", command=FaultParameter(str, "beginning of the command line", "AT"), times=TIMES)
def silence(target: Target, command: str, times: int | None) -> End:
    """A command is neither carried out nor answered."""
    return put_rule(target, Answer(command, None, times))


@declare("no_prompt", times=TIMES)
def no_prompt(target: Target, times: int | None) -> End:
    """A data command sends no prompt but waits for the data all the same."""
    prompt = target.profile.dialect.prompt
    return put_rule(target, Rule(line_faults.dropped(), "reply", prompt, times))


@declare("slowest_replies")
def slowest_replies(target: Target) -> End:
    """Every reply takes the maximum response time of its command."""
    faults = target.ue.terminal.faults

    def end() -> None:
        faults.slowest = False

    faults.slowest = True
    return end
