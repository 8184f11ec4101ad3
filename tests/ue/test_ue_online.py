"""Transparent mode of the EC800E: every byte both ways, floods, escapes in every split, the power that goes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
from test_ue_sockets import Peer, echo
from ue_bench import Bench, on_bench

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
