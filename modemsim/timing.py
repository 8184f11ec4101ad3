"""Named delays: a profile's table turned into seconds, each name from its own seeded stream.

A delay that is added never shifts another one: the n-th value of a name depends on seed, name and n alone.
Protocol timers (CoAP ACK_TIMEOUT, T3324 ...) are values of their standards and do not belong here.
"""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Protocol

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h)\s*")


def parse_duration(text: str) -> float:
    """Seconds from "35ms", "1.2s", "2min", "1h"; raises ValueError with the accepted units."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write a number and one of {', '.join(_UNITS)}")
    return float(match[1]) * _UNITS[match[2]]


@dataclass(frozen=True)
class Delay:
    """A distribution of seconds: exact, triangular (min, most likely, max) or drawn from a recording."""

    low: float = 0.0
    mode: float = 0.0
    high: float = 0.0
    samples: tuple[float, ...] = field(default=(), repr=False)

    @classmethod
    def exact(cls, seconds: float) -> Delay:
        return cls(seconds, seconds, seconds)

    @classmethod
    def parse(cls, value: object) -> Delay:
        """From profile data: "1s", ["1s", "2s", "9s"] or {samples = "file.csv"} (one column of seconds).

        Raises ValueError with one sentence, for a file that cannot be read too.
        """
        if isinstance(value, str):
            return cls.exact(parse_duration(value))
        if isinstance(value, list | tuple) and len(value) == 3:
            low, mode, high = (parse_duration(str(v)) for v in value)
            if not low <= mode <= high:
                raise ValueError(f"{list(value)} is not in the order min, most likely, max")
            return cls(low, mode, high)
        if isinstance(value, Mapping) and set(value) == {"samples"}:
            drawn = _samples(Path(str(value["samples"])))
            return cls(min(drawn), sorted(drawn)[len(drawn) // 2], max(drawn), drawn)
        raise ValueError('write "1s", ["min", "most likely", "max"] or { samples = "file.csv" }')

    def draw(self, stream: random.Random) -> float:
        """One value, in seconds."""
        if self.samples:
            return stream.choice(self.samples)
        if self.low == self.high:
            return self.low
        return stream.triangular(self.low, self.high, self.mode)


def _samples(path: Path) -> tuple[float, ...]:
    """The recorded seconds that a file holds; raises ValueError."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            drawn = tuple(float(row[0]) for row in csv.reader(file) if row)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path} is no column of seconds: {error}") from None
    if not drawn:
        raise ValueError(f"{path} holds no samples")
    if not all(0 <= seconds < inf for seconds in drawn):
        raise ValueError(f"{path} holds what is no duration")
    return drawn


_DICE = random.Random()
"""Seeded anew for each draw: a generator for each name of each module would take 2.5 KiB apiece."""


class Draws(Protocol):
    """Random numbers, as `random.Random` has them."""

    def getrandbits(self, k: int, /) -> int:
        """A number of so many bits."""

    def uniform(self, a: float, b: float) -> float:
        """A number between these two."""


class Occasions:
    """Seeded random numbers that are wanted too rarely to keep a generator for them."""

    __slots__ = ("_name", "_timing")

    def __init__(self, timing: Timing, name: str) -> None:
        self._timing, self._name = timing, name

    def getrandbits(self, k: int, /) -> int:
        """A number of so many bits."""
        return self._timing.dice(self._name).getrandbits(k)

    def uniform(self, a: float, b: float) -> float:
        """A number between these two."""
        return self._timing.dice(self._name).uniform(a, b)


class Timing:
    """The delays of one running module: `draw("attach")` gives the next value of that name's stream."""

    def __init__(self, delays: Mapping[str, Delay], seed: int | str = 0) -> None:
        self._delays = delays
        self._seed = seed
        self._drawn: dict[str, int] = {}
        self._streams: dict[str, random.Random] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._delays

    def delay(self, name: str) -> Delay:
        """The declared distribution of `name`; raises KeyError for an unknown name."""
        return self._delays[name]

    def stream(self, name: str) -> random.Random:
        """A seeded random stream for draws that are not delays: message ids, loss, addresses."""
        if name not in self._streams:
            self._streams[name] = random.Random(f"{self._seed}/{name}")
        return self._streams[name]

    def dice(self, name: str) -> random.Random:
        """Random numbers for one occasion, used at once: for what is too rare to keep a stream for."""
        count = self._drawn.get(name, 0)
        self._drawn[name] = count + 1
        _DICE.seed(f"{self._seed}/{name}/{count}" if count else f"{self._seed}/{name}")
        return _DICE

    def draw(self, name: str) -> float:
        """The next delay of that name, in seconds; raises KeyError for an unknown name."""
        delay = self._delays[name]
        if delay.low == delay.high:
            return delay.low
        count = self._drawn.get(name, 0)
        self._drawn[name] = count + 1
        _DICE.seed(f"{self._seed}/{name}/{count}")
        return delay.draw(_DICE)
