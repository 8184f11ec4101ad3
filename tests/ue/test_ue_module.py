"""The module as a whole: noise, power at any instant, settings over restarts, hosts that behave badly."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ue_bench import Bench, on_bench

from modemsim.trace import Record
from modemsim.ue import cloud, power


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.binary(max_size=300), st.floats(0, 5)), max_size=6))
def test_any_bytes_at_any_time_leave_a_module_that_answers(pieces: list[tuple[bytes, float]]) -> None:
    async def work(bench: Bench) -> bytes:
        problems: list[Record] = []
        bench.simulation.trace.subscribe(lambda r: r.event.startswith("internal") and problems.append(r))
        for data, pause in pieces:
            bench.port.host_write(data)
            await asyncio.sleep(pause)
        bench.port.host_write(b"\r")
        await bench.port.host_quiet(20)
        assert problems == []
        await bench.say(b"ATE1V1Q0\r")
        return await bench.say(b"AT\r", 0.5)

    # A setting of the end-of-line character is the host's right; noise that hits on it is told apart here.
    assert on_bench(work).endswith(b"\r\nOK\r\n") or b"S3" in b"".join(data for data, _ in pieces).upper()


def test_a_megabyte_of_noise_is_survived() -> None:
    async def work(bench: Bench) -> bytes:
        await bench.attached()
        noise = bytes(range(256)) * 4096
        for start in range(0, len(noise), 4096):
            bench.port.host_write(noise[start : start + 4096])
        await bench.port.host_quiet(20)
        await bench.say(b"\r", 5)
        return await bench.say(b"AT\r", 0.5)

    assert on_bench(work).endswith(b"OK\r\n")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(0, 1000),
    st.lists(st.tuples(st.sampled_from(["on", "off", "reset", "cut"]), st.floats(0, 20)), max_size=8),
)
def test_power_at_any_instant_never_wedges(seed: int, actions: list[tuple[str, float]]) -> None:
    async def work(bench: Bench) -> list[str]:
        problems: list[Record] = []
        bench.simulation.trace.subscribe(lambda r: r.event.startswith("internal") and problems.append(r))
        for action, pause in actions:
            await bench.simulation.power(action)
            bench.port.host_write(b'AT+NCDPOPEN="180.101.147.115"\r')
            await asyncio.sleep(pause)
        await bench.simulation.power("cut")
        bench.port.host_read()
        await bench.simulation.power("on")
        await bench.attached()
        assert problems == []
        assert await bench.ask("AT+QSCLK=0") == ["OK"]
        assert await bench.ask('AT+NCDPOPEN="180.101.147.115"') == ["OK"]
        await asyncio.sleep(60)
        bench.port.host_read()
        return await bench.ask("AT+NMSTATUS?")

    assert on_bench(work, seed=seed) == ["+NMSTATUS: REGISTERED_AND_OBSERVED", "OK"]


def test_settings_of_class_nvm_survive_the_process(tmp_path: Path) -> None:
    async def change(bench: Bench) -> None:
        await bench.attached()
        assert await bench.ask("AT+NCFG=0,1800") == ["OK"]
        assert await bench.ask("AT+CMEE=2") == ["OK"]
        assert await bench.ask("AT+CSCON=1") == ["OK"]

    async def look(bench: Bench) -> list[str]:
        await bench.attached()
        return [(await bench.ask(line))[0] for line in ("AT+NCFG=0", "AT+CMEE?", "AT+CSCON?")]

    on_bench(change, state_dir=tmp_path)
    assert on_bench(look, state_dir=tmp_path)[:2] == ["+NCFG: 1800", "+CMEE: 2"]


def test_a_rate_change_waits_for_the_ok_and_is_stored(tmp_path: Path) -> None:
    async def change(bench: Bench) -> tuple[int, int]:
        await bench.attached()
        before = bench.simulation.ue.serial.baud
        assert await bench.ask("AT+IPR=115200") == ["OK"]
        await asyncio.sleep(1)
        return before, bench.simulation.ue.serial.baud

    async def look(bench: Bench) -> tuple[int, list[str]]:
        await bench.attached()
        return bench.simulation.ue.serial.baud, await bench.ask("AT+IPR?")

    assert on_bench(change, state_dir=tmp_path) == (9600, 115200)
    assert on_bench(look, state_dir=tmp_path) == (115200, ["+IPR: 115200", "OK"])


def test_a_rate_the_module_does_not_have_is_refused() -> None:
    async def work(bench: Bench) -> list[str]:
        await bench.attached()
        return await bench.ask("AT+IPR=12345")

    assert on_bench(work) == ["+CME ERROR: 50"]


def test_without_power_the_line_is_dead() -> None:
    async def work(bench: Bench) -> bytes:
        await bench.attached()
        await bench.simulation.power("cut")
        return await bench.say(b"AT\r", 5)

    assert on_bench(work) == b""


def test_a_command_during_boot_is_answered_when_the_module_is_up() -> None:
    async def work(bench: Bench) -> bytes:
        return await bench.say(b"AT\r", 5)

    said = on_bench(work)
    assert said.index(b"RDY") < said.index(b"OK")


def test_orderly_power_off_leaves_the_network_and_ends_everything() -> None:
    async def work(bench: Bench) -> tuple[str, bool]:
        await bench.attached()
        assert await bench.ask("AT+QPOWD=0") == ["OK"]
        await asyncio.sleep(10)
        ue = bench.simulation.ue
        return ue.state.value, ue.radio.attached

    assert on_bench(work) == ("off", False)


@pytest.mark.parametrize("action", ["", "ON", "explode"])
def test_an_unknown_power_action_is_refused(action: str) -> None:
    async def work(bench: Bench) -> None:
        with pytest.raises(ValueError, match="choose on, off, reset, cut"):
            await bench.simulation.power(action)

    on_bench(work)


def test_the_pin_unlocks_and_three_wrong_ones_block() -> None:
    async def work(bench: Bench) -> list[list[str]]:
        await bench.attached()
        usim = bench.simulation.ue.usim
        usim.change(type(usim.state).PIN)
        said = [await bench.ask(line) for line in ("AT+CPIN?", "AT+CIMI", 'AT+CPIN="0000"', 'AT+CPIN="1234"',
                                                   "AT+CPIN?", 'AT+CPIN="1234"')]  # fmt: skip
        usim.change(type(usim.state).PIN)
        for _ in range(3):
            await bench.ask('AT+CPIN="9"')
        said.append(await bench.ask("AT+CPIN?"))
        said.append(await bench.ask('AT+CPIN="12345678","4321"'))
        return [*said, await bench.ask("AT+CPIN?")]

    assert on_bench(work) == [
        ["+CPIN: SIM PIN", "OK"],
        ["+CME ERROR: 10"],
        ["+CME ERROR: 16"],
        ["OK"],
        ["+CPIN: READY", "OK"],
        ["+CME ERROR: 3"],
        ["+CPIN: SIM PUK", "OK"],
        ["OK"],
        ["+CPIN: READY", "OK"],
    ]


def test_every_power_state_can_be_left_and_reached() -> None:
    reached = set(power.TRANSITIONS.values())
    left = {state for state, _ in power.TRANSITIONS}
    assert reached == left == set(power.Power)


def test_every_state_of_the_session_can_be_left_and_reached() -> None:
    reached = set(cloud.TRANSITIONS.values())
    left = {state for state, _ in cloud.TRANSITIONS}
    assert reached == left == set(cloud.Cloud)
