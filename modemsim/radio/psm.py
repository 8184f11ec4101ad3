"""Power saving towards the network: PSM, eDRX, periodic update (3GPP TS 24.301 5.3.5, 5.3.11, 5.3.12)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

DEFAULT_T3412 = 54 * 60.0
"""Seconds between two periodic updates when nothing else was agreed (3GPP TS 24.301 10.2)."""


class Psm(Enum):
    """Whether the network can reach the module; the label is what the status shows."""

    AWAKE = "awake"
    LISTENING = "listening"  # idle, the active time T3324 runs
    ASLEEP = "psm"

    @property
    def label(self) -> str:
        """The state as one word."""
        return str(self.value)


class PsmEvent(Enum):
    """What moves the PSM state."""

    RELEASED = auto()  # the signalling connection ended and an active time was granted
    EXPIRED = auto()  # T3324
    CONNECTED = auto()
    WANTED = auto()  # the module itself has something to send: data, an update, a detach
    GONE = auto()  # not registered any more


TRANSITIONS: Mapping[tuple[Psm, PsmEvent], Psm] = {
    (Psm.AWAKE, PsmEvent.RELEASED): Psm.LISTENING,
    (Psm.LISTENING, PsmEvent.RELEASED): Psm.LISTENING,
    (Psm.LISTENING, PsmEvent.EXPIRED): Psm.ASLEEP,
    (Psm.LISTENING, PsmEvent.CONNECTED): Psm.AWAKE,
    (Psm.LISTENING, PsmEvent.GONE): Psm.AWAKE,
    (Psm.ASLEEP, PsmEvent.WANTED): Psm.AWAKE,
    (Psm.ASLEEP, PsmEvent.CONNECTED): Psm.AWAKE,
    (Psm.ASLEEP, PsmEvent.GONE): Psm.AWAKE,
}
"""Every permitted change; an event that is not listed for a state has no effect."""


@dataclass(frozen=True, slots=True)
class Saving:
    """Seconds: active time T3324 (None: no PSM), periodic update T3412, eDRX cycle and paging window.

    What a module wishes, and what the network grants; None: not asked for, not granted.
    """

    active: float | None = None
    periodic: float | None = None
    cycle: float | None = None
    window: float | None = None


class PowerSaving:
    """Runs the timers of one module and tells `changed` about PSM, `update` when a periodic update is due."""

    def __init__(self, changed: Callable[[bool], None], update: Callable[[], None]) -> None:
        self.state = Psm.AWAKE
        self.wish = Saving()
        self.granted = Saving()
        self.due = False
        """T3412 has run out, and the module has not been idle since."""
        self._changed = changed
        self._update = update
        self._active: asyncio.TimerHandle | None = None
        self._periodic: asyncio.TimerHandle | None = None
        self._idle_since = 0.0

    @property
    def asleep(self) -> bool:
        """In PSM: the module listens to nothing."""
        return self.state is Psm.ASLEEP

    def until_update(self) -> float:
        """Seconds until the periodic update, infinite while its timer does not run."""
        if self._periodic is None:
            return float("inf")
        return self._periodic.when() - asyncio.get_running_loop().time()

    def until_paging(self) -> float:
        """Seconds until an idle module listens again: 0 without eDRX and inside a paging time window."""
        cycle, window = self.granted.cycle, self.granted.window
        if cycle is None:
            return 0.0
        position = (asyncio.get_running_loop().time() - self._idle_since) % cycle
        return 0.0 if position < (window or 0.0) else cycle - position

    def released(self) -> None:
        """The module is idle: T3412 and, if granted, T3324 start."""
        loop = asyncio.get_running_loop()
        self._stop()
        self.due = False
        self._idle_since = loop.time()
        self._periodic = loop.call_later(self.granted.periodic or DEFAULT_T3412, self._due)
        if self.granted.active is not None:
            self._move(PsmEvent.RELEASED)
            self._active = loop.call_later(self.granted.active, self._move, PsmEvent.EXPIRED)

    def connected(self) -> None:
        """The signalling connection stands: no timer runs."""
        self._stop()
        self._move(PsmEvent.CONNECTED)

    def wanted(self) -> None:
        """The module has something to send."""
        self._move(PsmEvent.WANTED)

    def gone(self) -> None:
        """The module is not registered any more: what was granted is void."""
        self._stop()
        self.due = False
        self.granted = Saving()
        self._move(PsmEvent.GONE)

    def _due(self) -> None:
        self._periodic = None
        self.due = True
        self._update()

    def _move(self, event: PsmEvent) -> None:
        before = self.state
        self.state = TRANSITIONS.get((before, event), before)
        if (before is Psm.ASLEEP) != (self.state is Psm.ASLEEP):
            self._changed(self.state is Psm.ASLEEP)

    def _stop(self) -> None:
        for timer in (self._active, self._periodic):
            if timer is not None:
                timer.cancel()
        self._active = self._periodic = None
