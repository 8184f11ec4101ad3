"""What the Neul family needed of the module: boot chain, stored registration, air time, line rate, wire format."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from aiocoap import Message
from aiocoap.numbers.codes import CONTENT, GET, POST
from ue_bench import Bench, on_bench

from modemsim import clock
from modemsim.commands.catalogue import catalogue
from modemsim.options import Options
from modemsim.port.memory_port import MemoryPort
from modemsim.profile import load
from modemsim.simulation import Simulation
from modemsim.trace import Record
from modemsim.ue.statistics import AirTime
from modemsim.world import World

NEUL = ("bc35", "bc28", "bc28-cnv", "bc95")
BANNER = rb"\r\nREBOOT_CAUSE_APPLICATION_AT\r\n\r\nNeul \r\n\r\nOK\r\n"


async def registered(bench: Bench) -> None:
    """Attach and register with the China Telecom platform."""
    await bench.attached()
    assert await bench.ask("AT+NCDP=180.101.147.115") == ["OK"]
    assert await bench.ask("AT+QLWSREGIND=0") == ["OK"]
    while bench.simulation.status()["lwm2m"]["state"] != "observed":
        await asyncio.sleep(0.1)
    await bench.port.host_quiet(1.0)


@pytest.mark.parametrize("profile", NEUL)
def test_a_restart_byte_by_byte(profile: str) -> None:
    async def work(bench: Bench) -> bytes:
        await bench.attached()
        await bench.ask("ATE0")
        return await bench.say(b"AT+NRB\r", quiet=4.5)

    for seed in range(5):
        heard = on_bench(work, profile, seed=seed)
        assert re.fullmatch(rb"\r\nREBOOTING\r\n[\x00\x80-\xff]{1,3}" + BANNER, heard), heard


@pytest.mark.parametrize("profile", NEUL)
def test_clac_lists_exactly_the_commands_of_the_profile(profile: str) -> None:
    async def work(bench: Bench) -> list[str]:
        await bench.attached()
        await bench.ask("ATE0")
        return (await bench.say(b"AT+CLAC\r")).decode().split()

    *lines, final = on_bench(work, profile)
    assert final == "OK"
    assert lines == [f"AT{command.name}" for command in catalogue(load(profile))]


def test_the_restart_that_the_platform_asks_for_has_its_cause() -> None:
    async def work(bench: Bench) -> bytes:
        await bench.attached()
        bench.simulation.ue.reboot_soon()
        return await bench.port.host_quiet(5.0)

    assert b"REBOOT_CAUSE_APPLICATION_SYSRESETREQ" in on_bench(work, "bc35")


def test_uplinks_leave_as_captured_without_observe_option_and_registration_lists_the_event_log() -> None:
    wire: list[Message] = []

    async def work(bench: Bench) -> None:
        bench.simulation.trace.subscribe(lambda record: keep(record))
        await registered(bench)
        assert await bench.ask("AT+QLWULDATA=3,010203") == ["OK"]
        assert await bench.ask("AT+NMGS=2,0405") == ["OK"]
        await asyncio.sleep(5)
        device = bench.simulation.platforms["ct-iot"].store["863716049970731"]
        assert [uplink.payload.hex() for uplink in device.uplinks] == ["010203", "0405"]
        assert list(device.objects) == ["/1/0", "/3/0", "/4/0", "/19/0", "/5/0", "/20/0"]

    def keep(record: Record) -> None:
        if record.layer == "coap" and record.event == "tx" and "data" in record.fields:
            wire.append(Message.decode(record.fields["data"]))

    on_bench(work, "bc35")
    for message in wire:
        if message.code == CONTENT and message.payload in (b"\x01\x02\x03", b"\x04\x05"):
            assert message.opt.observe is None
        if message.code == POST:
            assert message.opt.uri_query[1:] == ("ep=863716049970731", "b=U", "lt=86400")


def test_an_observed_firmware_state_is_reported_and_its_end_is_not() -> None:
    async def work(bench: Bench) -> bytes:
        await registered(bench)
        platform = bench.simulation.platforms["ct-iot"]
        address = platform.store["863716049970731"].address
        assert platform._endpoint is not None
        assert address is not None
        request = Message(code=GET, uri_path=("5", "0", "3"))
        observation = platform._endpoint.observe(request, address, lambda notification: None)
        assert (await observation.response).payload == b"0"
        heard = await bench.port.host_quiet(2.0)
        answer = await platform._endpoint.unobserve(observation).response
        assert answer.opt.observe is None
        return heard + await bench.port.host_quiet(2.0)

    assert on_bench(work, "bc35").split() == [b"+QLWEVTIND:5"]


def test_a_session_in_vain_ends_like_an_unanswered_one() -> None:
    async def work(bench: Bench) -> tuple[str, str]:
        await bench.attached()
        for line in ("AT+QSECSWT=1", "AT+NCDP=180.101.147.115,5684", "AT+QLWSREGIND=0"):
            assert await bench.ask(line) == ["OK"]
        before = bench.simulation.ue.cloud.state.value
        await asyncio.sleep(70)
        return before, bench.simulation.ue.cloud.state.value

    assert on_bench(work, "bc35") == ("registering", "timeout")


def test_a_power_cut_ends_a_rate_trial() -> None:
    async def work(bench: Bench) -> tuple[int, int]:
        await bench.attached()
        assert await bench.ask("AT+NATSPEED=115200,30,0") == ["OK"]
        await asyncio.sleep(1)
        during = bench.simulation.ue.serial.baud
        await bench.simulation.power("reset")
        await asyncio.sleep(60)
        await bench.port.host_quiet(1.0)
        assert await bench.ask("AT") == ["OK"]
        return during, bench.simulation.ue.serial.baud

    assert on_bench(work, "bc35") == (115200, 9600)


def test_air_time_counts_while_connected() -> None:
    async def work() -> list[int]:
        air, seen = AirTime(), []
        for connected, seconds in ((True, 2.0), (False, 5.0), (True, 1.5)):
            air.connected(connected)
            await asyncio.sleep(seconds)
            seen.append(air.milliseconds)
        return seen

    assert clock.run(work(), virtual=True) == [2000, 2000, 3500]


@pytest.mark.parametrize(
    "line", ["AT+CIMI", "AT+NCCID", "AT+NMGS=1,41", "AT+NPING=180.101.147.115", "AT+QLWSREGIND=0"]
)
def test_without_cmee_every_refusal_is_a_plain_error(line: str) -> None:
    async def work(bench: Bench) -> list[str]:
        await bench.attached()
        bench.simulation.sim_present(False)
        await bench.ask("AT+CFUN=0")
        return await bench.ask(line)

    assert on_bench(work, "bc35") == ["ERROR"]


def test_settings_of_the_platform_outlive_a_power_cut(tmp_path: Path) -> None:
    async def first(bench: Bench) -> None:
        await bench.attached()
        for line in ("AT+NCDP=117.60.157.137", "AT+QREGSWT=0", "AT+CMEE=1"):
            assert await bench.ask(line) == ["OK"]

    async def second(bench: Bench) -> list[str]:
        await bench.attached()
        return [*await bench.ask("AT+NCDP?"), *await bench.ask("AT+QREGSWT?"), *await bench.ask("AT+CMEE?")]

    on_bench(first, "bc35", state_dir=tmp_path)
    assert on_bench(second, "bc35", state_dir=tmp_path) == [
        "+NCDP:117.60.157.137,5683", "OK", "+QREGSWT:0", "OK", "+CMEE:0", "OK",
    ]  # fmt: skip


def test_two_neul_modules_share_one_platform() -> None:
    async def main() -> list[list[str]]:
        world = World.build(Options("bc35"))
        benches = []
        for name in ("bc35", "bc95"):
            simulation, port = Simulation(Options(name), world=world), MemoryPort()
            await simulation.start(port)
            benches.append(Bench(simulation, port))
        try:
            await asyncio.gather(*(registered(bench) for bench in benches))
            for bench, data in zip(benches, ("AA", "BB"), strict=True):
                assert await bench.ask(f"AT+NMGS=1,{data}") == ["OK"]
            await asyncio.sleep(5)
            store = world.platforms["ct-iot"].store
            devices = [store[bench.simulation.ue.identity.imei] for bench in benches]
            return [[uplink.payload.hex() for uplink in device.uplinks] for device in devices]
        finally:
            for bench in benches:
                await bench.simulation.stop()
            await world.stop()

    assert clock.run(main(), virtual=True) == [["aa"], ["bb"]]
