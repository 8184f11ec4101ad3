"""The cells of the access network beside the one that serves, and when a module moves to one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from modemsim.timing import Timing
from modemsim.trace import Trace

if TYPE_CHECKING:
    from modemsim.radio.network import Network

HYSTERESIS = 4
"""dB by which a neighbour has to be stronger (q-Hyst of 3GPP TS 36.331 6.3.1; 4 dB is usual)."""

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


class Reselection:
    """Lets one module move to the neighbour that has been better for a while, or whose own cell is barred.

    In idle mode only (3GPP TS 36.304 5.2.4; NB-IoT has no handover). The cell that serves is the network's:
    all modules in it move. `moved` is told whether the tracking area is another one.
    """

    def __init__(
        self, network: Network, timing: Timing, trace: Trace, idle: Callable[[], bool],
        moved: Callable[[bool], None],
    ) -> None:  # fmt: skip
        self.allowed: Callable[[], bool] = lambda: True
        self._network = network
        self._timing = timing
        self._trace = trace
        self._idle = idle
        self._moved = moved
        self._timer: asyncio.TimerHandle | None = None

    def consider(self) -> None:
        """Something has changed: start to wait, or wait no longer."""
        if not (self._idle() and self.allowed() and self._better()):
            self.stop()
        elif self._timer is None:
            delay = self._timing.draw("reselection")
            self._timer = asyncio.get_running_loop().call_later(delay, self._move)

    def stop(self) -> None:
        """Wait no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def select(self) -> bool:
        """A search finds the serving cell barred: take the neighbour if that takes modules."""
        self._trace.emit("air", "cell_barred", cell=self._network.cell_id, pci=self._network.pci)
        neighbour = self._network.neighbour
        if neighbour is None or neighbour.barred:
            return False
        self._go()
        return True

    def _better(self) -> bool:
        neighbour, network = self._network.neighbour, self._network
        if neighbour is None or neighbour.barred or network.outage:
            return False
        return network.barred or neighbour.rsrp >= network.rsrp + HYSTERESIS

    def _move(self) -> None:
        self._timer = None
        self._moved(self._go())

    def _go(self) -> bool:
        before = self._network.serving
        self._network.reselect()
        self._trace.emit("air", "reselection", cell=self._network.cell_id, pci=self._network.pci,
                         before=before.cell_id)  # fmt: skip
        return before.tac != self._network.tac
