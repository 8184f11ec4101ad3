"""Event loops and the calendar: scaled, virtual and held time."""

from __future__ import annotations

import asyncio
import math
import time
from datetime import UTC, datetime, timedelta

import pytest

from modemsim import clock


def test_virtual_time_jumps_to_the_next_timer() -> None:
    async def main() -> float:
        await asyncio.sleep(86_400)
        return asyncio.get_running_loop().time()

    started = time.monotonic()
    assert clock.run(main(), virtual=True) == pytest.approx(86_400)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("start", [0.0, 27.688071968, 1e6, 1e9])
def test_no_timer_fires_before_its_instant(start: float) -> None:
    async def main() -> list[bool]:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(start)
        late: list[bool] = []
        now = loop.time()
        for step in (1e-12, 1e-10, 9e-10, 1e-9, 1e-6):
            due = max(now + step, math.nextafter(now, math.inf))
            loop.call_at(due, lambda due=due: late.append(loop.time() >= due))
        await asyncio.sleep(1)
        return late

    assert clock.run(main(), virtual=True) == [True] * 5


def test_held_time_flows_with_the_wall_clock() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()

        async def ticker() -> None:
            while True:
                await asyncio.sleep(1)

        task = loop.create_task(ticker())
        started = loop.time()
        with clock.hold():
            await loop.run_in_executor(None, time.sleep, 0.02)
        elapsed = loop.time() - started
        task.cancel()
        return elapsed

    assert 0.01 < clock.run(main(), virtual=True) < 1


def test_scaled_time_runs_faster_than_the_wall_clock() -> None:
    async def main() -> tuple[float, float]:
        started, wall = asyncio.get_running_loop().time(), time.monotonic()
        await asyncio.sleep(10)
        return asyncio.get_running_loop().time() - started, time.monotonic() - wall

    simulated, real = clock.run(main(), speed=1000)
    assert simulated >= 10
    assert real < 2


def test_a_speed_must_be_positive() -> None:
    with pytest.raises(ValueError, match="greater than zero"):
        clock.run(asyncio.sleep(0), speed=0)


def test_the_calendar_runs_with_the_loop_and_can_be_set() -> None:
    async def main() -> None:
        epoch = datetime(2000, 1, 1, tzinfo=UTC)
        calendar = clock.Calendar(epoch, 8)
        await asyncio.sleep(90)
        assert calendar.now_utc() == epoch + timedelta(seconds=90)
        assert not calendar.synchronised
        network = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
        calendar.set(network, 32)
        await asyncio.sleep(3)
        assert calendar.now_utc() == network + timedelta(seconds=3)
        assert (calendar.zone_quarters, calendar.synchronised) == (32, True)

    clock.run(main(), virtual=True)
