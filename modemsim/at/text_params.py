"""Parameters that are strings: text, hexadecimal data, bit patterns, addresses, anything at all."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Any

from modemsim.at.param import Param, Token
from modemsim.at.result import Refusal

_HEX = re.compile(r"[0-9A-Fa-f]*")
_HOST = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*\.?"
)


def quote(text: str) -> str:
    """A V.250 string constant (5.4.2.2): quotes around it; quote and backslash inside as \\22 and \\5C."""
    return '"' + text.replace("\\", "\\5C").replace('"', "\\22") + '"'


class Text(Param):
    """A string of at most `max_length` characters (and at least `min_length`), shown quoted unless
    `quoted=False`.

    `long`: situation of a string that is too long, where it differs from `bad`.
    """

    textual = True
    settable = {**Param.settable, "quoted": "quoted", "max": "max_length", "min": "min_length"}

    def __init__(
        self,
        max_length: int = 255,
        *,
        min_length: int = 0,
        quoted: bool = True,
        long: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.max_length = max_length
        self.min_length = min_length
        self.quoted = quoted
        self.long = self.bad if long is None else long

    def parse(self, token: Token) -> Any:
        """The string."""
        if len(token.text) > self.max_length:
            raise Refusal(self.long)
        if len(token.text) < self.min_length:
            raise Refusal(self.bad)
        return token.text

    def render(self, value: Any) -> str:
        """A string constant, or the bare text."""
        if value is None:
            return ""
        return quote(str(value)) if self.quoted else str(value)

    def situations(self) -> set[str]:
        """The situations in which parsing can refuse."""
        return {self.bad, self.long}

    def _check_narrowed(self, declared: Text) -> None:
        if self.max_length > declared.max_length:
            raise ValueError(f"parameter {self.name}: max {self.max_length} is over {declared.max_length}")


class Raw(Text):
    """Text exactly as it stands, quoted or not, shown bare."""

    textual = False

    def __init__(self, max_length: int = 4096, **common: Any) -> None:
        super().__init__(max_length, quoted=False, **common)


class Hex(Param):
    """Data as hexadecimal digits in either case, quotes tolerated; bytes in the handler, upper case in
    replies.

    Checked in this order: `empty` (fewer than `min_bytes`), `long` (more than `max_bytes`), `odd` (half a
    byte), `bad` (not a digit); `odd_first=True` asks for the odd digit before the lengths.
    """

    settable = {
        **Param.settable,
        "quoted": "quoted",
        "max": "max_bytes",
        "min": "min_bytes",
        "odd_first": "odd_first",
    }

    def __init__(
        self,
        max_bytes: int = 1024,
        *,
        min_bytes: int = 0,
        quoted: bool = False,
        odd: str | None = None,
        long: str | None = None,
        empty: str | None = None,
        odd_first: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.max_bytes = max_bytes
        self.min_bytes = min_bytes
        self.quoted = quoted
        self.odd = self.bad if odd is None else odd
        self.long = self.bad if long is None else long
        self.empty = self.bad if empty is None else empty
        self.odd_first = odd_first

    def parse(self, token: Token) -> Any:
        """The bytes."""
        digits = token.text
        if self.odd_first and len(digits) % 2:
            raise Refusal(self.odd)
        if len(digits) < 2 * self.min_bytes:
            raise Refusal(self.empty)
        if len(digits) > 2 * self.max_bytes:
            raise Refusal(self.long)
        if len(digits) % 2:
            raise Refusal(self.odd)
        if _HEX.fullmatch(digits) is None:
            raise Refusal(self.bad)
        return bytes.fromhex(digits)

    def render(self, value: Any) -> str:
        """Upper-case digits, in quotes with `quoted=True`."""
        if value is None:
            return ""
        digits = bytes(value).hex().upper()
        return f'"{digits}"' if self.quoted else digits

    def situations(self) -> set[str]:
        """The situations in which parsing can refuse."""
        return {self.bad, self.odd, self.long, self.empty}

    def _check_narrowed(self, declared: Hex) -> None:
        if self.max_bytes > declared.max_bytes:
            raise ValueError(f"parameter {self.name}: max {self.max_bytes} is over {declared.max_bytes}")


class Bits(Param):
    """A pattern of exactly `width` binary digits (27.007 timers), with or without quotes."""

    settable = {**Param.settable, "quoted": "quoted"}

    def __init__(self, width: int, *, quoted: bool = True, **common: Any) -> None:
        super().__init__(**common)
        self.width = width
        self.quoted = quoted
        self.values: tuple[str, ...] | None = None

    def parse(self, token: Token) -> Any:
        """The digits, as text."""
        text = token.text
        if (
            len(text) != self.width
            or text.strip("01")
            or (self.values is not None and text not in self.values)
        ):
            raise Refusal(self.bad)
        return text

    def render(self, value: Any) -> str:
        """The digits."""
        if value is None:
            return ""
        return f'"{value}"' if self.quoted else str(value)

    def _range(self) -> str:
        if self.values is not None:
            return "({})".format(",".join(self.render(value) for value in self.values))
        return f"({self.render('0' * self.width)}-{self.render('1' * self.width)})"

    def _narrow_range(self, spec: str | Sequence[Any]) -> None:
        values = (
            [value.strip() for value in spec.split(",")] if isinstance(spec, str) else [str(v) for v in spec]
        )
        wrong = [value for value in values if len(value) != self.width or value.strip("01")]
        if wrong:
            raise ValueError(f"parameter {self.name}: {wrong} are not patterns of {self.width} bits")
        self.values = tuple(values)


class Address(Text):
    """An IPv4 or IPv6 literal or a host name; `names=False` takes literals only.

    Four numbers with dots are an IPv4 address or nothing, never a host name.
    """

    settable = {**Text.settable, "names": "names"}

    def __init__(self, max_length: int = 150, *, names: bool = True, **common: Any) -> None:
        super().__init__(max_length, min_length=1, **common)
        self.names = names

    def parse(self, token: Token) -> Any:
        """The address, as text."""
        text = super().parse(token)
        try:
            ipaddress.ip_address(text)
        except ValueError:
            last = text.rstrip(".").rpartition(".")[2]
            if not self.names or _HOST.fullmatch(text) is None or last.isdigit():
                raise Refusal(self.bad) from None
        return text


class Ignored(Param):
    """A field that exists on paper only: whatever stands there is not looked at, and it is shown empty."""

    passed = False

    def __init__(self, **common: Any) -> None:
        super().__init__(**{"optional": True, **common})

    def parse(self, token: Token) -> Any:
        """Nothing."""
        return None

    def render(self, value: Any) -> str:
        """An empty field."""
        return ""


class Either(Param):
    """A number or a string in the same place, told apart by the quotes: `Either(Int(0, 1460), Raw(2920))`."""

    def __init__(self, bare: Param, quoted: Param, **common: Any) -> None:
        super().__init__(**common)
        self.bare = bare
        self.quoted = quoted

    def parse(self, token: Token) -> Any:
        """The value of the one that the quotes mean."""
        return (self.quoted if token.quoted else self.bare).parse(token)

    def render(self, value: Any) -> str:
        """As the one it belongs to shows it."""
        return (self.quoted if isinstance(value, str) else self.bare).render(value)

    def situations(self) -> set[str]:
        """The situations in which parsing can refuse."""
        return self.bare.situations() | self.quoted.situations()

    def _range(self) -> str:
        return self.bare.supported()
