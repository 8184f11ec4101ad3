"""Transparent mode of the EC800E: every byte both ways, floods, escapes in every split, the power that goes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
from test_ue_sockets import Peer, echo
from ue_bench import Bench, on_bench

from modemsim.trace import Record

EVERYTHING = bytes(range(256))


async def online(bench: Bench, port: int) -> None:
    await bench.attached()
    await bench.port.host_quiet(10)
    await bench.ask("ATE0")
    bench.port.host_write(b'AT+QIOPEN=1,0,"TCP","127.0.0.1",%d,0,2\r' % port)
    await bench.port.host_read_until(b"\r\nCONNECT\r\n", 60)


def on_echo(work: Callable[[Bench], Awaitable[None]], *overrides: str) -> None:
    async def main(bench: Bench) -> None:
        async with Peer(echo) as peer:
            await online(bench, peer.port)
            await work(bench)

    on_bench(main, profile="ec800e", overrides=overrides)


def test_every_byte_value_goes_both_ways() -> None:
    async def work(bench: Bench) -> None:
        bench.port.host_write(EVERYTHING)
        assert await bench.port.host_quiet(3) == EVERYTHING

    on_echo(work)


def test_a_flood_from_the_peer_keeps_to_the_line() -> None:
    async def work(bench: Bench) -> None:
        data = random.Random(3).randbytes(200_000)
        for start in range(0, len(data), 1000):
            bench.port.host_write(data[start : start + 1000])
            await asyncio.sleep(0.1)
        assert await bench.port.host_quiet(10) == data

    on_echo(work)


@pytest.mark.parametrize("pieces", [(b"+++",), (b"+", b"+", b"+"), (b"++", b"+")])
def test_the_escape_may_come_in_pieces(pieces: tuple[bytes, ...]) -> None:
    async def work(bench: Bench) -> None:
        await asyncio.sleep(2)
        for piece in pieces:
            bench.port.host_write(piece)
            await asyncio.sleep(0.2)
        assert await bench.port.host_quiet(3) == b"\r\nOK\r\n"
        assert await bench.ask("AT") == ["OK"]

    on_echo(work)


@pytest.mark.parametrize("data", [b"++++", b"++", b"+++\r", b"+"])
def test_what_only_looks_like_the_escape_is_data(data: bytes) -> None:
    async def work(bench: Bench) -> None:
        await asyncio.sleep(2)
        bench.port.host_write(data)
        assert await bench.port.host_quiet(5) == data

    on_echo(work)


@pytest.mark.parametrize("pacing", [False, True])
def test_a_host_that_floods_a_peer_that_never_reads_is_cut_off(pacing: bool) -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(10_000)

    async def main(bench: Bench) -> None:
        lost = 0

        def count(record: Record) -> None:
            nonlocal lost
            lost += record.fields.get("lost", 0) if record.event == "overrun" else 0

        bench.simulation.trace.subscribe(count)
        async with Peer(deaf) as peer:
            await online(bench, peer.port)
            bench.simulation.network.patch(outage=True)
            for _ in range(50):
                bench.port.host_write(bytes(10_000))
                await asyncio.sleep(1 if pacing else 0.01)
            await asyncio.sleep(2)
            assert lost > 400_000
            bench.port.host_write(b"+++")
            assert await bench.port.host_quiet(3) == b"\r\nOK\r\n"
            assert lost > 480_000
            bench.port.host_write(b"ATO\r")
            await bench.port.host_read_until(b"CONNECT\r\n", 5)
            for data in (b"+", b"++", b"+++A", b"A+++"):
                await asyncio.sleep(2)
                bench.port.host_write(data)
            assert await bench.port.host_quiet(5) == b""

    on_bench(main, profile="ec800e", overrides=(f"serial.pacing={str(pacing).lower()}",))


def test_a_reset_in_transparent_mode_leaves_a_module_that_answers() -> None:
    async def work(bench: Bench) -> None:
        bench.port.host_write(b"data")
        await bench.simulation.power("reset")
        await bench.attached()
        await bench.port.host_quiet(10)
        await bench.ask("ATE0")
        assert await bench.ask("AT+QISTATE") == ["OK"]

    on_echo(work)


def test_a_bearer_that_is_lost_ends_transparent_mode_at_once() -> None:
    async def work(bench: Bench) -> None:
        await bench.simulation.ue.radio.detach()
        heard = await bench.port.host_quiet(5)
        assert heard.startswith(b"\r\nNO CARRIER\r\n")
        assert await bench.ask("AT") == ["OK"]

    on_echo(work)
