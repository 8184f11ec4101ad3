"""Sleep of the chip: what DTR, input, locks and work under way do to it."""

from __future__ import annotations

import asyncio

from ue_bench import Bench, on_bench

from modemsim.ue.sleep import Chip


def test_dtr_holds_a_module_awake_and_wakes_it() -> None:
    async def work(bench: Bench) -> None:
        await bench.attached()
        sleeper = bench.simulation.ue.sleeper
        assert await bench.ask("AT+QSCLK=1") == ["OK"]
        await asyncio.sleep(60)
        assert sleeper.state is Chip.AWAKE
        sleeper.dtr(False)
        await asyncio.sleep(10)
        assert sleeper.state is Chip.LIGHT
        assert await bench.say(b"AT\r", 5) == b""
        assert sleeper.state is Chip.LIGHT
        sleeper.dtr(True)
        assert await bench.ask("AT") == ["OK"]

    on_bench(work, "ec800e")


def test_the_lock_runs_from_the_last_input() -> None:
    async def work(bench: Bench) -> None:
        await bench.attached()
        sleeper = bench.simulation.ue.sleeper
        for _ in range(20):
            assert await bench.ask("AT") == ["OK"]
            await asyncio.sleep(8)
            assert sleeper.state is Chip.AWAKE
        await asyncio.sleep(5)
        assert sleeper.state is Chip.DEEP

    on_bench(work)


def test_a_lock_of_zero_keeps_it_awake() -> None:
    async def work(bench: Bench) -> None:
        await bench.attached()
        assert await bench.ask('AT+QCFG="slplocktimes",0') == ["OK"]
        await asyncio.sleep(600)
        assert bench.simulation.ue.sleeper.state is Chip.AWAKE

    on_bench(work)


def test_an_exchange_under_way_keeps_it_awake() -> None:
    async def work(bench: Bench) -> None:
        await bench.attached()
        for platform in bench.simulation.platforms.values():
            platform.down = True
        assert await bench.ask('AT+NCDPOPEN="221.229.214.202"') == ["OK"]
        await asyncio.sleep(100)
        assert bench.simulation.ue.sleeper.state is Chip.AWAKE
        await asyncio.sleep(60)
        assert bench.simulation.ue.sleeper.state is Chip.DEEP

    on_bench(work)


def test_input_that_meets_the_module_falling_asleep_is_answered() -> None:
    async def work(bench: Bench) -> None:
        await bench.attached()
        sleeper = bench.simulation.ue.sleeper
        while sleeper.state is not Chip.FALLING:
            await asyncio.sleep(0.001)
        said = await bench.say(b"AT\r", 2)
        assert b"ENTER DEEPSLEEP" in said
        assert b"EXIT DEEPSLEEP" in said
        assert said.endswith(b"OK\r\n") or b"\r\nOK\r\n" in said

    on_bench(work)


def test_power_actions_in_deep_sleep_leave_a_module_that_answers() -> None:
    async def work(bench: Bench) -> None:
        for action in ("reset", "cut", "off"):
            await bench.attached()
            await asyncio.sleep(60)
            assert bench.simulation.ue.sleeper.state is Chip.DEEP
            await bench.simulation.power(action)
            await asyncio.sleep(10)
            await bench.simulation.power("on")
            await asyncio.sleep(3)
            bench.port.host_read()
            assert await bench.ask("AT") == ["OK"]

    on_bench(work)
