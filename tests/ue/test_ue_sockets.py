"""Sockets through AT commands against real peers: every byte, a megabyte each way, peers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from ue_bench import FAST, Bench, on_bench

MEGABYTE = 1 << 20


class Peer:
    """A TCP server in this process whose behaviour is a coroutine of one connection."""

    def __init__(
        self, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    ) -> None:
        self._serve = serve
        self.port = 0
        self.writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Peer:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *problem: object) -> None:
        self._server.close()
        for writer in self.writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        with contextlib.suppress(ConnectionError):
            await self._serve(reader, writer)


async def opened(bench: Bench, port: int, *, access: int = 1, id: int = 0) -> None:
    await bench.attached()
    await bench.ask("ATE0")
    assert await bench.ask(f'AT+QIOPEN=0,{id},"TCP","127.0.0.1",{port},0,{access}') == ["OK"]
    await bench.port.host_read_until(f"+QIOPEN: {id},0\r\n".encode(), 60)


async def send(bench: Bench, data: bytes, id: int = 0) -> bool:
    """Send behind a prompt; True for SEND OK."""
    bench.port.host_write(b"AT+QISEND=%d,%d\r" % (id, len(data)))
    await bench.port.host_read_until(b">", 10)
    bench.port.host_write(data)
    return b"OK" in await bench.port.host_read_until(b"\r\n", 10) + await bench.port.host_read_until(
        b"\r\n", 10
    )


async def read(bench: Bench, most: int, id: int = 0) -> bytes:
    """One AT+QIRD of raw data."""
    bench.port.host_write(b"AT+QIRD=%d,%d\r" % (id, most))
    head = (await bench.port.host_read_until(b"+QIRD: ", 10))[-7:] + await bench.port.host_read_until(
        b"\r\n", 10
    )
    count = int(head[7:])
    got = b""
    while len(got) < count:
        got += await bench.port.host_read_until(b"", 10) or bench.port.host_read()
        if len(got) < count:
            await asyncio.sleep(0)
    rest = got[count:]
    while b"OK\r\n" not in rest:
        rest += await bench.port.host_read_until(b"\r\n", 10)
    return got[:count]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(8192):
        writer.write(data)
        await writer.drain()
    writer.close()


def bench_with(serve: Any, work: Callable[[Bench, Peer], Awaitable[Any]], **options: Any) -> Any:
    async def main(bench: Bench) -> Any:
        async with Peer(serve) as peer:
            return await work(bench, peer)

    return on_bench(main, overrides=FAST, **options)


@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_a_megabyte_up_arrives_byte_for_byte(loss: float) -> None:
    got = bytearray()

    async def sink(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            got.extend(data)

    async def work(bench: Bench, peer: Peer) -> None:
        await opened(bench, peer.port)
        bench.simulation.network.patch(loss=loss)
        rest = data
        while rest:
            piece = rest[: stream.randint(1, 1024)]
            if await send(bench, piece):
                rest = rest[len(piece) :]
            else:
                await asyncio.sleep(1)
        assert await bench.ask("AT+QICLOSE=0") == ["OK"]
        await asyncio.sleep(200)

    stream = random.Random(1)
    data = stream.randbytes(MEGABYTE // 4 if loss else MEGABYTE)
    bench_with(sink, work)
    assert got == data


@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_a_megabyte_down_arrives_byte_for_byte_however_slowly_the_host_reads(loss: float) -> None:
    async def source(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.close()

    async def work(bench: Bench, peer: Peer) -> None:
        await opened(bench, peer.port, access=0)
        bench.simulation.network.patch(loss=loss)
        held = 0
        while len(got) < len(data):
            await asyncio.sleep(stream.choice((0.001, 0.01, 0.1)))
            link = bench.simulation.ue.sockets.get(0)
            assert link is not None
            held = max(held, len(link.buffer))
            got.extend(await read(bench, stream.randint(1, 1024)))
        assert held <= 4096
        assert b'+QIURC: "closed",0' in await bench.port.host_quiet(5) + seen

    stream, got, seen = random.Random(2), bytearray(), b'+QIURC: "closed",0'
    data = stream.randbytes(MEGABYTE // 4 if loss else MEGABYTE)
    bench_with(source, work)
    assert got == data


def test_pushed_data_waits_for_a_slow_line_and_for_a_host_that_types() -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(bytes(range(256)) * 64)
            await writer.drain()

    async def work(bench: Bench, peer: Peer) -> bytes:
        await opened(bench, peer.port)
        await asyncio.sleep(60)
        ue = bench.simulation.ue
        assert ue.terminal.urcs_waiting <= 2
        link = ue.sockets.get(0)
        assert link is not None
        assert len(link.buffer) <= 4096
        return bench.port.host_read()

    async def main(bench: Bench) -> bytes:
        async with Peer(flood) as peer:
            return await work(bench, peer)

    got = on_bench(main, overrides=("timing.latency_ce0=10ms",))
    pieces = got.split(b'+QIURC: "recv",0,')[1:]
    whole = b"".join(piece.split(b',"', 1)[1][: int(piece.split(b",")[0])] for piece in pieces[:-1])
    assert len(whole) > 20_000
    assert whole == (bytes(range(256)) * 1024)[: len(whole)]


def test_every_byte_value_in_text_and_hex_both_ways() -> None:
    async def work(bench: Bench, peer: Peer) -> None:
        await opened(bench, peer.port)
        assert await send(bench, everything)
        assert b'+QIURC: "recv",0,256,"' + everything + b'"' in await bench.port.host_quiet(2)
        assert await bench.ask('AT+QICFG="dataformat",1,1') == ["OK"]
        bench.port.host_write(b"AT+QISEND=0,256\r")
        await bench.port.host_read_until(b">", 5)
        bench.port.host_write(everything.hex().encode())
        assert everything.hex().upper().encode() in await bench.port.host_quiet(2)

    everything = bytes(range(256))
    bench_with(echo, work)


def test_five_sockets_at_once_keep_their_data_apart() -> None:
    async def work(bench: Bench, peer: Peer) -> None:
        for id in range(5):
            await opened(bench, peer.port, access=0, id=id)
        assert await bench.ask(f'AT+QIOPEN=0,4,"TCP","127.0.0.1",{peer.port}') == ["ERROR"]
        for id in range(5):
            assert await send(bench, b"socket %d" % id * 100, id)
        await bench.port.host_quiet(5)
        for id in reversed(range(5)):
            assert await read(bench, 1024, id) == b"socket %d" % id * 100

    bench_with(echo, work)


def test_a_peer_that_resets_is_reported_and_the_number_freed_by_the_host() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        writer.close()

    async def work(bench: Bench, peer: Peer) -> None:
        await opened(bench, peer.port)
        assert await send(bench, b"x")
        await bench.port.host_read_until(b'+QIURC: "closed",0\r\n', 10)
        assert await bench.ask('AT+QISEND=0,1,"y"') == ["ERROR"]
        assert await bench.ask(f'AT+QIOPEN=0,0,"TCP","127.0.0.1",{peer.port}') == ["ERROR"]
        assert await bench.ask("AT+QICLOSE=0") == ["OK"]
        await bench.port.host_quiet(1)
        await opened(bench, peer.port)

    bench_with(reset, work)


def test_a_peer_that_half_closes_still_gets_what_was_sent() -> None:
    got = bytearray()

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.extend(await reader.read(1))
        writer.write(b"bye")
        writer.write_eof()
        while data := await reader.read(1024):
            got.extend(data)

    async def work(bench: Bench, peer: Peer) -> None:
        await opened(bench, peer.port)
        assert await bench.ask('AT+QISEND=0,4,"last"') == ["OK"]
        heard = await bench.port.host_quiet(5)
        assert heard.index(b'"recv",0,3,"bye"') < heard.index(b'+QIURC: "closed",0')

    bench_with(half, work)
    assert got == b"last"


def test_a_peer_that_never_reads_fills_the_send_buffer() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(10_000)

    async def work(bench: Bench, peer: Peer) -> None:
        await opened(bench, peer.port)
        sent = 0
        while await send(bench, bytes(1024)):
            sent += 1
            assert sent < 10_000
            await asyncio.sleep(0.05)
        told = await bench.ask("AT+QISEND=0,0")
        total, acked, unacked = (int(text) for text in told[0].removeprefix("+QISEND: ").split(","))
        assert total == sent * 1024 == acked + unacked
        assert unacked <= 8192

    bench_with(deaf, work)


def test_an_outage_delays_and_a_longer_one_ends_the_connection() -> None:
    async def work(bench: Bench, peer: Peer) -> None:
        await opened(bench, peer.port)
        bench.simulation.network.patch(outage=True)
        assert await bench.ask('AT+QISEND=0,4,"late"') == ["OK"]
        await asyncio.sleep(5)
        bench.simulation.network.patch(outage=False)
        await bench.port.host_read_until(b'+QIURC: "recv",0,4,"late"\r\n', 60)
        bench.simulation.network.patch(outage=True)
        assert await bench.ask('AT+QISEND=0,4,"gone"') == ["OK"]
        await bench.port.host_read_until(b'+QIURC: "closed",0\r\n', 400)

    bench_with(echo, work)


def test_power_lost_in_the_middle_leaves_nothing_behind() -> None:
    async def work(bench: Bench, peer: Peer) -> None:
        await opened(bench, peer.port)
        assert await bench.ask('AT+QISEND=0,4,"data"') == ["OK"]
        await bench.simulation.power("reset")
        await bench.attached()
        assert await bench.ask("AT+QISTATE?") == ["OK"]

    bench_with(echo, work)


def test_a_connection_the_network_has_forgotten_is_found_dead_when_it_sends() -> None:
    async def work(bench: Bench, peer: Peer) -> None:
        await opened(bench, peer.port)
        bench.simulation.network.patch(nat_timeout=60)
        await asyncio.sleep(50)
        assert await bench.ask('AT+QISEND=0,2,"ok"') == ["OK"]
        await bench.port.host_read_until(b'"recv",0,2,"ok"\r\n', 10)
        await asyncio.sleep(70)
        assert await bench.ask('AT+QISEND=0,4,"gone"') == ["OK"]
        await bench.port.host_read_until(b'+QIURC: "closed",0\r\n', 400)

    bench_with(echo, work)
