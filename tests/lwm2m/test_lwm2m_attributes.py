"""Discover and Write-Attributes, and notifications that follow pmin, pmax, gt, lt and st."""

from __future__ import annotations

import asyncio

import pytest
from aiocoap import PUT
from lwm2m_bench import LINK, TEXT, Bench, FakeServer, code_of, on_bench

SIGNAL = (4, 0, 2)


@on_bench()
async def test_discover(bench: Bench) -> None:
    server = await bench.registered()
    assert await server.get("/5", LINK) == (
        "2.05",
        LINK,
        b"</5>,</5/0>,</5/0/0>,</5/0/1>,</5/0/2>,</5/0/3>,</5/0/5>,</5/0/8>;dim=1,</5/0/9>",
    )
    assert await server.attributes("/4", "pmin=10", "pmax=60") == "2.04"
    assert await server.attributes("/4/0", "pmax=120") == "2.04"
    assert await server.attributes("/4/0/2", "gt=-70", "lt=-110.5", "st=3") == "2.04"
    assert (await server.get("/4", LINK))[2] == (
        b"</4>;pmin=10;pmax=60,</4/0>;pmax=120,</4/0/0>,</4/0/1>;dim=1,</4/0/2>;gt=-70;lt=-110.5;st=3,"
        b"</4/0/4>;dim=1,</4/0/7>;dim=1,</4/0/8>,</4/0/9>,</4/0/10>"
    )
    assert (await server.get("/4/0", LINK))[2].startswith(b"</4/0>;pmax=120,</4/0/0>,")
    shown = (await server.get("/4/0/2", LINK))[2]
    assert shown == b"</4/0/2>;pmin=10;pmax=120;gt=-70;lt=-110.5;st=3"
    assert (await server.get("/4/0/4", LINK))[2] == b"</4/0/4>;pmin=10;pmax=120;dim=1"


@pytest.mark.parametrize(
    ("path", "queries", "code"),
    [
        ("/4/0/2", ("pmin=5", "pmax=5"), "2.04"),
        ("/4/0/2", ("pmin",), "2.04"),
        ("/4/0/2", ("gt=",), "2.04"),
        ("/3/0/13", ("st=60",), "2.04"),
        ("/4/0/2", ("pmin=6", "pmax=5"), "4.00"),
        ("/4/0/2", ("pmin=-1",), "4.00"),
        ("/4/0/2", ("pmin=1.5",), "4.00"),
        ("/4/0/2", ("gt=abc",), "4.00"),
        ("/4/0/2", ("gt=nan",), "4.00"),
        ("/4/0/2", ("st=0",), "4.00"),
        ("/4/0/2", ("gt=1", "lt=1"), "4.00"),
        ("/4/0/2", ("gt=10", "lt=1", "st=5"), "4.00"),
        ("/4/0/2", ("color=red",), "4.00"),
        ("/4/0/2", ("dim=3",), "4.00"),
        ("/4/0", ("gt=1",), "4.00"),
        ("/3/0/0", ("lt=1",), "4.00"),
        ("/4/0/77", ("pmin=1",), "4.04"),
        ("/19/0/0", ("pmin=1",), "4.01"),
        ("/0/0", ("pmin=1",), "4.01"),
    ],
)
def test_write_attributes(path: str, queries: tuple[str, ...], code: str) -> None:
    @on_bench()
    async def scenario(bench: Bench) -> None:
        assert await (await bench.registered()).attributes(path, *queries) == code

    scenario()


@on_bench()
async def test_attributes_of_levels_may_not_contradict_and_wrong_ones_change_nothing(bench: Bench) -> None:
    server = await bench.registered()
    assert await server.attributes("/4", "pmax=60") == "2.04"
    assert await server.attributes("/4/0/2", "pmin=61") == "4.00"
    assert (await server.get("/4/0/2", LINK))[2] == b"</4/0/2>;pmax=60"
    answer = await server.ask(PUT, "/4/0/2", b"1", uri_query=("pmin=1",))
    assert code_of(answer) == "4.00"


async def change(bench: Bench, server: FakeServer, value: int, after: float = 0.01) -> list[bytes]:
    """Change the signal, wait, and see what was notified."""
    bench.module["signal"] = value
    bench.client.changed(SIGNAL)
    await asyncio.sleep(after)
    return server.payloads()


@on_bench()
async def test_pmin_gathers_changes(bench: Bench) -> None:
    server = await bench.registered()
    await server.attributes("/4/0", "pmin=10")
    await server.observe("/4/0/2")
    assert await change(bench, server, -80, 4) == []
    assert await change(bench, server, -81, 5.9) == []
    await asyncio.sleep(0.2)
    assert server.payloads() == [b"-81"]
    await asyncio.sleep(20)
    assert await change(bench, server, -82) == [b"-82"]
    assert await change(bench, server, -83, 9.9) == []
    await asyncio.sleep(0.2)
    assert server.payloads() == [b"-83"]


@on_bench()
async def test_pmax_tells_without_a_change(bench: Bench) -> None:
    server = await bench.registered()
    await server.observe("/4/0/2")
    await server.attributes("/4/0/2", "pmax=60")
    await asyncio.sleep(59.9)
    assert server.payloads() == []
    await asyncio.sleep(0.2)
    assert server.payloads() == [b"-85"]
    await asyncio.sleep(30)
    assert await change(bench, server, -80, 59.9) == [b"-80"]
    await asyncio.sleep(0.2)
    assert server.payloads() == [b"-80"]
    await server.attributes("/4/0/2", "pmax")
    await asyncio.sleep(1000)
    assert server.payloads() == []


@on_bench()
async def test_default_periods_are_those_of_the_server_object(bench: Bench) -> None:
    server = await bench.registered()
    await server.put("/1/0/2", b"10", TEXT)
    await server.put("/1/0/3", b"60", TEXT)
    await server.observe("/4/0/2")
    assert await change(bench, server, -80, 9.9) == []
    await asyncio.sleep(0.2)
    assert server.payloads() == [b"-80"]
    await asyncio.sleep(60.1)
    assert server.payloads() == [b"-80"]


@on_bench()
async def test_thresholds_and_steps(bench: Bench) -> None:
    server = await bench.registered()
    await server.attributes("/4/0/2", "gt=-70", "lt=-100")
    await server.observe("/4/0/2")
    assert await change(bench, server, -71) == []
    assert await change(bench, server, -70) == []
    assert await change(bench, server, -69) == [b"-69"]
    assert await change(bench, server, -60) == []
    assert await change(bench, server, -99) == [b"-99"]
    assert await change(bench, server, -101) == [b"-101"]
    await server.attributes("/4/0/2", "gt", "lt", "st=5")
    assert await change(bench, server, -105) == []
    assert await change(bench, server, -106) == [b"-106"]
    assert await change(bench, server, -102) == []
    assert await change(bench, server, -101) == [b"-101"]
