"""When an idle module moves to the cell beside the one that serves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from modemsim.radio.network import Network
from modemsim.timing import Timing
from modemsim.trace import Trace

HYSTERESIS = 4
"""dB by which a neighbour has to be stronger (q-Hyst of 3GPP TS 36.331 6.3.1; 4 dB is usual)."""


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
