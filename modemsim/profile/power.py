"""The tables of a profile that say how the module saves power: towards the network, and in the chip."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator

from modemsim.profile.base import Table
from modemsim.timing import parse_duration

Seconds = Annotated[float, BeforeValidator(lambda value: parse_duration(str(value)))]
Depth = Literal["never", "light", "deep"]
"""How far the chip may go: not at all, with the AT port in memory, or with nothing but retained state."""


class PsmTable(Table):
    """Which settings hold the timers the module asks the network for; a missing key asks for nothing."""

    mode: str | None = None
    """Setting that switches PSM (1: on)."""
    active: str | None = None
    """Setting with T3324 as eight bits."""
    periodic: str | None = None
    """Setting with T3412 as eight bits."""
    edrx: str | None = None
    """Setting that switches eDRX (1 or 2: on)."""
    cycle: str | None = None
    """Setting with the eDRX cycle as four bits."""
    window: str | None = None
    """Setting with the paging time window as four bits."""
    release: str | None = None
    """Setting that makes the module ask for early release of the signalling connection (1: on)."""
    release_after: str | None = None
    """Setting with the seconds without data after which it does."""


class SleepTable(Table):
    """How the chip sleeps. Deep sleep needs PSM (or a radio that is off) and nothing under way."""

    modes: dict[str, dict[str, Depth]]
    """Setting -> its value -> how far the chip may go; the furthest of all counts."""
    dtr: dict[str, dict[str, Depth]] = {}
    """The same, but only while DTR is not asserted; input does not end such a sleep, DTR does."""
    lock: str | None = None
    """Setting with the seconds it stays awake after a start, a wake by the host and input; 0: for ever."""
    input_lock: Seconds = 0.0
    """Seconds it stays awake after input where no setting says so."""
    wake_lock: Seconds = 0.0
    """Seconds it stays awake after a start or a wake where no setting says so."""
    settle: Seconds = 1.0
    """Seconds it stays awake after whatever happened inside."""
    shortest: Seconds = 0.0
    """A deep sleep that would end by the next periodic update before this is not begun."""
    wake: str = "wake"
    """Delay from the cause of a wake to the AT port at work."""
    resume: str = "resume"
    """Delay from there until the session with the platform is back."""
    rx_wakes: str | None = None
    """Setting that lets input end a deep sleep; without one only the pin does."""
    rx_baud: int = 9600
    """Up to this rate input that wakes the chip is heard; above, the line it belongs to is lost."""
    pin: str = "PSM_EINT"
    """Name of the pin that wakes the chip."""
    sockets: str | None = None
    """Setting that keeps UDP sockets over a deep sleep (1: they stay); without one they stay."""
    keeps: tuple[str, ...] = ()
    """Settings that outlive a deep sleep beside those of saving class "sleep"."""


class EnergyTable(Table):
    """Currents in mA at the module's supply, averaged over the state; sending by coverage level 0 to 2."""

    start: float
    """Booting and shutting down."""
    psm: float
    """Deep sleep."""
    sleep: float
    """Light sleep, paging included."""
    idle: float
    """Awake, no signalling connection."""
    connected: float
    """Signalling connection stands, receiver on."""
    send: tuple[float, float, float]
    send_seconds: tuple[float, float, float]
    """How long a datagram of `send_bytes` or less is on the air."""
    send_bytes: int = 100
    battery: float = 2600.0
    """mAh of the battery that days are told for when nobody names another (an ER18505 cell)."""
