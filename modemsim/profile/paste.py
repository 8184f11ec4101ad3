"""What the start of a run proposes to somebody who has not talked to this module before."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import field_validator

from modemsim.profile.base import Table

_FIELD = re.compile(r"\{(\w+)\}")


class Paste(Table):
    """Lines to paste into a terminal, and what they need to succeed; {imei} in a line is the module's."""

    lines: tuple[str, ...] = ("AT", "ATI", "AT+CEREG?")
    hint: str = "+CEREG: 0,1 means that the module is attached."

    @field_validator("lines")
    @classmethod
    def _known_fields(cls, lines: tuple[str, ...]) -> tuple[str, ...]:
        for name in _FIELD.findall("".join(lines)):
            if name != "imei":
                raise ValueError(f"{{{name}}} is not filled in; {{imei}} is")
        return lines

    def filled(self, imei: str) -> Iterator[str]:
        """The lines for the module with this IMEI."""
        return (line.replace("{imei}", imei) for line in self.lines)
