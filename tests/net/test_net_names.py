"""The resolver and the crossing of the air: queries that are lost, repeated, answered, given up; the cache."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator

import dns.message
import dns.rcode
import dns.rrset
import pytest
from test_net_bearer import Bench, Server, play

from modemsim.net.crossing import CrossingFailed, Loss, cross, round_trip
from modemsim.net.resolver import CACHE_SIZE, NameFailed, NameProblem, Resolver
from modemsim.net.routes import Routes


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


@pytest.mark.parametrize(
    "name", ["a..b", ".", "a" * 64 + ".com", "\udc80.com", "a b", "\\300.com", "x" * 250 + ".de"]
)
@pytest.mark.parametrize("offline", [True, False])
def test_what_is_no_name_is_unknown_wherever_it_is_asked(name: str, offline: bool) -> None:
    async def body(bench: Bench, resolver: Resolver) -> None:
        bench.routes.offline = offline
        with pytest.raises(NameFailed) as caught:
            await resolver.resolve(name)
        with served(bench, resolver, answer_for("meter.example")), pytest.raises(NameFailed) as caught:
            await resolver.resolve(name)
        assert caught.value.problem is NameProblem.UNKNOWN

    resolving(body)


def test_a_name_found_before_is_not_known_without_an_address() -> None:
    async def body(bench: Bench, resolver: Resolver) -> None:
        await resolver.resolve("lwm2m.ctwing.cn")
        bench.radio.ip = None
        with pytest.raises(NameFailed) as caught:
            await resolver.resolve("lwm2m.ctwing.cn")
        assert caught.value.problem is NameProblem.NO_BEARER

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


FOUND = ["198.51.100.7", "198.51.100.8"]
"""Addresses of the known name; a server tells them in any order."""


def answer_for(known: str) -> Callable[[bytes], bytes]:
    """What a DNS server answers that knows one name."""

    def answer(data: bytes) -> bytes:
        reply = dns.message.make_response(dns.message.from_wire(data))
        name = reply.question[0].name
        if name.to_text(omit_final_dot=True) == known:
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", "A", *FOUND))
        else:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply.to_wire()

    return answer


@contextlib.contextmanager
def served(bench: Bench, resolver: Resolver, *answers: Callable[[bytes], bytes]) -> Iterator[list[Server]]:
    """DNS servers behind routes, which the resolver asks in this order."""
    servers, routes = [], []
    for number, answer in enumerate(answers, 1):
        server = Server()
        server.answer = answer
        servers.append(server)
        routes.append(((f"203.0.113.{number}", 53), server.address))
    bench.bearer.routes = Routes(bench.builtin, routes, offline=True)
    resolver.servers = lambda: [host for (host, _), _ in routes]
    try:
        yield servers
    finally:
        for server in servers:
            server.close()


def test_a_server_behind_a_route_is_asked_for_real() -> None:
    async def body(bench: Bench, resolver: Resolver) -> None:
        with served(bench, resolver, answer_for("meter.example")) as (server,):
            assert sorted(await resolver.resolve("Meter.example")) == FOUND
            with pytest.raises(NameFailed) as caught:
                await resolver.resolve("lwm2m.ctwing.cn")  # which the box knows, but this server does not
            assert caught.value.problem is NameProblem.UNKNOWN
            assert len(server.got) == 2

    resolving(body)


def test_a_deaf_server_is_followed_by_the_next_one() -> None:
    async def body(bench: Bench, resolver: Resolver) -> None:
        with served(bench, resolver, lambda data: b"nonsense", answer_for("meter.example")) as servers:
            assert sorted(await resolver.resolve("meter.example")) == FOUND
            assert [len(server.got) for server in servers] == [1, 1]
            assert now() == pytest.approx(5.2, abs=0.05)

    resolving(body)


@pytest.mark.parametrize("servers", [[], ["0.0.0.0"], ["127.0.0.1", "224.0.0.1"], ["no address"]])
def test_without_a_server_that_can_be_there_nothing_is_asked(servers: list[str]) -> None:
    async def body(bench: Bench, resolver: Resolver) -> None:
        resolver.servers = lambda: servers
        with pytest.raises(NameFailed) as caught:
            await resolver.resolve("lwm2m.ctwing.cn")
        assert (caught.value.problem, now()) == (NameProblem.NO_ANSWER, 0.0)

    resolving(body)


def test_servers_that_are_silent_are_given_up() -> None:
    async def body(bench: Bench, resolver: Resolver) -> None:
        resolver.silent = True
        with pytest.raises(NameFailed) as caught:
            await resolver.resolve("lwm2m.ctwing.cn")
        assert (caught.value.problem, now()) == (NameProblem.NO_ANSWER, 15.0)
        resolver.silent = False
        assert await resolver.resolve("lwm2m.ctwing.cn") == ["221.229.214.202"]

    resolving(body)
