"""The resolver and the crossing of the air: queries that are lost, repeated, answered, given up; the cache."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from test_net_bearer import Bench, play

from modemsim.net.crossing import CrossingFailed, Loss, cross, round_trip
from modemsim.net.resolver import CACHE_SIZE, NameFailed, NameProblem, Resolver


def resolving(body: Callable[[Bench, Resolver], Awaitable[None]]) -> None:
    async def main(bench: Bench) -> None:
        await body(bench, Resolver(bench.bearer))

    play(main)


def now() -> float:
    return round(asyncio.get_running_loop().time(), 3)


def test_an_address_needs_no_query() -> None:
    async def body(bench: Bench, resolver: Resolver) -> None:
        bench.radio.ip = None
        assert await resolver.resolve("10.0.0.1") == ["10.0.0.1"]
        assert now() == 0.0

    resolving(body)


def test_a_name_costs_a_round_trip_once() -> None:
    async def body(bench: Bench, resolver: Resolver) -> None:
        assert await resolver.resolve("LWM2M.ctwing.cn.") == ["221.229.214.202"]
        assert now() == 0.2
        assert await resolver.resolve("lwm2m.ctwing.cn") == ["221.229.214.202"]
        assert now() == 0.2
        resolver.clear()
        await resolver.resolve("lwm2m.ctwing.cn")
        assert now() == 0.4
        await resolver.resolve("lwm2m.ctwing.cn", cached=False)
        assert now() == 0.6

    resolving(body)


def test_a_lost_query_is_repeated_and_three_are_enough() -> None:
    async def body(bench: Bench, resolver: Resolver) -> None:
        bench.radio.losses = [True]
        await resolver.resolve("lwm2m.ctwing.cn")
        assert now() == 5.2
        bench.radio.losses = [True, False, True, True]
        with pytest.raises(NameFailed) as caught:
            await resolver.resolve("mqtt.ctwing.cn")
        assert caught.value.problem is NameProblem.NO_ANSWER
        assert now() == 20.2

    resolving(body)


@pytest.mark.parametrize(
    ("ip", "problem"), [("100.64.0.9", NameProblem.UNKNOWN), (None, NameProblem.NO_BEARER)]
)
def test_a_name_that_cannot_be_had(ip: str | None, problem: NameProblem) -> None:
    async def body(bench: Bench, resolver: Resolver) -> None:
        bench.radio.ip = ip
        with pytest.raises(NameFailed) as caught:
            await resolver.resolve("nobody.invalid")
        assert caught.value.problem is problem

    resolving(body)


def test_the_cache_is_small() -> None:
    async def body(bench: Bench, resolver: Resolver) -> None:
        for number in range(CACHE_SIZE + 1):
            await resolver.resolve(f"{number}.nb.ctwing.cn")
        before = now()
        await resolver.resolve("1.nb.ctwing.cn")
        assert now() == before
        await resolver.resolve("0.nb.ctwing.cn")
        assert now() > before

    resolving(body)


def test_a_segment_is_repeated_with_doubling_waits() -> None:
    async def body(bench: Bench) -> None:
        bench.radio.losses = [True, True, True]
        await cross(bench.bearer, downlink=False)
        assert now() == 1 + 2 + 4 + 4 * 0.1

    play(body)


def test_a_segment_that_never_arrives_is_given_up_after_two_minutes() -> None:
    async def body(bench: Bench) -> None:
        bench.radio.reachable = False
        with pytest.raises(CrossingFailed) as caught:
            await cross(bench.bearer, downlink=False)
        assert caught.value.loss is Loss.NO_ANSWER
        assert now() > 100

    play(body)


def test_an_idle_module_is_paged_for_a_downlink_and_set_up_for_an_uplink() -> None:
    async def body(bench: Bench) -> None:
        bench.radio.connected = False
        assert await round_trip(bench.bearer) == pytest.approx(0.45)
        bench.radio.connected = False
        await cross(bench.bearer, downlink=True)
        assert now() == 0.45 + 0.5 + 0.25 + 0.1

    play(body)


def test_without_an_address_nothing_crosses() -> None:
    async def body(bench: Bench) -> None:
        bench.radio.latencies = [1.0]
        asyncio.get_running_loop().call_later(0.5, setattr, bench.radio, "ip", None)
        with pytest.raises(CrossingFailed) as caught:
            await cross(bench.bearer, downlink=False)
        assert caught.value.loss is Loss.NO_BEARER

    play(body)
