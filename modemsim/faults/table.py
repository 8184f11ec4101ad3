"""Faults by name: misbehaviour that somebody asks for, declared once for every way in.

The control API, `modemsim ctl fault`, transcripts (`* fault ...`) and scenarios all take names and parameters
from FAULTS.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from modemsim.timing import parse_duration
from modemsim.ue.line_faults import Answer, Rule

if TYPE_CHECKING:
    from modemsim.platforms.base import Platform
    from modemsim.platforms.connected import ConnectedPlatform
    from modemsim.port.uart import Uart
    from modemsim.profile import Profile
    from modemsim.radio.network import Network
    from modemsim.trace import Trace
    from modemsim.ue.module import Ue


class Target(Protocol):
    """The running module that faults act on, with its line and the world around it."""

    @property
    def profile(self) -> Profile:
        """The module type."""

    @property
    def ue(self) -> Ue:
        """The module."""

    @property
    def uart(self) -> Uart:
        """Its serial line."""

    @property
    def network(self) -> Network:
        """The access network."""

    @property
    def platforms(self) -> Mapping[str, Platform]:
        """The LwM2M platforms in the box."""

    @property
    def connected(self) -> Mapping[str, ConnectedPlatform]:
        """The platforms over a stream connection."""

    @property
    def trace(self) -> Trace:
        """The record of everything."""

    @property
    def endpoint(self) -> str:
        """The module's endpoint name."""


End = Callable[[], None]
"""Ends a fault that goes on; calling it twice does no harm."""


class FaultError(ValueError):
    """A fault cannot be had as asked; the message is one sentence."""


@dataclass(frozen=True)
class FaultParameter:
    """One parameter: how it is read from text, its default (...: must be given), what it means."""

    read: Callable[[str], Any]
    doc: str
    default: Any = ...


@dataclass(frozen=True)
class FaultKind:
    """One fault of the table: `begin(target, **parameters)` starts it and returns what ends it."""

    name: str
    parameters: Mapping[str, FaultParameter]
    begin: Callable[..., End]

    @property
    def doc(self) -> str:
        """What it does, in one sentence."""
        return (self.begin.__doc__ or "").strip()

    @property
    def usage(self) -> str:
        """The fault as `ctl fault` and transcripts write it."""
        shown = (
            f"{name}=" if parameter.default is ... else f"[{name}=]"
            for name, parameter in self.parameters.items()
        )
        return " ".join([self.name, *shown])

    def values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Checked parameters; raises FaultError."""
        for name in given:
            if name not in self.parameters:
                known = ", ".join(self.parameters) or "none"
                raise FaultError(f"the fault {self.name} has no parameter {name!r}; it has {known}")
        values = {}
        for name, parameter in self.parameters.items():
            if name in given:
                values[name] = self._read(name, parameter, str(given[name]))
            elif parameter.default is ...:
                raise FaultError(f"the fault {self.name} needs {name}: {parameter.doc}")
            else:
                values[name] = parameter.default
        return values

    def _read(self, name: str, parameter: FaultParameter, text: str) -> Any:
        try:
            return parameter.read(text)
        except ValueError as error:
            raise FaultError(f"{self.name}: {name}={text}: {error}") from None


@dataclass
class Fault:
    """A fault that was begun."""

    id: int
    name: str
    parameters: dict[str, Any]
    end: End = field(repr=False)


class Faults:
    """The faults of one run."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._begun: dict[int, Fault] = {}
        self._count = 0

    def begin(self, name: str, parameters: Mapping[str, Any]) -> Fault:
        """Start a fault; raises FaultError for an unknown one or a parameter that does not fit."""
        kind = FAULTS.get(name)
        if kind is None:
            near = difflib.get_close_matches(name, FAULTS, 1)
            meant = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(FAULTS)}"
            raise FaultError(f"there is no fault {name!r}{meant}")
        values = kind.values(parameters)
        self._count += 1
        self._target.trace.emit("fault", "begin", name=name, **_shown(values))
        fault = Fault(self._count, name, values, kind.begin(self._target, **values))
        self._begun[fault.id] = fault
        return fault

    def end(self, number: int) -> None:
        """End one; raises KeyError for an unknown number."""
        fault = self._begun.pop(number)
        fault.end()
        self._target.trace.emit("fault", "end", name=fault.name)

    def clear(self) -> None:
        """End all."""
        for number in tuple(self._begun):
            self.end(number)

    def __iter__(self) -> Any:
        return iter(tuple(self._begun.values()))


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"p_{key}" if key in ("name", "layer", "event") else key: value for key, value in values.items()}


FAULTS: dict[str, FaultKind] = {}
"""Every fault there is, in the order of the manual; filled by the modules of this package."""


def declare(name: str, **parameters: FaultParameter) -> Callable[[Callable[..., End]], Callable[..., End]]:
    """Declare a function as a fault."""

    def keep(begin: Callable[..., End]) -> Callable[..., End]:
        FAULTS[name] = FaultKind(name, parameters, begin)
        return begin

    return keep


# ---------------------------------------------------------------- parameters


def read_kind(text: str) -> str:
    """What of the module's output a fault is about."""
    if text not in ("reply", "urc", "echo", "any"):
        raise ValueError("choose reply, urc, echo or any")
    return text


def read_count(text: str) -> int | None:
    """A number of times; "all": until the fault is ended."""
    if text == "all":
        return None
    if not text.isdecimal() or text == "0":
        raise ValueError('write a number from 1 or "all"')
    return int(text)


def read_number(text: str) -> int:
    """A whole number."""
    if not text.lstrip("-").isdecimal():
        raise ValueError("write a whole number")
    return int(text)


def read_rate(text: str) -> int:
    """A rate in baud."""
    if not text.isdecimal() or int(text) == 0:
        raise ValueError("write a whole number of baud from 1")
    return int(text)


def read_count_from_zero(text: str) -> int:
    """A whole number that is not negative."""
    if not text.isdecimal():
        raise ValueError("write a whole number from 0")
    return int(text)


def read_text(text: str) -> str:
    r"""Text with \r and \n for CR and LF."""
    if not text:
        raise ValueError("write at least one character")
    return text.replace("\\r", "\r").replace("\\n", "\n")


def read_byte(text: str) -> int:
    """One byte as hex."""
    value = int(text, 16)
    if not 0 <= value <= 255:
        raise ValueError("write one byte as two hex digits")
    return value


def read_lines(text: str) -> tuple[str, ...]:
    """Lines separated by |."""
    return tuple(text.split("|"))


OF = FaultParameter(read_kind, "reply, urc, echo or any", "any")
MATCH = FaultParameter(str, "only what contains this text", "")
TIMES = FaultParameter(read_count, 'how often; "all": until it is ended', 1)
GAP = FaultParameter(parse_duration, "silence, for example 500ms", 0.5)
LINE = FaultParameter(str, "the line, without CR LF")


def put_rule(target: Target, rule: Rule | Answer) -> End:
    """Begin a rule of the serial line; returns what ends it."""
    faults = target.ue.terminal.faults
    faults.add(rule)
    return lambda: faults.remove(rule)


def over() -> None:
    """The end of a fault that is over as soon as it has begun."""
