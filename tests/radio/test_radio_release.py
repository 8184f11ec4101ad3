"""Release of the signalling connection, signal figures and draws, on virtual time."""

from __future__ import annotations

import asyncio

from radio_bench import IMSI, SECONDS, Bench, play

from modemsim.radio import DELAYS, Emm, Radio, Signal
from modemsim.timing import Delay, Timing
from modemsim.trace import Trace


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
