"""The access network: one cell's coverage, who may attach, and network time; shared by all modules in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from modemsim.clock import Calendar
from modemsim.radio import cells
from modemsim.radio.cells import Cell
from modemsim.radio.psm import Saving
from modemsim.timing import Delay

DEFAULT_START = datetime(2026, 1, 1, 0, 0, 0, tzinfo=UTC)
DEFAULT_DENIAL = 8  # "EPS services and non-EPS services not allowed" (3GPP TS 24.301 9.9.3.9)


@dataclass(frozen=True, slots=True)
class Coverage:
    """Typical figures of one coverage enhancement level (dBm, dB, dB, dBm, share of datagrams lost)."""

    rsrp: int
    rsrq: int
    sinr: int
    tx_power: int
    loss: float


# Level 0 is a recorded QENG line (rsrp -92, rsrq -5, sinr 10, power 14 dBm); levels 1 and 2 are inferred from
# the 144/154/164 dB coupling loss of 3GPP TR 45.820.
COVERAGE: tuple[Coverage, ...] = (
    Coverage(rsrp=-92, rsrq=-5, sinr=10, tx_power=14, loss=0.0),
    Coverage(rsrp=-118, rsrq=-11, sinr=-2, tx_power=23, loss=0.01),
    Coverage(rsrp=-128, rsrq=-16, sinr=-8, tx_power=23, loss=0.05),
)


@dataclass(frozen=True, slots=True)
class Subscriber:
    """What the core network says about one IMSI; `cause` is the EMM cause of a refusal (24.301 9.9.3.9)."""

    allowed: bool = True
    cause: int | None = None
    roaming: bool = False


class Network:
    """What base station and core do; `patch` changes it while it runs and tells every module in it.

    Units: `rsrp` dBm, `rsrq` and `sinr` dB, `loss` 0..1, `zone_quarters` quarters of an hour east of UTC.
    While `loss` or `latency` is not set, the coverage level (loss) and the profile's timing (latency) decide.
    `congested` turns attach attempts away for the time being; attached modules are not touched. `barred`: the
    cell takes nobody; an idle module leaves it. `neighbour`: another cell, to which an idle module moves when
    it is better.
    `psm` and `edrx` grant power saving; `active_time` and `periodic_update` (seconds) replace what a module
    asks for. `keeps_downlinks`: what comes for a module in PSM waits for it instead of being lost.
    `nat_timeout`: seconds without traffic after which the way back to a module is forgotten (None: never).
    """

    def __init__(self, *, start: datetime = DEFAULT_START, **values: Any) -> None:
        self.coverage_level = 0
        self.rsrp, self.rsrq, self.sinr = COVERAGE[0].rsrp, COVERAGE[0].rsrq, COVERAGE[0].sinr
        self.latency: Delay | None = None
        self.outage = False
        self.congested = False
        self.barred = False
        self.neighbour: Cell | None = None
        self.nat_timeout: float | None = None
        self.plmn = "46011"
        self.tac = 0x33C2
        self.cell_id = 0x022FE6CF
        self.earfcn = 2506
        self.pci = 284
        self.band = 5
        self.apn = "ctnb"
        self.zone_quarters = 32
        self.psm = True
        self.edrx = True
        self.active_time: float | None = None
        self.periodic_update: float | None = None
        self.keeps_downlinks = False
        self._loss: float | None = None
        self._calendar = Calendar(start)
        self._subscribers: dict[str, Subscriber] = {}
        self._listeners: list[Callable[[], None]] = []
        self.patch(**values)

    @property
    def loss(self) -> float:
        """Share of datagrams lost on the way, 0..1: as patched, else typical for the coverage level."""
        return COVERAGE[self.coverage_level].loss if self._loss is None else self._loss

    @property
    def serving(self) -> Cell:
        """The cell the modules are on."""
        return Cell(
            self.cell_id, self.tac, self.earfcn, self.pci, self.rsrp, self.rsrq, self.sinr, self.barred
        )

    def reselect(self) -> None:
        """Let the neighbour serve, and the serving cell be the neighbour."""
        if self.neighbour is not None:
            self.patch(**self.neighbour.values(), neighbour=self.serving)

    @property
    def tx_power(self) -> int:
        """The module's transmit power at this coverage level, in dBm."""
        return COVERAGE[self.coverage_level].tx_power

    def patch(self, **changes: Any) -> None:
        """Change values and tell every module; all or none: raises ValueError with one sentence.

        A new `coverage_level` moves rsrp, rsrq and sinr to typical values unless they are given too.
        `latency` takes a Delay or what `Delay.parse` reads; None for `latency` or `loss` ends the override.
        """
        checked = {name: self._checked(name, value) for name, value in changes.items()}
        if "coverage_level" in checked:
            typical = COVERAGE[checked["coverage_level"]]
            moved = {"rsrp": typical.rsrp, "rsrq": typical.rsrq, "sinr": typical.sinr}
            checked = {**moved, **checked}
        if "loss" in checked:
            self._loss = checked.pop("loss")
        for name, value in checked.items():
            setattr(self, name, value)
        for listener in tuple(self._listeners):
            listener()

    def values(self) -> dict[str, Any]:
        """The current values by the names `patch` takes."""
        neighbour = None if self.neighbour is None else self.neighbour.values()
        return {name: getattr(self, name) for name in _NAMES} | {"neighbour": neighbour}

    def subscriber(self, imsi: str) -> Subscriber:
        """What the core network thinks of `imsi`; everybody is welcome until `provision` or `deny`."""
        return self._subscribers.get(imsi, Subscriber())

    def provision(self, imsi: str, subscriber: Subscriber) -> None:
        """Set the entry of `imsi`; it counts from the next attach."""
        self._subscribers[imsi] = subscriber

    def deny(self, imsi: str, cause: int = DEFAULT_DENIAL) -> None:
        """Refuse the next attach of `imsi` with this EMM cause."""
        self.provision(imsi, Subscriber(allowed=False, cause=cause))

    def allow(self, imsi: str) -> None:
        """Welcome `imsi` again from its next attach on."""
        self._subscribers.pop(imsi, None)

    def grant(self, wish: Saving) -> Saving:
        """What the network makes of the timers a module asks for (3GPP TS 24.301 5.3.11, 5.3.12)."""
        psm = self.psm and wish.active is not None
        return Saving(
            active=(self.active_time if self.active_time is not None else wish.active) if psm else None,
            periodic=self.periodic_update or (wish.periodic if psm else None),
            cycle=wish.cycle if self.edrx else None,
            window=wish.window if self.edrx else None,
        )

    def _checked(self, name: str, value: Any) -> Any:
        if name == "neighbour":
            return _checked(name, value, lambda value: cells.checked(value, _CHECKS, self.serving))
        return _checked(name, value, _CHECKS.get(name))

    def now_utc(self) -> datetime:
        """Network time, as NITZ gives it."""
        return self._calendar.now_utc()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after every patch; returns the function that ends it."""
        self._listeners.append(listener)

        def leave() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return leave


def _checked(name: str, value: Any, check: Callable[[Any], Any] | None) -> Any:
    if check is None:
        raise ValueError(f"the network has no value {name!r}; known are {', '.join(_NAMES)}")
    try:
        return check(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {error}") from None


def _between(low: int, high: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"{value!r} is not a whole number from {low} to {high}")
        return value

    return check


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _share(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{value!r} is not a number from 0 to 1")
    return float(value)


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError(f"{value!r} is not a number of seconds")
    return float(value)


def _idle_time(value: Any) -> float | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value <= 0):
        raise ValueError(f"{value!r} is not a number of seconds above zero")
    return None if value is None else float(value)


def _latency(value: Any) -> Delay | None:
    return value if value is None or isinstance(value, Delay) else Delay.parse(value)


def _text(pattern: str, meaning: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if not isinstance(value, str) or re.fullmatch(pattern, value) is None:
            raise ValueError(f"{value!r} is not {meaning}")
        return value

    return check


_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "coverage_level": _between(0, len(COVERAGE) - 1),
    "rsrp": _between(-156, -30),
    "rsrq": _between(-34, 3),
    "sinr": _between(-30, 40),
    "loss": _share,
    "latency": _latency,
    "outage": _flag,
    "congested": _flag,
    "barred": _flag,
    "nat_timeout": _idle_time,
    "plmn": _text(r"\d{5,6}", "a PLMN of 5 or 6 digits"),
    "tac": _between(0, 0xFFFF),
    "cell_id": _between(0, 0xFFFFFFF),
    "earfcn": _between(0, 262143),
    "pci": _between(0, 503),
    "band": _between(1, 88),
    "apn": _text(r"[A-Za-z0-9.\-]{0,100}", "an access point name"),
    "zone_quarters": _between(-48, 56),
    "psm": _flag,
    "edrx": _flag,
    "active_time": _seconds,
    "periodic_update": _seconds,
    "keeps_downlinks": _flag,
}
_NAMES = (*_CHECKS, "neighbour")
