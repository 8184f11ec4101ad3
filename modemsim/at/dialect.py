"""What modules do differently with the same AT language, as declared data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from modemsim.at.template import fit_spacing, line_name


class Settings(Protocol):
    """The settings the language itself asks for; a plain dict will do.

    Keys: "E" echo, "V" verbose, "Q" quiet, "S3" end of line, "S4" line feed, "S5" backspace, "+CMEE.n".
    None (no such setting in this module) means the default of V.250; "+CMEE.n" then counts as 0.
    """

    def get(self, key: str) -> Any:
        """The value of a setting, None when the module does not have it."""


DEFAULTS = {"E": 1, "V": 1, "Q": 0, "S3": 13, "S4": 10, "S5": 8, "+CMEE.n": 0}
"""V.250 6.2 defaults, used for settings a module does not have."""


def setting(settings: Settings, key: str) -> int:
    """One of the settings above as a number."""
    value = settings.get(key)
    return DEFAULTS[key] if value is None else int(value)


class Verbatim(str):
    """Text of somebody else (received data): no spacing is applied to it, and as a URC it has no frame."""


@dataclass(frozen=True)
class Dialect:
    """How one module speaks AT. The defaults are those of V.250 and 27.007; durations are in seconds.

    chain: one OK for a whole `;` chain, or one for each command in it (Neul family). space_after_colon,
    spacing_exceptions: "+CSQ: 8,0" or "+CSQ:8,0", and the names that do the opposite. separators: what stands
    between a name and its values where that is no colon ("+QLWEVTIND=3"). echo: bytes as they arrive, or the
    line when its processing starts (without its end). busy: input while a command runs waits, is dropped, is
    refused line by line, or ends the command (V.250 5.6.1). max_line: characters a line may have, AT
    included. junk: skip what stands before AT, and lines without any; refuse such lines; or error: AT must
    come first. repeat: whether A/ exists. line_errors: a line in which the UART lost a character by parity or
    framing is refused, or taken without that character. multi_line: one frame for all information lines of a
    command, or one for each. quoted_numbers, unquoted_text: what is tolerated in parameters. escapes: whether
    `\\22`, `\\"` and `\\\\` mean something inside quotes. quiet: ATQ1 silences all commands, or only basic
    ones. quiet_urcs: ATQ1 silences URCs too. prompt: what asks for data. urc_gap: idle line before a URC and
    between a URC and a response. typing_hold: how long a host that stopped in the middle of a line holds URCs
    back.
    """

    chain: Literal["one_ok", "ok_each"] = "one_ok"
    space_after_colon: bool = True
    spacing_exceptions: frozenset[str] = frozenset()
    separators: Mapping[str, str] = field(default_factory=dict)
    echo: Literal["byte", "line"] = "byte"
    busy: Literal["queue", "drop", "refuse", "abort"] = "queue"
    max_line: int = 4096
    junk: Literal["skip", "refuse", "error"] = "skip"
    repeat: bool = True
    line_errors: Literal["lost", "refuse"] = "lost"
    multi_line: Literal["block", "framed"] = "block"
    quoted_numbers: bool = True
    unquoted_text: bool = True
    escapes: bool = True
    quiet: Literal["all", "basic"] = "all"
    quiet_urcs: bool = False
    prompt: str = "> "
    urc_gap: float = 0.010
    typing_hold: float = 2.0

    def fit(self, line: str) -> str:
        """A reply or URC line, written with a space after the colon, in this module's spacing."""
        plain = self.space_after_colon and not self.spacing_exceptions and not self.separators
        if isinstance(line, Verbatim) or plain:
            return line
        name = line_name(line) if self.spacing_exceptions or self.separators else None
        if name is not None and name in self.separators:
            return name + self.separators[name] + line[len(name) + 1 :].lstrip()
        return fit_spacing(line, self.space_after_colon is not (name in self.spacing_exceptions))


def to_bytes(text: str) -> bytes:
    """Text for the serial line: bytes that came from it unchanged, anything else as UTF-8."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def to_text(data: bytes | bytearray) -> str:
    """Bytes from the serial line as text, one character a byte."""
    return data.decode("latin-1")
