"""One module on the air, on virtual time: every published event with its instant."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from modemsim import clock
from modemsim.radio import DELAYS, Emm, Network, Radio, RadioDown, Rrc, Signal, Subscriber
from modemsim.radio.network import DEFAULT_START
from modemsim.timing import Delay, Timing
from modemsim.trace import Trace

SECONDS = {
    "attach": 3.0,
    "attach_ce1": 8.0,
    "attach_ce2": 20.0,
    "detach": 0.5,
    "rrc_setup": 0.25,
    "rrc_setup_ce1": 1.0,
    "rrc_setup_ce2": 4.0,
    "inactivity": 20.0,
    "rai_release": 1.5,
    "latency_ce0": 0.1,
    "latency_ce1": 0.5,
    "latency_ce2": 2.0,
    "search_retry": 5.0,
    "out_of_coverage": 10.0,
    "nitz": 0.5,
}
IMSI = "460110000000001"


class Bench:
    """A network, a radio and a list of what was published: (seconds, event, values)."""

    def __init__(self, **network: Any) -> None:
        self.network = Network(**network)
        self.imsi: str | None = IMSI
        self.events: list[tuple[float, str, Any]] = []
        loop = asyncio.get_running_loop()
        timing = Timing({name: Delay.exact(SECONDS[name]) for name in DELAYS}, seed=1)
        self.trace = Trace(loop.time)
        self.radio = Radio(self.network, lambda: self.imsi, timing, self.publish, self.trace)

    def publish(self, event: str, **values: Any) -> None:
        shown = values["stat"] if event == "emm" else next(iter(values.values()))
        self.events.append((round(asyncio.get_running_loop().time(), 3), event, shown))

    async def attached(self) -> None:
        self.radio.switch_on()
        await self.radio.attach()

    def taken(self) -> list[tuple[float, str, Any]]:
        events, self.events = self.events, []
        return events


def play(body: Callable[[Bench], Awaitable[None]], **network: Any) -> None:
    async def main() -> None:
        await body(Bench(**network))

    clock.run(main(), virtual=True)


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


def test_activity_postpones_the_release() -> None:
    async def body(bench: Bench) -> None:
        await bench.attached()
        await asyncio.sleep(15)
        bench.radio.activity(lasting=2.0)
        bench.taken()
        await asyncio.sleep(60)
        bench.radio.activity(rai=1)
        assert bench.taken() == [(18.0 + 2.0 + 20.0, "rrc", 0)]

    play(body)


def test_rai_1_releases_after_the_uplink_also_when_an_answer_comes() -> None:
    async def body(bench: Bench) -> None:
        await bench.attached()
        await asyncio.sleep(1)
        bench.taken()
        bench.radio.activity(rai=1, lasting=0.1)
        await asyncio.sleep(1)
        bench.radio.activity(downlink=True)
        await asyncio.sleep(60)
        assert bench.taken() == [(6.5, "rrc", 0)]
        await bench.radio.connect()
        bench.taken()
        await asyncio.sleep(60)
        assert [values for _, *values in bench.taken()] == [["rrc", 0]]

    play(body)


def test_rai_2_releases_after_the_next_downlink() -> None:
    async def body(bench: Bench) -> None:
        await bench.attached()
        await asyncio.sleep(1)
        bench.taken()
        bench.radio.activity(rai=2)
        await asyncio.sleep(6)
        assert bench.taken() == []
        bench.radio.activity()
        bench.radio.activity(downlink=True, lasting=0.5)
        await asyncio.sleep(60)
        assert bench.taken() == [(12.0, "rrc", 0)]

    play(body)


def test_signal_figures_by_coverage() -> None:
    async def body(bench: Bench) -> None:
        assert bench.radio.signal() == Signal()
        assert (Signal().rssi_index, Signal().ber, Signal().rsrp_index, Signal().rsrq_index) == (
            99,
            99,
            255,
            255,
        )
        await bench.attached()
        good = bench.radio.signal()
        assert (good.rssi_index, good.ber, good.rsrp_index, good.rsrq_index) == (13, 0, 49, 30)
        assert (good.rsrp, good.rsrq, good.rssi, good.sinr, good.tx_power) == (-92, -5, -87, 10, 14)
        assert (good.earfcn, good.pci, good.band, good.ce_level) == (2506, 284, 5, 0)
        assert (good.tac, good.cell_id) == (0x33C2, 0x022FE6CF)
        bench.network.patch(coverage_level=2)
        bad = bench.radio.signal()
        assert (bad.rssi_index, bad.rsrp_index, bad.rsrq_index, bad.ce_level) == (0, 13, 8, 2)

    play(body)


def test_latency_and_loss_draws() -> None:
    async def body(bench: Bench) -> None:
        radio, network = bench.radio, bench.network
        latencies = [radio.latency()]
        for level in (1, 2):
            network.patch(coverage_level=level)
            latencies.append(radio.latency())
        network.patch(latency="40ms")
        assert [*latencies, radio.latency()] == [0.1, 0.5, 2.0, 0.04]
        network.patch(loss=0.0)
        assert not any(radio.lost() for _ in range(100))
        network.patch(loss=1.0)
        assert all(radio.lost() for _ in range(100))
        network.patch(loss=0.3)
        assert 230 < sum(radio.lost() for _ in range(1000)) < 370

    play(body)


def test_modules_share_a_network_but_not_their_addresses() -> None:
    async def body(bench: Bench) -> None:
        loop = asyncio.get_running_loop()
        delays = {name: Delay.exact(SECONDS[name]) for name in DELAYS}

        def radio(seed: int) -> Radio:
            timing = Timing(delays, seed)
            return Radio(bench.network, lambda: IMSI, timing, lambda *_, **__: None, Trace(loop.time))

        radios = [radio(seed) for seed in (1, 1, 2)]
        for each in radios:
            each.switch_on()
        await asyncio.gather(*(each.attach() for each in radios))
        assert radios[0].ip == radios[1].ip != radios[2].ip
        bench.network.patch(outage=True)
        await asyncio.sleep(11)
        assert [each.emm for each in radios] == [Emm.SEARCHING] * 3

    play(body)
