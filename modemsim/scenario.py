"""Scenario files: what happens to a module and when, as validated TOML (`modemsim run --scenario FILE`).

[[step]] tables stand on a timeline: `at` an instant of simulated time, or `on` something that happened inside
the module, `after` a while. Each does one thing: to the place the module is in, the network, the power, the
USIM, the platform, or it begins a fault.
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from modemsim.faults import FAULTS, FaultError, Target
from modemsim.timing import parse_duration
from modemsim.trace import Record, Trace

if TYPE_CHECKING:
    from modemsim.faults import Faults

PLACES: Mapping[str, Mapping[str, Any]] = {
    "desk": {"coverage_level": 0, "outage": False, "loss": None},
    "basement": {"coverage_level": 1, "rsrp": -121, "rsrq": -13, "sinr": -4, "outage": False, "loss": 0.05},
    "deep-basement": {
        "coverage_level": 2,
        "rsrp": -131,
        "rsrq": -18,
        "sinr": -10,
        "outage": False,
        "loss": 0.15,
    },
    "lift": {"outage": True},
    "cell-edge-night": {"coverage_level": 2, "outage": False, "loss": 0.02},
    "cell-edge-day": {"coverage_level": 2, "outage": False, "loss": 0.1, "latency": ["1s", "4s", "12s"]},
}
"""Named places as values of the network; a scenario may add its own."""

Seconds = Annotated[float, BeforeValidator(lambda value: parse_duration(str(value)))]


class ScenarioError(ValueError):
    """A scenario cannot be used; the message names file and step in one sentence."""


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(_Closed):
    """One thing that happens; exactly one of `at` and `on`, exactly one thing to do."""

    at: Seconds | None = None
    """Simulated time since the start."""
    on: str | None = None
    """Event of the module, as the trace shows it in layer "ue", for example cloud.observed."""
    after: Seconds = 0.0
    """How long behind `on`."""
    times: int = Field(default=1, ge=0)
    """How often `on` counts; 0: always."""
    place: str | None = None
    network: dict[str, Any] | None = None
    power: Literal["on", "off", "reset", "cut"] | None = None
    sim: Literal["remove", "insert"] | None = None
    wake: bool | None = None
    send: Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{2})+$")] | None = None
    """Downlink command to the module, hex."""
    fault: str | None = None
    parameters: dict[str, str | int | float] = {}
    clear_faults: bool | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> Step:
        if (self.at is None) == (self.on is None):
            raise ValueError("give either at or on")
        done = [name for name in _DEEDS if getattr(self, name) is not None]
        if len(done) != 1:
            raise ValueError(f"give exactly one of {', '.join(_DEEDS)}")
        if self.fault is not None:
            if self.fault not in FAULTS:
                raise ValueError(f"there is no fault {self.fault!r}")
            try:
                FAULTS[self.fault].values(self.parameters)
            except FaultError as error:
                raise ValueError(str(error)) from None
        elif self.parameters:
            raise ValueError("parameters belong to a fault")
        return self


class Scenario(_Closed):
    """A whole file."""

    title: str = ""
    places: dict[str, dict[str, Any]] = {}
    step: tuple[Step, ...]

    @model_validator(mode="after")
    def _known_places(self) -> Scenario:
        for step in self.step:
            if step.place is not None and step.place not in {**PLACES, **self.places}:
                known = ", ".join([*PLACES, *self.places])
                raise ValueError(f"there is no place {step.place!r}; there are {known}")
        return self


def load(path: Path) -> Scenario:
    """The scenario of a file; raises ScenarioError."""
    try:
        return Scenario.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{path.name}: not valid TOML: {error}") from None
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"]) or "the file"
        message = str(problem["msg"]).removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = "unknown key"
        raise ScenarioError(f"{path.name}: {where}: {message}") from None


class Stage(Target, Protocol):
    """The running module that a scenario is played on."""

    @property
    def faults(self) -> Faults:
        """What was made to misbehave."""

    @property
    def own_trace(self) -> Trace:
        """The part of the trace that is about this module."""

    def wake(self) -> None:
        """Pull the pin that wakes a sleeping chip."""

    def sim_present(self, present: bool) -> None:
        """Put the USIM in or take it out."""


class Director:
    """Plays a scenario on a running simulation, from `start` to `stop`; each step is traced."""

    def __init__(self, stage: Stage, scenario: Scenario) -> None:
        self._stage = stage
        self._scenario = scenario
        self._timers: set[asyncio.TimerHandle] = set()
        self._left = {index: step.times for index, step in enumerate(scenario.step) if step.on is not None}
        self._unsubscribe: Callable[[], None] = lambda: None

    def start(self) -> None:
        """The timeline begins now."""
        for index, step in enumerate(self._scenario.step):
            if step.at is not None:
                self._later(step.at, index)
        if self._left:
            self._unsubscribe = self._stage.own_trace.subscribe(self._happened)

    def stop(self) -> None:
        """Nothing more happens."""
        self._unsubscribe()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _happened(self, record: Record) -> None:
        if record.layer != "ue":
            return
        for index, left in tuple(self._left.items()):
            step = self._scenario.step[index]
            if step.on == record.event:
                self._later(step.after, index)
                if left == 1:
                    del self._left[index]
                elif left:
                    self._left[index] = left - 1

    def _later(self, seconds: float, index: int) -> None:
        self._timers = {
            timer for timer in self._timers if not timer.cancelled() and timer.when() > self._now()
        }
        self._timers.add(asyncio.get_running_loop().call_later(seconds, self._do, index))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _do(self, index: int) -> None:
        step = self._scenario.step[index]
        deed = next(name for name in _DEEDS if getattr(step, name) is not None)
        self._stage.trace.emit("scenario", "step", number=index + 1, does=deed, what=getattr(step, deed))
        try:
            _DEEDS[deed](self._stage, step, {**PLACES, **self._scenario.places})
        except (ValueError, KeyError) as error:
            self._stage.trace.emit("scenario", "failed", number=index + 1, reason=str(error))


_Places = Mapping[str, Mapping[str, Any]]


def _place(stage: Stage, step: Step, places: _Places) -> None:
    stage.network.patch(**places[step.place or ""])


def _network(stage: Stage, step: Step, places: _Places) -> None:
    stage.network.patch(**(step.network or {}))


def _power(stage: Stage, step: Step, places: _Places) -> None:
    stage.ue.power(step.power or "on")


def _sim(stage: Stage, step: Step, places: _Places) -> None:
    stage.sim_present(step.sim == "insert")


def _wake(stage: Stage, step: Step, places: _Places) -> None:
    stage.wake()


def _send(stage: Stage, step: Step, places: _Places) -> None:
    endpoint = stage.endpoint
    for platform in stage.platforms.values():
        if endpoint in platform.store and platform.store[endpoint].registered:
            platform.downlink(endpoint, bytes.fromhex(step.send or ""))


def _fault(stage: Stage, step: Step, places: _Places) -> None:
    stage.faults.begin(step.fault or "", step.parameters)


def _clear(stage: Stage, step: Step, places: _Places) -> None:
    stage.faults.clear()


_DEEDS: Mapping[str, Callable[[Stage, Step, _Places], None]] = {
    "place": _place,
    "network": _network,
    "power": _power,
    "sim": _sim,
    "wake": _wake,
    "send": _send,
    "fault": _fault,
    "clear_faults": _clear,
}
