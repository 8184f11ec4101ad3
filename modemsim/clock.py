"""Time: event loops on which the simulation runs, and the calendar a module believes in.

Code everywhere else asks the running loop (`loop.time()`, `loop.call_later`, `asyncio.sleep`) and never the
operating system, so real, scaled and virtual time differ only in the loop that is chosen here.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import selectors
import time
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")


class _SelectorProxy:
    """Hands the wait of a selector to the loop, which scales or replaces it."""

    def __init__(self, loop: Loop, selector: selectors.BaseSelector) -> None:
        self._loop = loop
        self._selector = selector

    def __getattr__(self, name: str) -> Any:
        return getattr(self._selector, name)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return self._loop._wait(self._selector, timeout)


class Loop(asyncio.SelectorEventLoop):
    """Simulated time that runs `speed` times as fast as the wall clock (1.0: real time)."""

    _selector: Any
    _clock_resolution: float

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._wall_start = time.monotonic()
        super().__init__()
        self._selector = _SelectorProxy(self, self._selector)

    def time(self) -> float:
        """Simulated seconds since the loop was made."""
        return (time.monotonic() - self._wall_start) * self.speed

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Time flows by itself here, so there is nothing to hold."""
        yield

    def _wait(self, selector: Any, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        events: list[tuple[selectors.SelectorKey, int]] = selector.select(
            None if timeout is None else timeout / self.speed
        )
        return events


class VirtualLoop(Loop):
    """Simulated time that jumps to the next timer whenever nothing is readable and nobody holds it."""

    def __init__(self) -> None:
        self._now = 0.0
        self._holders = 0
        super().__init__()
        self._advance(0.0)

    def time(self) -> float:
        return self._now

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """While held, time flows with the wall clock: something real (executor, peer process) is awaited."""
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1

    async def shutdown_default_executor(self, *timeout: Any) -> None:
        """Wait for threads in their own time (Python 3.12 added a time-out)."""
        with self.hold():
            await super().shutdown_default_executor(*timeout)

    def _wait(self, selector: Any, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        events: list[tuple[selectors.SelectorKey, int]] = selector.select(0)
        if events or timeout == 0:
            return events
        if timeout is None:
            return list(selector.select(None))
        if self._holders:
            started = time.monotonic()
            events = selector.select(timeout)
            self._advance(min(time.monotonic() - started, timeout))
            return events
        self._advance(timeout)
        return []

    def _advance(self, seconds: float) -> None:
        """Move time on.

        asyncio fires timers early by the resolution of the clock; that must not reach the next instant, or
        whoever waits for it in a loop would spin for ever while time stands still.
        """
        self._now += seconds
        self._clock_resolution = math.ulp(self._now)


def wall_utc() -> datetime:
    """The date on the wall, for runs that shall show it; the one place that asks for it."""
    return datetime.now(UTC)


def hold() -> contextlib.AbstractContextManager[None]:
    """Hold the running loop's clock while something outside simulated time is awaited."""
    loop = asyncio.get_running_loop()
    return loop.hold() if isinstance(loop, Loop) else contextlib.nullcontext()


def run(main: Coroutine[Any, Any, T], *, speed: float = 1.0, virtual: bool = False) -> T:
    """Run `main` on a loop of the wanted kind and close the loop; ValueError for a speed of zero or less."""
    if speed <= 0:
        main.close()
        raise ValueError("speed must be greater than zero")

    def factory() -> Loop:
        return VirtualLoop() if virtual else Loop(speed)

    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


class Calendar:
    """The date a module believes in (AT+CCLK): its own epoch at power-on, network time once NITZ came."""

    def __init__(self, epoch: datetime, zone_quarters: int = 0) -> None:
        self._base = epoch
        self._since = asyncio.get_running_loop().time()
        self.zone_quarters = zone_quarters
        self.synchronised = False

    def now_utc(self) -> datetime:
        """The calendar's instant, in UTC."""
        return self._base + timedelta(seconds=asyncio.get_running_loop().time() - self._since)

    def set(self, instant: datetime, zone_quarters: int, *, synchronised: bool = True) -> None:
        """Set date and zone (quarters of an hour east of UTC), as NITZ or AT+CCLK= does."""
        self._base = instant.astimezone(UTC)
        self._since = asyncio.get_running_loop().time()
        self.zone_quarters = zone_quarters
        self.synchronised = synchronised
