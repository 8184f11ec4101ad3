"""Thirty days of hourly reports with power saving, on each family: each delivered once, fast, memory flat."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter

import pytest
from reporter import FAMILIES, Reporter

from modemsim import clock
from modemsim.options import Options
from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Simulation

DAYS = 30
HOUR = 3600.0
CPU_LIMIT = 10.0
GROWTH = 1500
"""Objects that may be added in ten days: the platform keeps 240 uplinks with their commands."""


@pytest.mark.parametrize("name", FAMILIES)
def test_every_report_arrives_once_or_is_reported_failed(name: str) -> None:
    family = FAMILIES[name]
    sizes: list[int] = []

    async def main() -> tuple[dict[int, str], list[int], int]:
        simulation = Simulation(Options(family.profile, seed=3, overrides=family.overrides))
        port = MemoryPort()
        await simulation.start(port)
        host = Reporter(family, simulation, port)
        loop = asyncio.get_running_loop()
        slept = 0
        try:
            assert await host.open()
            simulation.network.patch(loss=0.03)
            begin = loop.time()
            for number in range(DAYS * 24):
                await asyncio.sleep(max(0.0, begin + number * HOUR - loop.time()))
                slept += simulation.ue.radio.asleep or number == 0
                simulation.wake()
                await asyncio.sleep(3)
                await host.report(number)
                if number in (14 * 24, 19 * 24, 29 * 24):
                    gc.collect()
                    sizes.append(len(gc.get_objects()))
            store = simulation.platforms[family.platform].store
            arrived = [int.from_bytes(uplink.payload) for uplink in store[simulation.endpoint].uplinks]
            return host.outcomes, arrived, slept
        finally:
            await simulation.stop()

    started = time.process_time()
    outcomes, arrived, slept = clock.run(main(), virtual=True)
    assert time.process_time() - started < CPU_LIMIT
    counted = Counter(arrived)
    assert max(counted.values()) == 1
    assert "silent" not in outcomes.values()
    assert {number for number, outcome in outcomes.items() if outcome == "acked"} <= set(counted)
    assert sum(outcome == "acked" for outcome in outcomes.values()) > 0.99 * DAYS * 24
    assert slept > 0.99 * DAYS * 24
    assert sizes[2] - sizes[1] < GROWTH
