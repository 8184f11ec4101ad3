"""One module on the air, on virtual time: every published event with its instant."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from radio_bench import IMSI, SECONDS, Bench, play

from modemsim.radio import DELAYS, Emm, RadioDown, Rrc, Signal, Subscriber
from modemsim.radio.network import DEFAULT_START


def test_every_delay_name_is_declared_once() -> None:
    assert len(DELAYS) == len(set(DELAYS))
    assert set(DELAYS) == set(SECONDS)


def test_switch_on_attaches_connects_gets_an_address_and_the_time() -> None:
    async def body(bench: Bench) -> None:
        radio = bench.radio
        radio.switch_on()
        radio.switch_on()
        assert (radio.emm, radio.rrc, radio.ip) == (Emm.SEARCHING, Rrc.IDLE, None)
        await asyncio.sleep(30)
        assert bench.events == [
            (0.0, "emm", 2),
            (2.75, "rrc", 1),
            (3.0, "emm", 1),
            (3.0, "pdn", radio.ip),
            (3.5, "nitz", DEFAULT_START + timedelta(seconds=3.5)),
            (23.0, "rrc", 0),
        ]
        assert radio.attached
        assert radio.ip is not None
        assert radio.ip.startswith("100.")

    play(body)


@pytest.mark.parametrize(("level", "connected", "attached"), [(1, 7.0, 8.0), (2, 16.0, 20.0)])
def test_coverage_slows_the_attach(level: int, connected: float, attached: float) -> None:
    async def body(bench: Bench) -> None:
        await bench.attached()
        instants = [instant for instant, event, _ in bench.events if event in ("rrc", "pdn")]
        assert instants == [connected, attached]

    play(body, coverage_level=level)


def test_registration_carries_cell_and_technology() -> None:
    async def body(bench: Bench) -> None:
        reports: list[dict[str, Any]] = []
        bench.radio._publish = lambda event, **values: reports.append(values) if event == "emm" else None
        await bench.attached()
        bench.network.patch(cell_id=0x11, tac=0x22)
        bench.network.patch(sinr=4)
        home = {"stat": 1, "act": 9, "reject": None}
        assert all(report.pop("saving") is bench.radio.saving for report in reports)
        assert reports == [
            {"stat": 2, "tac": None, "ci": None, "act": None, "reject": None},
            {"tac": 0x33C2, "ci": 0x022FE6CF, **home},
            {"tac": 0x22, "ci": 0x11, **home},
        ]

    play(body)


def test_switch_off_detaches_with_its_signalling() -> None:
    async def body(bench: Bench) -> None:
        await bench.attached()
        await asyncio.sleep(27)
        bench.taken()
        await bench.radio.switch_off()
        await bench.radio.switch_off()
        assert bench.taken() == [
            (30.25, "rrc", 1),
            (30.75, "rrc", 0),
            (30.75, "pdn", None),
            (30.75, "emm", 0),
        ]
        assert bench.radio.emm is Emm.OFF
        bench.network.patch(outage=True)
        await asyncio.sleep(100)
        assert bench.taken() == []

    play(body)


def test_detach_while_connected_saves_the_setup_and_attach_brings_a_new_address() -> None:
    async def body(bench: Bench) -> None:
        await bench.attached()
        first = bench.radio.ip
        await asyncio.sleep(1)
        bench.taken()
        await bench.radio.detach()
        await bench.radio.detach()
        assert bench.taken() == [(4.5, "rrc", 0), (4.5, "pdn", None), (4.5, "emm", 0)]
        assert bench.radio.emm is Emm.DETACHED
        await bench.radio.attach()
        assert bench.taken()[-2:] == [(7.5, "emm", 1), (7.5, "pdn", bench.radio.ip)]
        assert bench.radio.ip != first

    play(body)


def test_power_cut_is_silent_at_any_moment() -> None:
    async def body(bench: Bench) -> None:
        for moment in (0.5, 2.9, 3.2, 10.0, 40.0):
            bench.radio.switch_on()
            await asyncio.sleep(moment)
            bench.taken()
            bench.radio.kill()
            bench.radio.kill()
            assert (bench.radio.emm, bench.radio.rrc, bench.radio.ip) == (Emm.OFF, Rrc.IDLE, None)
            await asyncio.sleep(100)
            assert bench.taken() == []

    play(body)


def test_power_cut_during_detach_leaves_the_next_session_alone() -> None:
    async def body(bench: Bench) -> None:
        await bench.attached()
        leaving = asyncio.create_task(bench.radio.switch_off())
        await asyncio.sleep(0.25)
        bench.radio.kill()
        bench.radio.switch_on()
        await leaving
        assert bench.radio.emm is Emm.SEARCHING
        await asyncio.sleep(3)
        assert bench.radio.attached

    play(body)


def test_without_sim_limited_service_until_one_is_in() -> None:
    async def body(bench: Bench) -> None:
        bench.imsi = None
        bench.radio.switch_on()
        await asyncio.sleep(60)
        assert (bench.radio.emm, bench.events) == (Emm.LIMITED, [])
        with pytest.raises(RadioDown, match="no attach: the module is limited"):
            await bench.radio.attach()
        bench.imsi = IMSI
        await bench.radio.attach()
        assert bench.events[-2][1:] == ("emm", 1)

    play(body)


def test_denied_subscriber_gets_stat_3_with_the_cause() -> None:
    async def body(bench: Bench) -> None:
        bench.network.deny(IMSI, 15)
        causes: list[Any] = []
        bench.radio._publish = lambda event, **values: (
            causes.append((values["stat"], values["reject"])) if (event == "emm") else None
        )
        bench.radio.switch_on()
        with pytest.raises(RadioDown, match="no attach: the module is denied"):
            await bench.radio.attach()
        bench.network.patch(sinr=1)
        assert causes == [(2, None), (3, 15)]
        assert bench.radio.rrc is Rrc.IDLE
        bench.network.allow(IMSI)
        await bench.radio.attach()
        assert causes[2:] == [(2, None), (1, None)]

    play(body)


def test_roaming_subscriber_has_stat_5() -> None:
    async def body(bench: Bench) -> None:
        bench.network.provision(IMSI, Subscriber(roaming=True))
        await bench.attached()
        assert bench.events[2] == (3.0, "emm", 5)

    play(body)


def test_sim_pulled_while_attaching() -> None:
    async def body(bench: Bench) -> None:
        bench.radio.switch_on()
        await asyncio.sleep(1)
        bench.imsi = None
        await asyncio.sleep(10)
        assert bench.events == [(0.0, "emm", 2), (2.75, "rrc", 1), (3.0, "rrc", 0), (3.0, "emm", 0)]

    play(body)


def test_congestion_backs_off_and_tries_again() -> None:
    async def body(bench: Bench) -> None:
        bench.radio.switch_on()
        await asyncio.sleep(4)
        assert bench.radio.backed_off
        assert (bench.radio.emm, bench.radio.rrc) == (Emm.SEARCHING, Rrc.IDLE)
        bench.network.patch(congested=False)
        await bench.radio.attach()
        assert not bench.radio.backed_off
        assert asyncio.get_running_loop().time() == 3 + 5 + 3

    play(body, congested=True)


def test_outage_before_attach_waits_for_its_end() -> None:
    async def body(bench: Bench) -> None:
        bench.radio.switch_on()
        await asyncio.sleep(1000)
        assert bench.taken() == [(0.0, "emm", 2)]
        bench.network.patch(outage=False)
        await bench.radio.attach()
        assert asyncio.get_running_loop().time() == 1000 + 5 + 3

    play(body, outage=True)


@pytest.mark.parametrize("moment", [1.0, 2.9])
def test_outage_during_attach_starts_the_search_again(moment: float) -> None:
    async def body(bench: Bench) -> None:
        bench.radio.switch_on()
        await asyncio.sleep(moment)
        bench.network.patch(outage=True)
        await asyncio.sleep(100)
        assert (bench.radio.emm, bench.radio.rrc) == (Emm.SEARCHING, Rrc.IDLE)
        bench.network.patch(outage=False)
        await bench.radio.attach()
        assert asyncio.get_running_loop().time() == pytest.approx(moment + 100 + 5 + 3)

    play(body)


def test_outage_is_noticed_late_and_the_address_survives() -> None:
    async def body(bench: Bench) -> None:
        await bench.attached()
        address = bench.radio.ip
        bench.taken()
        bench.network.patch(outage=True)
        assert bench.radio.attached
        assert not bench.radio.reachable
        assert bench.radio.signal() == Signal()
        await asyncio.sleep(60)
        bench.network.patch(outage=False)
        await bench.radio.attach()
        assert bench.taken() == [
            (3.5, "nitz", DEFAULT_START + timedelta(seconds=3.5)),
            (13.0, "rrc", 0),
            (13.0, "emm", 2),
            (70.75, "rrc", 1),
            (71.0, "emm", 1),
        ]
        assert bench.radio.ip == address

    play(body)


def test_short_outage_goes_unnoticed() -> None:
    async def body(bench: Bench) -> None:
        await bench.attached()
        await asyncio.sleep(30)
        bench.taken()
        bench.network.patch(outage=True)
        waiting = asyncio.create_task(bench.radio.connect())
        await asyncio.sleep(9)
        assert not waiting.done()
        bench.network.patch(outage=False)
        await waiting
        await asyncio.sleep(5)
        assert bench.taken() == [(42.25, "rrc", 1)]

    play(body)


def test_connect_is_shared_and_at_once_when_connected() -> None:
    async def body(bench: Bench) -> None:
        await bench.attached()
        await bench.radio.connect()
        assert asyncio.get_running_loop().time() == 3.0
        await asyncio.sleep(30)
        bench.taken()
        await asyncio.gather(bench.radio.connect(), bench.radio.connect())
        assert bench.taken() == [(33.25, "rrc", 1)]

    play(body)


def test_connect_fails_without_attach_out_of_coverage_and_on_power_cut() -> None:
    async def body(bench: Bench) -> None:
        with pytest.raises(RadioDown, match="not attached: the module is off"):
            await bench.radio.connect()
        await bench.attached()
        await asyncio.sleep(30)
        bench.network.patch(outage=True)
        with pytest.raises(RadioDown, match="out of coverage"):
            await bench.radio.connect()
        assert asyncio.get_running_loop().time() == 43.0
        bench.network.patch(outage=False)
        await bench.radio.attach()
        await asyncio.sleep(30)
        waiting = asyncio.create_task(bench.radio.connect())
        await asyncio.sleep(0.1)
        bench.radio.kill()
        with pytest.raises(RadioDown, match="the power was cut"):
            await waiting

    play(body)


def test_a_cancelled_wait_harms_nobody() -> None:
    async def body(bench: Bench) -> None:
        await bench.attached()
        await asyncio.sleep(30)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(bench.radio.connect(), 0.1)
        await bench.radio.connect()
        assert bench.radio.connected
        bench.radio.kill()
        bench.radio.switch_on()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(bench.radio.attach(), 1)
        await bench.radio.attach()

    play(body)
