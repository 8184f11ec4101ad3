"""Notification attributes: pmin, pmax, gt, lt, st as a server writes them (OMA LwM2M 1.0, 5.1.2)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from modemsim.lwm2m.model import Path
from modemsim.lwm2m.tree import Target

_PERIODS = ("pmin", "pmax")
_CONDITIONS = ("gt", "lt", "st")


@dataclass(frozen=True, slots=True)
class Attributes:
    """The attributes of one level; None where nothing is set. Periods in seconds."""

    pmin: float | None = None
    pmax: float | None = None
    gt: float | None = None
    lt: float | None = None
    st: float | None = None

    def over(self, outer: Attributes) -> Attributes:
        """These attributes, with those of an outer level where nothing is set here."""
        unset = {f.name: getattr(outer, f.name) for f in fields(self) if getattr(self, f.name) is None}
        return replace(self, **unset)

    def links(self, dimension: int | None = None) -> str:
        """The parameters of a link in a Discover answer: `;pmin=10;dim=2;gt=5`."""
        pairs = [(name, getattr(self, name)) for name in _PERIODS]
        pairs += [("dim", dimension), *((name, getattr(self, name)) for name in _CONDITIONS)]
        return "".join(f";{name}={_number(value)}" for name, value in pairs if value is not None)

    def crossed(self, before: float, now: float) -> bool:
        """Whether a change of a number has to be told; without gt, lt and st every change has."""
        if self.gt is None and self.lt is None and self.st is None:
            return True
        return (
            (self.gt is not None and (before > self.gt) != (now > self.gt))
            or (self.lt is not None and (before < self.lt) != (now < self.lt))
            or (self.st is not None and abs(now - before) >= self.st)
        )

    def check(self) -> None:
        """Raise ValueError for attributes that contradict each other."""
        if self.pmin is not None and self.pmax is not None and self.pmin > self.pmax:
            raise ValueError("pmin is greater than pmax")
        if self.gt is not None and self.lt is not None and self.lt + 2 * (self.st or 0) >= self.gt:
            raise ValueError("lt and st leave no room below gt")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def _parse(name: str, text: str) -> float | None:
    if not text:
        return None
    if name in _PERIODS:
        if not (text.isascii() and text.isdigit()):
            raise ValueError(f"{name} is a number of seconds")
        return int(text)
    number = float(text)
    if not math.isfinite(number) or (name == "st" and number <= 0):
        raise ValueError(f"{text!r} is no value of {name}")
    return number


class AttributeStore:
    """The attributes that the server has written, by path."""

    def __init__(self) -> None:
        self._written: dict[Path, Attributes] = {}

    def own(self, path: Path) -> Attributes:
        """What was written to exactly this path."""
        return self._written.get(path, Attributes())

    def effective(self, path: Path) -> Attributes:
        """What holds at a path: its own attributes, then its instance's, then its object's."""
        found = self.own(path)
        for length in range(len(path) - 1, 0, -1):
            found = found.over(self.own(path[:length]))
        return found

    def write(self, target: Target, queries: Iterable[str]) -> None:
        """Set (`pmin=10`) or unset (`pmin`) attributes; if one is wrong, raises ValueError, sets none."""
        changes: dict[str, float | None] = {}
        for query in queries:
            name, _, text = query.partition("=")
            if name not in (*_PERIODS, *_CONDITIONS):
                raise ValueError(f"{name!r} is no attribute")
            if name in _CONDITIONS and not (target.resource and target.resource.type.numeric):
                raise ValueError(f"{name} belongs to numeric resources")
            changes[name] = _parse(name, text)
        before = self.own(target.path)
        self._written[target.path] = replace(before, **changes)
        try:
            self.effective(target.path).check()
        except ValueError:
            self._written[target.path] = before
            raise

    def clear(self) -> None:
        """Forget everything, as a new registration does."""
        self._written.clear()
