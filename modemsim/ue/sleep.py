"""Sleep of the chip: when it may, what ends it, and what the host notices of it.

PSM is the network's view (`modemsim.radio.psm`); this is the processor behind the AT port. In light sleep the
port is in memory and its receiver asleep; in deep sleep only retained state is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from modemsim.profile.power import Depth, SleepTable

if TYPE_CHECKING:
    from modemsim.ue.module import Ue

BUSY_LOOK = 1.0
"""Seconds until the chip looks again whether what kept it awake is over, where the profile has no other."""

ORDER: tuple[Depth, ...] = ("never", "light", "deep")


class Chip(StrEnum):
    """State of the processor."""

    AWAKE = "awake"
    LIGHT = "light"
    FALLING = "falling"
    DEEP = "deep"
    WAKING = "waking"


class ChipEvent(StrEnum):
    """What changes it."""

    DOZE = "doze"
    FALL = "fall"
    DOWN = "down"
    WAKE = "wake"
    WOKEN = "woken"
    RESET = "reset"


TRANSITIONS: Mapping[tuple[Chip, ChipEvent], Chip] = {
    (Chip.AWAKE, ChipEvent.DOZE): Chip.LIGHT,
    (Chip.AWAKE, ChipEvent.FALL): Chip.FALLING,
    (Chip.LIGHT, ChipEvent.FALL): Chip.FALLING,
    (Chip.LIGHT, ChipEvent.WAKE): Chip.AWAKE,
    (Chip.FALLING, ChipEvent.DOWN): Chip.DEEP,
    (Chip.DEEP, ChipEvent.WAKE): Chip.WAKING,
    (Chip.WAKING, ChipEvent.WOKEN): Chip.AWAKE,
    **{(state, ChipEvent.RESET): Chip.AWAKE for state in Chip},
}
"""Every permitted change; an event that is not listed for a state has no effect."""


class Sleeper:
    """Puts one module's chip to sleep and wakes it, as its [sleep] table says; without one it stays awake.

    Traced in layer "sleep": light, deep, wake (cause), lost (input that only woke the chip).
    """

    def __init__(self, ue: Ue, table: SleepTable | None) -> None:
        self.state = Chip.AWAKE
        self._ue = ue
        self._table = table
        self._pass_on: Callable[[bytes], None] = lambda data: None
        self._held: list[tuple[str, bool]] = []
        self._early = bytearray()
        self._losing = False
        self._dtr = True
        self._input_at = self._woken_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._had_session = self._by_timer = False
        self.retention = True
        """Whether retained memory holds; without it the session does not come back from a deep sleep."""

    @property
    def dozing(self) -> bool:
        """In light sleep: the AT port in memory, the network in reach."""
        return self.state is Chip.LIGHT

    @property
    def permitted(self) -> Depth:
        """How far the chip may go by the host's settings and DTR."""
        if self._table is None:
            return "never"
        by_dtr = "never" if self._dtr else self._furthest(self._table.dtr)
        return max(self._furthest(self._table.modes), by_dtr, key=ORDER.index)

    def _furthest(self, modes: Mapping[str, Mapping[str, Depth]]) -> Depth:
        found: list[Depth] = ["never"]
        for key, depths in modes.items():
            value = self._ue.settings.get(key)
            found.append(depths.get(str(value[0] if isinstance(value, list) else value), "never"))
        return max(found, key=ORDER.index)

    @property
    def _held_by_dtr(self) -> bool:
        """Asleep because DTR is not asserted: nothing but DTR counts."""
        return not self._dtr and self._table is not None and self._furthest(self._table.dtr) != "never"

    def dtr(self, asserted: bool) -> None:
        """The host changes its DTR line; a port without one counts as asserted."""
        self._dtr = asserted
        if asserted:
            self.wake("dtr")
        self.reconsider()

    def started(self) -> None:
        """The AT port takes commands, after a start or a wake: listen to what the host does."""
        if self._table is not None:
            self._pass_on = self._ue.serial.receiver
            self._ue.serial.receiver = self._heard
            self._stay_awake(woken=True)

    def stop(self) -> None:
        """The power went, or a reset: nothing of this counts any more."""
        self._input_at = self._woken_at = float("-inf")
        self._step(ChipEvent.RESET)
        self._cancel_timer()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        self._task = None
        self._held.clear()
        self._early.clear()
        self._losing = False

    def hold(self, line: str, in_command: bool) -> bool:
        """Keep a URC of a chip that is just waking; False when the AT port can take it."""
        if self.state is not Chip.WAKING:
            return False
        self._held.append((line, in_command))
        return True

    def wake(self, cause: str) -> None:
        """End a sleep; nothing happens to a chip that is awake."""
        light = self.state is Chip.LIGHT
        if not self._step(ChipEvent.WAKE):
            return
        self._ue.trace.emit("sleep", "wake", cause=cause, depth="light" if light else "deep")
        self._by_timer = cause == "network" and self._ue.radio.saving.due
        if cause != "network":
            self._stay_awake(woken=True)
        if not light:
            self._run(self._wake_up())

    def reconsider(self) -> None:
        """Something happened that may let the chip sleep, or end its sleep."""
        if self._table is None or (not self._ue.terminal.running and self.state is not Chip.DEEP):
            return
        if self.state is Chip.DEEP:
            if not self._radio_sleeps():
                self.wake("network")
        elif self.state in (Chip.AWAKE, Chip.LIGHT):
            self._plan()

    # When

    def _plan(self) -> None:
        self._cancel_timer()
        if self.permitted == "never" or (self.state is Chip.LIGHT and not self._may_go_deep()):
            return
        self._try_at(max(self._awake_until, asyncio.get_running_loop().time() + self._settle))

    def _try_at(self, start: float) -> None:
        if start < float("inf"):
            self._timer = asyncio.get_running_loop().call_at(start, self._try)

    def _try(self) -> None:
        self._timer = None
        ue = self._ue
        if self.permitted == "never" or not ue.terminal.running:
            return
        since_input = max(self._awake_until, self._input_at + self._settle)
        if since_input > asyncio.get_running_loop().time():
            self._try_at(since_input)
        elif ue.busy or (self.permitted == "deep" and ue.bearer.streams):
            self._timer = asyncio.get_running_loop().call_later(self._settle or BUSY_LOOK, self._try)
        elif self._may_go_deep():
            self._step(ChipEvent.FALL)
            self._run(self._fall())
        elif self._step(ChipEvent.DOZE):
            ue.trace.emit("sleep", "light")

    def _may_go_deep(self) -> bool:
        return (
            self._table is not None
            and self.permitted == "deep"
            and self._radio_sleeps()
            and self._ue.radio.saving.until_update() >= self._table.shortest
        )

    def _radio_sleeps(self) -> bool:
        radio = self._ue.radio
        return radio.asleep or radio.off

    @property
    def _settle(self) -> float:
        return self._table.settle if self._table else 0.0

    @property
    def _awake_until(self) -> float:
        """When the locks of the last input and the last wake are over; infinite where one never is."""
        table = self._table
        assert table is not None
        if table.lock is not None:
            lock = self._ue.settings.get(table.lock) or float("inf")
            return max(self._input_at, self._woken_at) + lock
        return max(self._input_at + table.input_lock, self._woken_at + table.wake_lock)

    def _stay_awake(self, *, woken: bool = False) -> None:
        """A start, a wake by the host or input: its lock runs anew. A running timer finds later input."""
        now = asyncio.get_running_loop().time()
        if woken:
            self._woken_at = now
        else:
            self._input_at = now
        if woken or self._timer is None:
            self._plan()

    # Input

    def _heard(self, data: bytes) -> None:
        wakes = self.state is Chip.LIGHT or (self.state is Chip.DEEP and self._rx_wakes())
        if wakes and not self._held_by_dtr:
            self.wake("input")
            self._losing = self._deaf()
        if self._losing:
            line, end, data = data.partition(b"\r")
            self._lost(line + end)
            self._losing = not end
        if not data:
            return
        falling = self.state is Chip.FALLING and self._rx_wakes() and not self._deaf()
        if self.state is Chip.WAKING or falling:
            self._early += data
        elif self.state is Chip.AWAKE:
            self._stay_awake()
            self._pass_on(data)
        else:
            self._lost(data)

    def _deaf(self) -> bool:
        """Whether what wakes the chip is not heard at this rate."""
        return self._table is not None and self._ue.serial.baud > self._table.rx_baud

    def _rx_wakes(self) -> bool:
        key = self._table.rx_wakes if self._table else None
        return bool(key and self._ue.settings.get(key))

    def _lost(self, data: bytes) -> None:
        self._ue.trace.emit("sleep", "lost", bytes=len(data), chip=self.state.value)

    # Down and up

    async def _fall(self) -> None:
        ue = self._ue
        self._had_session = ue.cloud.observed
        ue.publish("sleep.enter")
        await ue.terminal.flushed()
        ue.terminal.stop()
        self._step(ChipEvent.DOWN)
        if not ue.profile.dtls.kept_asleep:
            ue.cloud.renew_security()
        self._let_sockets_go()
        ue.serial.receiver = self._heard
        ue.trace.emit("sleep", "deep")
        if self._early:
            self.wake("input")
        else:
            self.reconsider()

    def _let_sockets_go(self) -> None:
        """A module that has to be told forgets its sockets; their numbers are free after the wake."""
        self._ue.ip.end_task()
        key = self._table.sockets if self._table else None
        if key is not None and not self._ue.settings.get(key):
            for socket in tuple(self._ue.sockets):
                self._ue.trace.emit("sleep", "socket_lost", id=socket.id)
                self._ue.sockets.drop(socket)

    async def _wake_up(self) -> None:
        table, ue = self._table, self._ue
        assert table is not None
        await asyncio.sleep(ue.timing.draw(table.wake))
        ue.settings.restart(from_deep_sleep=True, keep=table.keeps)
        ue.apply_rate()
        ue.terminal.start()
        self._pass_on = ue.serial.receiver
        ue.serial.receiver = self._heard
        self._step(ChipEvent.WOKEN)
        if self._by_timer and ue.cloud.tells_wake:
            self._stay_awake(woken=True)
        ue.publish("sleep.exit")
        held, self._held = self._held, []
        for line, in_command in held:
            ue.terminal.urc(line, in_command=in_command)
        early, self._early = bytes(self._early), bytearray()
        if early:
            self._pass_on(early)
        await asyncio.sleep(ue.timing.draw(table.resume))
        if self._had_session and not self.retention:
            self.retention = True
            ue.cloud.drop()
        if self._had_session:
            ue.publish("cloud.restored" if ue.cloud.observed else "cloud.not_restored")
        if self._by_timer:
            ue.cloud.woken()
        self.reconsider()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._cancel_timer()
        self._task = asyncio.get_running_loop().create_task(work)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _step(self, event: ChipEvent) -> bool:
        """Apply the table; False when the event has no effect in this state."""
        following = TRANSITIONS.get((self.state, event))
        if following is None:
            return False
        self._ue.energy.changed()
        self.state = following
        self._ue.energy.changed()
        return True
