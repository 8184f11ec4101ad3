"""A radio on a bench: every published event with its instant."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from modemsim import clock
from modemsim.radio import DELAYS, Network, Radio
from modemsim.timing import Delay, Timing
from modemsim.trace import Trace

SECONDS = {
    "attach": 3.0,
    "attach_ce1": 8.0,
    "attach_ce2": 20.0,
    "detach": 0.5,
    "rrc_setup": 0.25,
    "rrc_setup_ce1": 1.0,
    "rrc_setup_ce2": 4.0,
    "inactivity": 20.0,
    "rai_release": 1.5,
    "latency_ce0": 0.1,
    "latency_ce1": 0.5,
    "latency_ce2": 2.0,
    "search_retry": 5.0,
    "out_of_coverage": 10.0,
    "reselection": 2.0,
    "nitz": 0.5,
}
IMSI = "460110000000001"


class Bench:
    """A network, a radio and a list of what was published: (seconds, event, values)."""

    def __init__(self, **network: Any) -> None:
        self.network = Network(**network)
        self.imsi: str | None = IMSI
        self.events: list[tuple[float, str, Any]] = []
        loop = asyncio.get_running_loop()
        timing = Timing({name: Delay.exact(SECONDS[name]) for name in DELAYS}, seed=1)
        self.trace = Trace(loop.time)
        self.radio = Radio(self.network, lambda: self.imsi, timing, self.publish, self.trace)

    def publish(self, event: str, **values: Any) -> None:
        shown = values["stat"] if event == "emm" else next(iter(values.values()))
        self.events.append((round(asyncio.get_running_loop().time(), 3), event, shown))

    async def attached(self) -> None:
        self.radio.switch_on()
        await self.radio.attach()

    def taken(self) -> list[tuple[float, str, Any]]:
        events, self.events = self.events, []
        return events


def play(body: Callable[[Bench], Awaitable[None]], **network: Any) -> None:
    async def main() -> None:
        await body(Bench(**network))

    clock.run(main(), virtual=True)
