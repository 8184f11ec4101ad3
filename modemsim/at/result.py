"""Result codes and refusals: how the outcome of a command is said on the line.

A command refuses with a symbolic situation ("bad_value", "not_attached"); which number and wording that
becomes is data of the module (`ErrorTable`). Situations of the AT language itself are the constants below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

UNKNOWN_COMMAND = "unknown_command"
WRONG_FORM = "wrong_form"
MISSING_PARAMETER = "missing_parameter"
SURPLUS_PARAMETER = "surplus_parameter"
BAD_VALUE = "bad_value"
BAD_TYPE = "bad_type"
BAD_SYNTAX = "bad_syntax"
LINE_TOO_LONG = "line_too_long"
BUSY = "busy"
NO_PREFIX = "no_prefix"
ABORTED = "aborted"
PARITY_ERROR = "parity_error"
FRAMING_ERROR = "framing_error"
INTERNAL = "internal"

LANGUAGE_SITUATIONS: Mapping[str, str] = {
    UNKNOWN_COMMAND: "the module has no such command",
    WRONG_FORM: "the command exists, but not in this form (test, read, write, execute)",
    MISSING_PARAMETER: "a parameter that has no default was left out",
    SURPLUS_PARAMETER: "more parameters than the command has",
    BAD_VALUE: "a value out of range",
    BAD_TYPE: "letters for a number, quotes where none belong or none where they belong",
    BAD_SYNTAX: "quotes that do not close, text behind a closing quote or behind `?`",
    LINE_TOO_LONG: "more characters before the end of the line than the module holds",
    BUSY: "another command is still running",
    NO_PREFIX: "the line does not start with AT",
    ABORTED: "the host ended the command before its result",
    PARITY_ERROR: "a character of the line came with wrong parity (dialect line_errors = refuse)",
    FRAMING_ERROR: "a character of the line came without its stop bit (dialect line_errors = refuse)",
    INTERNAL: "the simulator failed in the command's handler",
}

ANY = "*"
"""Key of `ErrorGroup.numbers`: what every situation that is not listed means in this group."""

_BROADER: Mapping[str, str] = {BAD_TYPE: BAD_VALUE}
"""A situation that a table need not list, and the one it then counts as."""


class Final(IntEnum):
    """The final result codes of V.250 (5.7.1, table 1); the value is what ATV0 shows."""

    OK = 0
    CONNECT = 1
    RING = 2
    NO_CARRIER = 3
    ERROR = 4
    NO_DIALTONE = 6
    BUSY = 7
    NO_ANSWER = 8

    @property
    def text(self) -> str:
        """The words that ATV1 shows."""
        return self.name.replace("_", " ")


NUMERIC: Mapping[str, str] = {final.text: str(final.value) for final in Final}
"""What ATV0 shows instead of each text; results that are not in V.250 keep their text."""


class Refusal(Exception):
    """A command was refused for a symbolic situation; `number` overrides the module's table."""

    def __init__(self, situation: str, number: int | None = None) -> None:
        super().__init__(situation if number is None else f"{situation} ({number})")
        self.situation = situation
        self.number = number


@dataclass(frozen=True)
class ErrorGroup:
    """What one class of commands answers in a situation.

    `numbers`: situation -> number, None for a plain ERROR whatever AT+CMEE says, key "*" for every other
    situation. `prefix`: text before the number. `numeric_only`: a number even with CMEE=2. `then`: a final
    line of its own after the error line (SIM7020: "+CTM2M ERROR: 4", then "OK"). `always`: shown whatever
    CMEE says.
    """

    numbers: Mapping[str, int | None]
    prefix: str = "+CME ERROR: "
    numeric_only: bool = False
    then: str | None = None
    always: bool = False

    def find(self, situation: str) -> tuple[bool, int | None]:
        """Whether this group answers for the situation, and its number (None: plain ERROR)."""
        for key in (situation, _BROADER.get(situation, ANY), ANY):
            if key in self.numbers:
                return True, self.numbers[key]
        return False, None


GENERAL = "general"
_PLAIN = ErrorGroup({ANY: None})


class ErrorTable:
    """The error groups of one module and its numbers' wordings; what no group knows is a plain ERROR."""

    def __init__(self, groups: Mapping[str, ErrorGroup], texts: Mapping[int, str]) -> None:
        self.groups = dict(groups)
        self.texts = dict(texts)

    def _answer(self, group: str, situation: str) -> tuple[ErrorGroup, int | None]:
        for name in (group, GENERAL):
            chosen = self.groups.get(name)
            if chosen is not None:
                known, number = chosen.find(situation)
                if known:
                    return chosen, number
        return _PLAIN, None

    def knows(self, group: str, situation: str) -> bool:
        """Whether the group, or the general one, says something about the situation."""
        return self._answer(group, situation)[0] is not _PLAIN

    def number(self, group: str, situation: str) -> int | None:
        """The number of a situation in a group, from the general group if need be; None is a plain ERROR."""
        return self._answer(group, situation)[1]

    def lines(self, group: str, situation: str, cmee: int, number: int | None = None) -> list[str]:
        """The result lines of a refusal under AT+CMEE=`cmee` (0 plain, 1 number, 2 text)."""
        chosen, found = self._answer(group, situation)
        if number is not None:
            chosen, found = self.groups.get(group, self.groups.get(GENERAL, ErrorGroup({}))), number
        if found is None or (cmee == 0 and not chosen.always):
            return [Final.ERROR.text]
        said = str(found)
        if cmee == 2 and not chosen.numeric_only:
            said = self.texts.get(found, said)
        line = chosen.prefix + said
        return [line] if chosen.then is None else [line, chosen.then]
