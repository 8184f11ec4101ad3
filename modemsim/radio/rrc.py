"""The RRC connection: set-up, inactivity release and release assistance (3GPP TS 36.331, 24.301 9.9.4.25)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from enum import Enum, auto

from modemsim.timing import Timing

RAI_NO_MORE_DATA = 1
RAI_ONE_DOWNLINK = 2


class RadioDown(ConnectionError):
    """Nothing can be sent now: the module is not attached, or it lost the network while trying."""


class Rrc(Enum):
    """The signalling connection; the value is the `mode` of AT+CSCON (3GPP TS 27.007 10.1.30)."""

    IDLE = 0
    CONNECTED = 1


class RrcEvent(Enum):
    """What moves the RRC state."""

    SETUP = auto()
    RELEASE = auto()  # by the network, or with the detach
    LINK_LOST = auto()


TRANSITIONS: Mapping[tuple[Rrc, RrcEvent], Rrc] = {
    (Rrc.IDLE, RrcEvent.SETUP): Rrc.CONNECTED,
    (Rrc.CONNECTED, RrcEvent.RELEASE): Rrc.IDLE,
    (Rrc.CONNECTED, RrcEvent.LINK_LOST): Rrc.IDLE,
}


class RrcConnection:
    """Runs the table above for one module and tells `changed` about every new state."""

    def __init__(
        self,
        timing: Timing,
        setup_time: Callable[[], float],
        possible: Callable[[], bool],
        changed: Callable[[Rrc], None],
    ) -> None:
        self.state = Rrc.IDLE
        self._timing = timing
        self._setup_time = setup_time
        self._possible = possible
        self._changed = changed
        self._waiters: list[asyncio.Future[None]] = []
        self._setup: asyncio.TimerHandle | None = None
        self._release: asyncio.TimerHandle | None = None
        self._rai = 0
        self.early: float | None = None
        """Seconds without data after which the module asks for the release; None: it does not."""

    async def wait(self) -> None:
        """Return once connected, setting the connection up if need be; raises RadioDown if that fails."""
        if self.state is Rrc.CONNECTED:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(future)
        self.resume()
        await future

    def resume(self) -> None:
        """Start the set-up somebody waits for, if the air allows it (also called when an outage ends)."""
        if self._waiters and self._setup is None and self._possible():
            loop = asyncio.get_running_loop()
            self._setup = loop.call_later(self._setup_time(), self._set_up)

    def establish(self) -> None:
        """Be connected at once: the set-up ended here, or the attach has brought the connection."""
        if self.state is Rrc.CONNECTED:
            return
        self._move(RrcEvent.SETUP)
        self.activity()
        self._changed(self.state)
        for future in self._taken_waiters():
            future.set_result(None)

    def activity(self, rai: int = 0, *, downlink: bool = False, lasting: float = 0.0) -> None:
        """Data goes over the air for `lasting` seconds: restart the release timer behind it.

        `rai` 1 asks for release right after this uplink, 2 after the next downlink; once asked, the wish
        stands until the release, so traffic in between only restarts the short timer.
        """
        if self.state is not Rrc.CONNECTED:
            return
        if rai:
            self._rai = rai
        if self._rai == RAI_ONE_DOWNLINK and downlink:
            self._rai = RAI_NO_MORE_DATA
        soon = self._rai == RAI_NO_MORE_DATA
        delay = self._timing.draw("rai_release" if soon else "inactivity")
        if self.early is not None and not soon:
            delay = min(delay, self.early + self._timing.draw("rai_release"))
        self.keep()
        self._release = asyncio.get_running_loop().call_later(lasting + delay, self.release)

    def keep(self) -> None:
        """Stop the release timer: the connection stays until somebody ends it."""
        if self._release is not None:
            self._release.cancel()
            self._release = None

    def release(self) -> None:
        """The connection ends in order."""
        if self.state is Rrc.CONNECTED:
            self._move(RrcEvent.RELEASE)
            self._changed(self.state)

    def lose(self, reason: str) -> None:
        """The link broke: nobody is connected any more and waiting set-ups fail."""
        was_connected = self.state is Rrc.CONNECTED
        self.cut(reason)
        if was_connected:
            self._changed(self.state)

    def cut(self, reason: str) -> None:
        """As `lose`, but nobody is told about the state: the power went."""
        if self.state is Rrc.CONNECTED:
            self._move(RrcEvent.LINK_LOST)
        if self._setup is not None:
            self._setup.cancel()
            self._setup = None
        for future in self._taken_waiters():
            future.set_exception(RadioDown(reason))

    def _set_up(self) -> None:
        self._setup = None
        if self._possible():
            self.establish()

    def _move(self, event: RrcEvent) -> None:
        self.state = TRANSITIONS[self.state, event]
        self.keep()
        self._rai = 0

    def _taken_waiters(self) -> list[asyncio.Future[None]]:
        waiters, self._waiters = self._waiters, []
        return [future for future in waiters if not future.done()]
