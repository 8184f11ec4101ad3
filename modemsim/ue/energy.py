"""What the module takes from its battery: a current for each state, and a charge for what it sends."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from modemsim.profile.power import EnergyTable
from modemsim.ue.power import Power
from modemsim.ue.sleep import Chip

if TYPE_CHECKING:
    from modemsim.ue.module import Ue

HOUR = 3600.0


class Drain(StrEnum):
    """The states that differ in current."""

    OFF = "off"
    START = "start"
    PSM = "psm"
    SLEEP = "sleep"
    IDLE = "idle"
    CONNECTED = "connected"
    SEND = "send"


@dataclass(frozen=True)
class Usage:
    """What was taken since the module was made: mAh by state, and the simulated seconds it took."""

    seconds: float
    by_state: dict[str, float]

    @property
    def total(self) -> float:
        """mAh in all."""
        return sum(self.by_state.values())

    def days(self, battery: float) -> float | None:
        """Days a battery of so many mAh lasts at this rate; None while nothing was taken."""
        return battery / self.total * self.seconds / (24 * HOUR) if self.total > 0 else None

    def values(self, battery: float) -> dict[str, Any]:
        """As control API and trace show it."""
        days = self.days(battery)
        return {
            "seconds": round(self.seconds, 3),
            "mah": round(self.total, 6),
            "by_state": {state: round(charge, 6) for state, charge in self.by_state.items()},
            "battery_mah": battery,
            "days": None if days is None else round(days, 1),
        }


class Meter:
    """Adds up one module's charge; without an [energy] table in its profile nothing is taken."""

    def __init__(self, ue: Ue, table: EnergyTable | None) -> None:
        self._ue = ue
        self._table = table
        self._charge = dict.fromkeys(Drain, 0.0)
        self._begun = self._since = asyncio.get_running_loop().time()
        self._state = Drain.OFF

    def changed(self) -> None:
        """The module may be in another state now."""
        now = asyncio.get_running_loop().time()
        self._charge[self._state] += self._current(self._state) * (now - self._since) / HOUR
        self._since = now
        self._state = self._present()

    def sent(self, size: int) -> None:
        """A datagram of so many bytes has left over the air."""
        if self._table is not None:
            level = self._ue.network.coverage_level
            seconds = self._table.send_seconds[level] * max(1.0, size / self._table.send_bytes)
            self._charge[Drain.SEND] += self._table.send[level] * seconds / HOUR

    def usage(self) -> Usage:
        """Everything until now."""
        self.changed()
        taken = {state.value: charge for state, charge in self._charge.items() if charge}
        return Usage(self._since - self._begun, taken)

    def _present(self) -> Drain:
        ue = self._ue
        if ue.state is Power.OFF:
            return Drain.OFF
        if ue.state is not Power.ON:
            return Drain.START
        if ue.radio.connected:
            return Drain.CONNECTED
        if ue.sleeper.state is Chip.DEEP:
            return Drain.PSM
        return Drain.SLEEP if ue.sleeper.state is Chip.LIGHT else Drain.IDLE

    def _current(self, state: Drain) -> float:
        """mA."""
        table = self._table
        if table is None or state is Drain.OFF:
            return 0.0
        return {
            Drain.START: table.start,
            Drain.PSM: table.psm,
            Drain.SLEEP: table.sleep,
            Drain.IDLE: table.idle,
            Drain.CONNECTED: table.connected,
        }[state]
