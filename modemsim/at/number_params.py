"""Parameters that are numbers or one of a few declared values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from modemsim.at.param import Param, Token
from modemsim.at.result import BAD_TYPE, BAD_VALUE, Refusal

_NUMBER = re.compile(r"[+-]?[0-9]{1,20}")
_RANGE = re.compile(r"\s*(-?\d+)\s*(?:-\s*(-?\d+)\s*)?")


def _ranges(spec: str | Sequence[Any]) -> tuple[tuple[int, int], ...]:
    """(low, high) pairs from "0-5", "0,1,4-7" or [0, 1, "4-7"]; ValueError for anything else."""
    pieces = spec.split(",") if isinstance(spec, str) else [str(piece) for piece in spec]
    ranges = []
    for piece in pieces:
        match = _RANGE.fullmatch(piece)
        if match is None:
            raise ValueError(f'{spec!r} is not a range; write "0-5", "0,1,4" or [0, 1, 4]')
        ranges.append((int(match[1]), int(match[2] or match[1])))
    return tuple(ranges)


class Int(Param):
    """A decimal number: `Int(0, 5)`, `Int(values=(0, 1, 4))` or `Int("0,10-20")`.

    `low`, `high`: situations for a number under or over every range, where they differ from `bad`.
    """

    numeric = True

    def __init__(
        self,
        lo: int | str = 0,
        hi: int | None = None,
        *,
        values: Sequence[int] | None = None,
        low: str | None = None,
        high: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        if values is not None:
            self.ranges = _ranges(values)
        elif isinstance(lo, str):
            self.ranges = _ranges(lo)
        else:
            self.ranges = ((lo, lo if hi is None else hi),)
        self.low = self.bad if low is None else low
        self.high = self.bad if high is None else high

    def parse(self, token: Token) -> Any:
        """The number; letters are "bad_type" unless another `bad` was declared."""
        if _NUMBER.fullmatch(token.text) is None:
            raise Refusal(BAD_TYPE if self.bad == BAD_VALUE else self.bad)
        value = int(token.text)
        if self._allows(value):
            return value
        if value > max(high for _, high in self.ranges):
            raise Refusal(self.high)
        raise Refusal(self.low if value < min(low for low, _ in self.ranges) else self.bad)

    def render(self, value: Any) -> str:
        """Decimal digits."""
        return "" if value is None else str(int(value))

    def situations(self) -> set[str]:
        """The situations in which parsing can refuse."""
        return {self.bad, self.low, self.high} | ({BAD_TYPE} if self.bad == BAD_VALUE else set())

    def _allows(self, value: int) -> bool:
        return any(low <= value <= high for low, high in self.ranges)

    def _range(self) -> str:
        return "({})".format(",".join(str(lo) if lo == hi else f"{lo}-{hi}" for lo, hi in self.ranges))

    def _narrow_range(self, spec: str | Sequence[Any]) -> None:
        wanted = _ranges(spec)
        for low, high in wanted:
            if not any(lo <= low <= high <= hi for lo, hi in self.ranges) and not all(
                self._allows(value) for value in range(low, high + 1)
            ):
                raise ValueError(f"parameter {self.name}: {spec!r} is not within {self._range()}")
        self.ranges = wanted


class Flag(Int):
    """0 or 1, given to the handler as a bool."""

    def __init__(self, **common: Any) -> None:
        super().__init__(values=(0, 1), **common)

    def parse(self, token: Token) -> Any:
        """False or True."""
        return bool(super().parse(token))


class Choice(Param):
    """One of some numbers or words: `Choice(0, 1, 100)`, `Choice("IP", "IPV6")`; words in any case."""

    settable = {**Param.settable, "quoted": "quoted"}

    def __init__(self, *values: int | str, quoted: bool = True, **common: Any) -> None:
        super().__init__(**common)
        self.values = values
        self.quoted = quoted
        self.words = any(isinstance(value, str) for value in values)
        self.numeric = not self.words
        self.textual = all(isinstance(value, str) for value in values)

    def parse(self, token: Token) -> Any:
        """The declared value that the token spells."""
        text = token.text.upper()
        for value in self.values:
            if isinstance(value, str):
                if value.upper() == text:
                    return value
            elif not (token.quoted and self.words) and _NUMBER.fullmatch(text) and int(text) == value:
                return value
        if not self.words and _NUMBER.fullmatch(text) is None and self.bad == BAD_VALUE:
            raise Refusal(BAD_TYPE)
        raise Refusal(self.bad)

    def render(self, value: Any) -> str:
        """A number bare, a word in quotes (unless `quoted=False`)."""
        if value is None:
            return ""
        return f'"{value}"' if isinstance(value, str) and self.quoted else str(value)

    def situations(self) -> set[str]:
        """The situations in which parsing can refuse."""
        return {self.bad} | ({BAD_TYPE} if not self.words and self.bad == BAD_VALUE else set())

    def _range(self) -> str:
        return "({})".format(",".join(self.render(value) for value in self.values))

    def _narrow_range(self, spec: str | Sequence[Any]) -> None:
        if isinstance(spec, str):
            pieces: list[Any] = []
            for piece in (part.strip() for part in spec.split(",")):
                match = None if self.words else _RANGE.fullmatch(piece)
                pieces += [piece] if match is None else range(int(match[1]), int(match[2] or match[1]) + 1)
        else:
            pieces = list(spec)
        by_text = {str(value).upper(): value for value in self.values}
        unknown = [piece for piece in pieces if str(piece).upper() not in by_text]
        if unknown:
            raise ValueError(f"parameter {self.name}: {unknown} is not among {self._range()}")
        self.values = tuple(by_text[str(piece).upper()] for piece in pieces)
