"""Settings that parts of the module listen to: in force there too, however a value came into force."""

from __future__ import annotations

from pathlib import Path

import pytest
from ue_bench import Bench, on_bench

STOPPED = {"seconds": "10s"}


async def answers_while_rts_is_off(bench: Bench) -> bool:
    fault = bench.simulation.faults.begin("rts_off", STOPPED)
    answered = b"OK" in await bench.say(b"AT\r")
    bench.simulation.faults.end(fault.id)
    await bench.port.host_quiet(1)
    return answered


@pytest.mark.parametrize(("profile", "back"), [("ec800e", "AT&F"), ("ec800e", "ATZ"), ("sim7020", "AT&F")])
def test_factory_and_stored_values_of_flow_control_count_at_once(profile: str, back: str) -> None:
    async def work(bench: Bench) -> list[bool]:
        await bench.attached()
        assert await bench.ask("AT+IFC=2,2") == ["OK"]
        obeyed = [not await answers_while_rts_is_off(bench)]
        assert await bench.ask(back) == ["OK"]
        return [*obeyed, not await answers_while_rts_is_off(bench), bench.simulation.uart.uses_cts]

    assert on_bench(work, profile) == [True, False, False]


def test_stored_flow_control_counts_after_each_start_and_no_other_does(tmp_path: Path) -> None:
    async def first(bench: Bench) -> None:
        uart = bench.simulation.uart
        await bench.attached()
        await bench.ask("AT+IFC=2,2")
        await bench.simulation.power("reset")
        assert (uart.obeys_rts, uart.uses_cts) == (False, False)
        await bench.attached()
        await bench.ask("AT+IFC=2,0")
        await bench.ask("AT&W")
        await bench.ask("AT+IFC=0,2")
        await bench.simulation.power("reset")
        assert (uart.obeys_rts, uart.uses_cts) == (True, False)

    async def second(bench: Bench) -> bool:
        return bench.simulation.uart.obeys_rts

    on_bench(first, "ec800e", state_dir=tmp_path)
    assert on_bench(second, "ec800e", state_dir=tmp_path)


def test_cached_lines_come_when_the_factory_profile_ends_the_cache() -> None:
    async def work(bench: Bench) -> bytes:
        await bench.attached()
        await bench.ask("AT+CREG=1")
        await bench.ask('AT+QCFG="urc/cache",1')
        bench.simulation.faults.begin("registration_lost", {})
        assert b"+CREG" not in await bench.port.host_quiet(120)
        return await bench.say(b"AT&F\r")

    assert b"+CREG: " in on_bench(work, "ec800e")


def test_the_rate_of_the_factory_profile_counts_behind_the_ok() -> None:
    async def work(bench: Bench) -> list[int]:
        uart = bench.simulation.uart
        await bench.attached()
        rates = [uart.baud]
        for line in ("AT+IPR=9600", "AT&F", "AT+IPR=9600", "ATZ"):
            await bench.ask(line)
            await bench.port.host_quiet(0.1)
            rates.append(uart.baud)
        return rates

    assert on_bench(work, "ec800e") == [115200, 9600, 115200, 9600, 115200]


def test_timers_asked_of_the_network_fall_back_with_the_settings() -> None:
    async def work(bench: Bench) -> list[float | None]:
        saving = bench.simulation.ue.radio.saving
        await bench.attached()
        await bench.ask('AT+QSCLK=3,"00000001","00000011"')
        wished = [saving.wish.active]
        bench.simulation.faults.begin("settings_lost", {})
        return [*wished, saving.wish.active]

    assert on_bench(work, "ec800e") == [2.0, None]
