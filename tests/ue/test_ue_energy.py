"""Charge: what the states cost, and what a battery makes of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from ue_bench import Bench, on_bench

from modemsim.ue.energy import Usage


def test_a_sleeping_module_takes_next_to_nothing_and_an_awake_one_a_lot() -> None:
    async def work(bench: Bench) -> tuple[dict[str, Any], dict[str, Any]]:
        await bench.attached()
        await asyncio.sleep(60)
        before = bench.simulation.energy()
        await asyncio.sleep(24 * 3600 - 60)
        asleep = bench.simulation.energy()
        bench.simulation.wake()
        await asyncio.sleep(1)
        await bench.ask("AT+QSCLK=0")
        await asyncio.sleep(3600)
        awake = bench.simulation.energy()
        slept = asleep["by_state"]["psm"] - before["by_state"].get("psm", 0.0)
        assert slept == pytest.approx(0.0038 * (24 - 120 / 3600), rel=0.01)
        return asleep, awake

    asleep, awake = on_bench(work)
    assert awake["mah"] - asleep["mah"] == pytest.approx(6.0, rel=0.05)
    assert asleep["days"] > 1000
    assert sum(awake["by_state"].values()) == pytest.approx(awake["mah"], abs=1e-4)


def test_sending_costs_more_in_bad_coverage() -> None:
    def cost(level: int) -> float:
        async def work(bench: Bench) -> float:
            await bench.attached()
            bench.simulation.network.patch(coverage_level=level, loss=0.0)
            assert await bench.ask('AT+NCDPOPEN="221.229.214.202"') == ["OK"]
            await asyncio.sleep(60)
            return float(bench.simulation.energy()["by_state"]["send"])

        return on_bench(work)

    assert cost(0) < cost(1) < cost(2)


def test_days_of_a_battery() -> None:
    usage = Usage(86400.0, {"psm": 1.0, "send": 0.5})
    assert usage.total == 1.5
    assert usage.days(2600) == pytest.approx(2600 / 1.5)
    assert Usage(10.0, {}).days(2600) is None
