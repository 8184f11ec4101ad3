"""Data over TLS on virtual time: both ways in pieces of any size, and every way a connection ends."""

from __future__ import annotations

import asyncio
import os
import random
import socket

import pytest
from test_net_bearer import Bench, play
from tls_bench import Serve, authority, opened, reach, server, wishes

from modemsim.net.crossing import Loss
from modemsim.net.tcp import FLIGHT
from modemsim.net.tls import RECORD, TlsSocket, open_stream


@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_a_megabyte_crosses_both_ways_in_pieces_of_any_size(loss: float) -> None:
    stream = random.Random(3)
    data = stream.randbytes((1 << 20) // (8 if loss else 1))

    async def body(bench: Bench) -> None:
        trusted, heard = authority(), bytearray()
        bench.radio.lost = lambda: stream.random() < loss
        async with server(context=trusted.context) as where:
            tls = await opened(bench, wishes(trusted), where)
            tls.on_data = heard.extend
            tls.room = lambda: limit - len(heard)
            rest, limit = data, 0
            while rest or len(heard) < len(data):
                piece = rest[: stream.choice((1, 2, 100, 1460, 1460, RECORD, RECORD + 1, 40000))]
                tls.send(piece)
                rest = rest[len(piece) :]
                await asyncio.sleep(stream.random())
                assert tls._incoming.pending <= 2 * FLIGHT
                limit = len(heard) + stream.choice((0, 1, 1000, 20000, 100000))
                tls.read_on()
                assert 0 <= tls.acked <= tls.sent
                assert len(heard) <= limit
            assert bytes(heard) == data
            await asyncio.sleep(500)
            assert (tls.sent, tls.acked, tls.unacked) == (len(data), len(data), 0)
            tls.close()
            await asyncio.sleep(500)
            assert not bench.bearer.streams

    play(body)


async def ended(bench: Bench, serve: Serve, data: bytes = b"") -> tuple[bytes, list[Loss]]:
    """What a client hears of a server, and how the connection ends."""
    trusted = authority()
    async with server(serve, trusted.context) as where:
        heard, ends = bytearray(), []
        tls = await opened(bench, wishes(trusted), where, on_data=heard.extend, on_end=ends.append)
        tls.send(data)
        await asyncio.sleep(100)
        assert tls.closed
        tls.send(b"nowhere")
        tls.close()
        tls.abort()
        return bytes(heard), ends


def test_the_peer_closes_with_its_last_bytes() -> None:
    async def last(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"last")
        writer.close()

    async def body(bench: Bench) -> None:
        assert await ended(bench, last) == (b"last", [Loss.CLOSED])

    play(body)


def test_an_end_without_the_closing_alert_is_an_end() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"cut")
        await writer.drain()
        await asyncio.sleep(1)
        writer.transport.get_extra_info("socket").shutdown(1)
        await asyncio.sleep(50)

    async def body(bench: Bench) -> None:
        assert await ended(bench, cut) == (b"cut", [Loss.CLOSED])

    play(body)


def test_a_reset_is_a_reset() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    async def body(bench: Bench) -> None:
        heard, ends = await ended(bench, reset, b"x" * 100_000)
        assert heard == b""
        assert ends in ([Loss.RESET], [Loss.CLOSED])

    play(body)


def test_a_record_that_nobody_can_decipher_ends_the_connection() -> None:
    async def garble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1)
        with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as raw:
            raw.send(b"\x17\x03\x03\x00\x20" + bytes(32))
        await asyncio.sleep(50)

    async def body(bench: Bench) -> None:
        assert await ended(bench, garble) == (b"", [Loss.SECURITY])

    play(body)


def test_what_the_peer_sent_before_it_closed_waits_for_room() -> None:
    async def last(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(20000))
        writer.close()

    async def body(bench: Bench) -> None:
        trusted, heard, ends = authority(), bytearray(), []
        async with server(last, trusted.context) as where:
            tls = TlsSocket(bench.bearer, wishes(trusted))
            tls.room, tls.on_data, tls.on_end = lambda: limit - len(heard), heard.extend, ends.append
            limit = 100
            reach(bench, where)
            await open_stream(tls, where)
            await asyncio.sleep(100)
            assert (len(heard), ends) == (100, [])
            while limit < 20100:
                limit += 1000
                tls.read_on()
                await asyncio.sleep(1)
            assert (len(heard), ends) == (20000, [Loss.CLOSED])

    play(body)


def test_a_talkative_owner_leaves_nothing_behind() -> None:
    async def body(bench: Bench) -> None:
        trusted = authority()
        async with server(context=trusted.context) as where:
            tls = await opened(bench, wishes(trusted), where)
            for _ in range(200):
                tls.send(b"x")
                await asyncio.sleep(1)
            assert len(tls._marks) < 3

    play(body)
