"""The EC800E as a whole: noise, power at any instant, what outlives a restart, probing, shared worlds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ue_bench import Bench, on_bench

from modemsim import clock
from modemsim.options import Options
from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Simulation
from modemsim.trace import Record
from modemsim.ue.cloud_states import Cloud
from modemsim.ue.usim import SimState, Usim
from modemsim.ue.usim_files import ADMINISTRATIVE, Card, content
from modemsim.world import World

CONFIG = 'AT+QLWCONFIG=0,"221.229.214.202",5683,"868543060974334",86400,3,0'
SESSION = (CONFIG, "AT+QLWADDOBJ=19,0,1,0", "AT+QLWADDOBJ=19,1,1,0", 'AT+QLWCFG="auto_ack",1', "AT+QLWREG")
LINES = (
    *SESSION,
    'AT+QLWNOTIFY=19,0,0,2,1,"00",0,1',
    "AT+QLWUPDATE=0,86400",
    "AT+QLWDEREG",
    "AT+CFUN=0",
    "AT+CFUN=1",
    "AT+QIDEACT=1",
    "AT+QIACT=1",
    "AT+QLWRD",
    "AT+QLWRESET",
    'AT+QSSLOPEN=1,1,0,"192.0.2.7",443,1',
    "AT+QSSLCLOSE=0",
    'AT+QMTCFG="ssl",0,1,1',
    'AT+QMTOPEN=0,"mqtt.ctwing.cn",8883',
    "AT+QMTCLOSE=0",
)
PROBES = [
    "+CLCC",
    "+CSCS",
    "+CNMI",
    "+CMGF",
    "+CPMS",
    "+CSMS",
    "+CSCA",
    "+CPBS",
    "+CPBR",
    "+CGCLASS",
    "+CGREP",
    "+CRC",
    "+COLP",
    "+CLIP",
    "+FCLASS",
    "+GCAP",
    "+WIND",
    "^SYSINFO",
    "^SYSCFG",
    "^CURC",
    "^DSFLOWQRY",
    "^RSSI",
    "*CNTI",
    "*CGAUTH",
    "$QCPDPP",
    "%CPWD!",
    "_OSYS",
    "!STATUS?",
    "+XDATACHANNEL",
    "+UCGED",
    "+UPSD",
    "+ZSNT",
    "+CPMUTEMP",
    "+CNSMOD",
    "+CPSI",
    "+NETOPEN",
    "+CIPSTART",
    "+QMTOPEN",
    "+QIOPEN",
    "+QISEND",
    "+QPING",
    "+QNTP",
    "+QHTTPGET",
    "+QFOPEN",
    "+QLBS",
    "+NMGS",
    "+NCDPOPEN",
    "+CM2MCLINEW",
    "+CTM2MREG",
    "+QBAND",
    "+QGMR",
    "+VZWAPNE",
    "+MSCLASS",
    "H0",
    "D*99#",
    "&K3",
    "\\Q3",
    "%C",
]


def watch(bench: Bench) -> list[Record]:
    """The list of what must never happen."""
    problems: list[Record] = []
    bench.simulation.trace.subscribe(lambda r: r.event.startswith("internal") and problems.append(r))
    return problems


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(LINES), st.floats(0, 20)), max_size=12), st.integers(0, 99))
def test_the_commands_in_any_order_at_any_time_leave_a_module_that_answers(
    said: list[tuple[str, float]], seed: int
) -> None:
    async def work(bench: Bench) -> list[str]:
        problems = watch(bench)
        for line, pause in said:
            bench.port.host_write(line.encode() + b"\r")
            await asyncio.sleep(pause)
        await bench.port.host_quiet(30)
        assert problems == []
        return await bench.ask("AT+QLWSTATUS?")

    assert on_bench(work, profile="ec800e", seed=seed)[-1] == "OK"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(0, 1000),
    st.lists(st.tuples(st.sampled_from(["on", "off", "reset", "cut"]), st.floats(0, 20)), max_size=8),
)
@example(575, [("on", 6.0), ("off", 2.0), ("on", 7.0)])
def test_power_at_any_instant_never_wedges(seed: int, actions: list[tuple[str, float]]) -> None:
    async def work(bench: Bench) -> str:
        problems = watch(bench)
        for action, pause in actions:
            await bench.simulation.power(action)
            for line in SESSION:
                bench.port.host_write(line.encode() + b"\r")
            await asyncio.sleep(pause)
        await bench.simulation.power("cut")
        bench.port.host_read()
        await bench.simulation.power("on")
        await bench.attached()
        await bench.port.host_quiet(5.0)  # the last lines of the start may come behind the attach
        assert problems == []
        for line in SESSION:
            assert await bench.ask(line) == ["OK"]
        await asyncio.sleep(60)
        return bench.simulation.ue.hosted.state.value

    assert on_bench(work, profile="ec800e", seed=seed) == "observed"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200))
def test_any_bytes_behind_a_command_are_answered(tail: bytes) -> None:
    async def work(bench: Bench) -> bytes:
        problems = watch(bench)
        await bench.attached()
        for head in (b"AT+QLWNOTIFY=", b"AT+QLWADDOBJ=", b"AT+QLWCONFIG=", b"AT+QCFG=", b"AT+CSIM="):
            await bench.say(head + tail.replace(b"\r", b"") + b"\r", 0.5)
        assert problems == []
        return await bench.say(b"AT\r", 0.5)

    assert on_bench(work, profile="ec800e").endswith(b"OK\r\n") or b"S3" in tail.upper()


def test_a_desktop_modem_manager_gets_prompt_clean_errors() -> None:
    async def work(bench: Bench) -> list[tuple[list[str], float]]:
        await bench.attached()
        answers = []
        for probe in PROBES:
            begun = asyncio.get_running_loop().time()
            answers.append((await bench.ask(f"AT{probe}"), asyncio.get_running_loop().time() - begun))
        return answers

    for lines, seconds in on_bench(work, profile="ec800e"):
        assert lines == ["ERROR"]
        assert seconds < 0.3


def test_configuration_outlives_a_restart_and_the_session_does_not(tmp_path: Path) -> None:
    async def change(bench: Bench) -> None:
        await bench.attached()
        for line in SESSION:
            await bench.ask(line)
        await asyncio.sleep(5)
        assert bench.simulation.ue.hosted.state is Cloud.OBSERVED
        await bench.simulation.power("reset")
        assert bench.simulation.ue.hosted.state is Cloud.UNINITIALISED

    async def look(bench: Bench) -> list[list[str]]:
        await bench.attached()
        lines = ("AT+QLWCONFIG?", 'AT+QLWCFG="auto_ack"', "AT+QLWADDOBJ?", "AT+QLWSTATUS?")
        return [await bench.ask(line) for line in lines]

    on_bench(change, profile="ec800e", state_dir=tmp_path)
    assert on_bench(look, profile="ec800e", state_dir=tmp_path) == [
        ['+QLWCONFIG: 0,"221.229.214.202",5683,"868543060974334",86400,3,"","",0', "OK"],
        ['+QLWCFG: "auto_ack",1', "OK"],
        ["OK"],
        ["+QLWSTATUS: 0", "OK"],
    ]


def test_indications_are_kept_when_the_host_says_so() -> None:
    async def work(bench: Bench) -> list[list[str]]:
        await bench.attached()
        await bench.ask('AT+QINDCFG="csq",1,1')
        await bench.ask('AT+QINDCFG="act",1,0')
        await bench.ask('AT+QINDCFG="all",1')
        await bench.simulation.power("reset")
        await bench.attached()
        return [await bench.ask(f'AT+QINDCFG="{item}"') for item in ("csq", "act")]

    assert on_bench(work, profile="ec800e") == [['+QINDCFG: "csq",1', "OK"], ['+QINDCFG: "act",0', "OK"]]


def test_two_families_in_one_world_at_one_platform() -> None:
    async def main() -> list[str]:
        world = World.build(Options("bc260y"))
        ports, simulations = [], []
        for profile in ("bc260y", "ec800e"):
            simulation, port = Simulation(Options(profile), world=world), MemoryPort()
            await simulation.start(port)
            ports.append(port)
            simulations.append(simulation)
        await asyncio.sleep(20)
        ports[0].host_write(b'AT+NCDPOPEN="221.229.214.202",5683\r')
        for line in SESSION:
            ports[1].host_write(line.encode() + b"\r")
        await asyncio.sleep(20)
        states = [simulation.status()["lwm2m"]["state"] for simulation in simulations]
        states += [str(simulation.ue.radio.act) for simulation in simulations]
        states += [str(len(world.platforms["aep"].store))]
        for simulation in simulations:
            await simulation.stop()
        await world.stop()
        return states

    assert clock.run(main(), virtual=True) == ["observed", "observed", "9", "7", "2"]


def test_the_other_slot_hides_the_card_and_keeps_its_state() -> None:
    changes: list[SimState] = []
    card = Usim("460115472446714", "89860320845515190439", on_change=changes.append)
    card.use_slot(True)
    card.use_slot(True)
    assert (card.state, card.ready) == (SimState.ABSENT, False)
    card.change(SimState.PIN)
    assert card.state is SimState.ABSENT
    card.use_slot(False)
    assert card.state is SimState.PIN
    card.use_slot(True)
    card.power_up()
    assert card.state is SimState.PIN
    assert changes == [SimState.ABSENT, SimState.PIN, SimState.ABSENT]


def test_the_third_wrong_pin_blocks_the_card() -> None:
    card = Usim("460115472446714", "89860320845515190439")
    assert [card.require_pin(True, "0000") for _ in range(3)] == [False] * 3
    assert card.state is SimState.PUK


@pytest.mark.parametrize(
    ("apdu", "answer"),
    [
        ("00", "6700"),
        ("00F2000000", "9000"),
        ("00B0000000", "6986"),
        ("8050000000", "6D00"),
        ("00A4000C023F00", "9000"),
    ],
)
def test_apdus_that_are_no_plain_reads(apdu: str, answer: str) -> None:
    assert (
        Card("460115472446714", "89860320845515190439").exchange(bytes.fromhex(apdu)).hex().upper() == answer
    )


def test_an_apdu_may_read_a_part_but_not_beyond_the_end() -> None:
    card = Card("460115472446714", "89860320845515190439")
    card.exchange(bytes.fromhex("00A40004022FE2"))
    assert card.exchange(bytes.fromhex("00B0000202")).hex() == "30029000"
    assert card.exchange(bytes.fromhex("00B000090A")).hex() == "6700"
    assert content(ADMINISTRATIVE, "460115472446714", "1") == bytes([0, 0, 0, 2])
    assert content(0x1234, "460115472446714", "1") is None
