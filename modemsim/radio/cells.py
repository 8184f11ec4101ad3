"""The cells of the access network: the one that serves, and the one beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

Check = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: who it is, and how it is received (dBm, dB, dB). A barred one takes nobody."""

    cell_id: int
    tac: int
    earfcn: int
    pci: int
    rsrp: int
    rsrq: int
    sinr: int
    barred: bool = False

    def values(self) -> dict[str, Any]:
        """As the values of the network that a serving cell has."""
        return asdict(self)


REQUIRED = ("cell_id", "pci", "rsrp")


def checked(value: Any, checks: Mapping[str, Check], serving: Cell) -> Cell | None:
    """A neighbour from its values; what is left out is as the serving cell's. Raises ValueError."""
    if value is None or isinstance(value, Cell):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f"{value!r} is neither a table of values nor null")
    known = serving.values()
    for name in value:
        if name not in known:
            raise ValueError(f"a cell has no value {name!r}; it has {', '.join(known)}")
    missing = [name for name in REQUIRED if name not in value]
    if missing:
        raise ValueError(f"{', '.join(missing)} of the cell is missing")
    given = {name: checks[name](one) for name, one in value.items()}
    return Cell(**{**known, "barred": False, **given})
