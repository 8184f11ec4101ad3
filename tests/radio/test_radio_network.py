"""The access network: validated patches, coverage figures, subscribers, network time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modemsim import clock
from modemsim.radio import Network, Subscriber
from modemsim.radio.signal import rsrp_index, rsrq_index, rssi_index
from modemsim.timing import Delay


def play(body: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await body()

    clock.run(main(), virtual=True)


def test_coverage_level_moves_the_figures_unless_they_are_given() -> None:
    async def body() -> None:
        network = Network()
        assert (network.rsrp, network.rsrq, network.sinr, network.loss) == (-92, -5, 10, 0.0)
        network.patch(coverage_level=2)
        assert (network.rsrp, network.rsrq, network.sinr, network.loss) == (-128, -16, -8, 0.05)
        network.patch(coverage_level=1, rsrp=-111)
        assert (network.rsrp, network.rsrq, network.sinr, network.tx_power) == (-111, -11, -2, 23)

    play(body)


def test_loss_and_latency_stay_until_taken_back() -> None:
    async def body() -> None:
        network = Network(loss=0.5, latency="250ms")
        network.patch(coverage_level=2)
        assert (network.loss, network.latency) == (0.5, Delay.exact(0.25))
        network.patch(loss=None, latency=None)
        assert (network.loss, network.latency) == (0.05, None)

    play(body)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"coverage_level": 3}, "coverage_level: 3 is not a whole number from 0 to 2"),
        ({"coverage_level": True}, "coverage_level: True is not a whole number from 0 to 2"),
        ({"rsrp": "-100"}, "rsrp: '-100' is not a whole number from -156 to -30"),
        ({"loss": 1.5}, "loss: 1.5 is not a number from 0 to 1"),
        ({"outage": 1}, "outage: 1 is neither true nor false"),
        ({"latency": "1 fortnight"}, "latency: '1 fortnight' is not a duration; "),
        ({"plmn": "4601"}, "plmn: '4601' is not a PLMN of 5 or 6 digits"),
        ({"weather": "rain"}, "the network has no value 'weather'; known are coverage_level, "),
    ],
)
def test_a_bad_patch_says_why_and_changes_nothing(changes: dict[str, Any], message: str) -> None:
    async def body() -> None:
        network = Network()
        told: list[int] = []
        network.listen(lambda: told.append(1))
        before = network.values()
        with pytest.raises(ValueError, match="^" + message.replace("(", r"\(")):
            network.patch(sinr=3, **changes)
        assert network.values() == before
        assert told == []

    play(body)


def test_listeners_are_told_until_they_leave() -> None:
    async def body() -> None:
        network = Network()
        told: list[int] = []
        leave = network.listen(lambda: told.append(network.pci))
        network.patch(pci=7)
        leave()
        leave()
        network.patch(pci=8)
        assert told == [7]

    play(body)


def test_subscribers_are_welcome_until_denied() -> None:
    async def body() -> None:
        network = Network()
        assert network.subscriber("460110000000001") == Subscriber(True, None, False)
        network.deny("460110000000001", 15)
        assert network.subscriber("460110000000001") == Subscriber(False, 15, False)
        network.allow("460110000000001")
        assert network.subscriber("460110000000001").allowed

    play(body)


def test_network_time_runs_with_the_loop() -> None:
    async def body() -> None:
        start = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
        network = Network(start=start)
        await asyncio.sleep(90)
        assert network.now_utc() == start + timedelta(seconds=90)

    play(body)


@pytest.mark.parametrize(
    ("rssi", "index"), [(-130, 0), (-113, 0), (-111, 1), (-97, 8), (-53, 30), (-51, 31), (-20, 31)]
)
def test_rssi_index(rssi: int, index: int) -> None:
    assert rssi_index(rssi) == index


@pytest.mark.parametrize(
    ("rsrp", "index"), [(-156, 0), (-141, 0), (-140, 1), (-92, 49), (-44, 97), (-30, 97)]
)
def test_rsrp_index(rsrp: int, index: int) -> None:
    assert rsrp_index(rsrp) == index


@pytest.mark.parametrize(
    ("rsrq", "index"), [(-30, 0), (-20, 0), (-19.5, 1), (-19, 2), (-5, 30), (-3, 34), (3, 34)]
)
def test_rsrq_index(rsrq: float, index: int) -> None:
    assert rsrq_index(rsrq) == index
