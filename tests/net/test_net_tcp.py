"""TCP over loopback on virtual time: refusals, nobody there, listeners, flow control, accounting."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
from test_net_bearer import Bench, play

from modemsim.net.crossing import CrossingFailed, Loss
from modemsim.net.tcp import FLIGHT, TcpListener, TcpSocket


def local(bench: Bench) -> None:
    """Let the bench reach this machine's own ports."""
    bench.routes.offline = False


async def server(got: bytearray) -> tuple[asyncio.Server, int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(4096):
                got.extend(data)
                writer.write(data[::-1])
        writer.close()

    made = await asyncio.start_server(serve, "127.0.0.1", 0)
    return made, made.sockets[0].getsockname()[1]


def now() -> float:
    return round(asyncio.get_running_loop().time(), 1)


def test_data_crosses_both_ways_and_is_acknowledged() -> None:
    async def body(bench: Bench) -> None:
        got, heard, ends = bytearray(), bytearray(), []
        made, port = await server(got)
        tcp = TcpSocket(bench.bearer)
        tcp.on_data, tcp.on_end = heard.extend, ends.append
        await tcp.connect(("127.0.0.1", port))
        tcp.send(b"abc")
        assert (tcp.sent, tcp.acked, tcp.unacked) == (3, 0, 3)
        await asyncio.sleep(2)
        assert (bytes(got), bytes(heard), tcp.unacked, ends) == (b"abc", b"cba", 0, [])
        tcp.close()
        await asyncio.sleep(2)
        assert tcp.closed
        assert ends == []
        made.close()

    play(body)


def test_a_closed_port_refuses() -> None:
    async def body(bench: Bench) -> None:
        made, port = await server(bytearray())
        made.close()
        with pytest.raises(CrossingFailed) as caught:
            await TcpSocket(bench.bearer).connect(("127.0.0.1", port))
        assert caught.value.loss is Loss.REFUSED

    play(body)


def test_an_address_without_a_route_does_not_answer() -> None:
    async def body(bench: Bench) -> None:
        tcp = TcpSocket(bench.bearer)
        with pytest.raises(CrossingFailed) as caught:
            await tcp.connect(("203.0.113.1", 80))
        assert caught.value.loss is Loss.NO_ANSWER
        assert 30 < now() < 33
        tcp.abort()

    play(body)


def test_an_owner_without_room_leaves_the_data_with_the_peer() -> None:
    async def body(bench: Bench) -> None:
        heard, room = bytearray(), 10
        made, port = await server(bytearray())
        tcp = TcpSocket(bench.bearer)
        tcp.on_data = heard.extend
        tcp.room = lambda: room - len(heard)
        await tcp.connect(("127.0.0.1", port))
        tcp.send(bytes(100))
        await asyncio.sleep(5)
        assert len(heard) == 10
        room = 100
        tcp.read_on()
        await asyncio.sleep(5)
        assert len(heard) == 100
        tcp.abort()
        made.close()

    play(body)


def test_the_end_of_the_peer_and_of_the_bearer_are_told_apart() -> None:
    async def body(bench: Bench) -> None:
        made, port = await server(bytearray())
        ends: list[Loss] = []
        tcp = TcpSocket(bench.bearer)
        tcp.on_end = ends.append
        await tcp.connect(("127.0.0.1", port))
        bench.radio.ip = None
        tcp.send(b"x")
        await asyncio.sleep(1)
        assert ends == [Loss.NO_BEARER]
        made.close()

    play(body)


def test_a_listener_takes_connections_from_outside() -> None:
    async def body(bench: Bench) -> None:
        taken: list[TcpSocket] = []
        listener = TcpListener(bench.bearer, 0, taken.append)
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.local_port)
        writer.write(b"hello")
        await asyncio.sleep(1)
        heard = bytearray()
        taken[0].on_data = heard.extend
        taken[0].send(b"welcome")
        assert await reader.read(100) == b"welcome"
        assert taken[0].peer == writer.get_extra_info("sockname")
        with pytest.raises(OSError, match="in use"):
            TcpListener(bench.bearer, listener.local_port, taken.append)
        listener.abort()
        taken[0].abort()
        writer.transport.abort()
        await asyncio.sleep(0)

    play(body)


def test_what_was_sent_before_the_peer_half_closed_still_leaves() -> None:
    async def body(bench: Bench) -> None:
        got = bytearray()

        async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write_eof()
            while data := await reader.read(4096):
                got.extend(data)
            writer.close()

        made = await asyncio.start_server(half, "127.0.0.1", 0)
        tcp = TcpSocket(bench.bearer)
        ends: list[Loss] = []
        tcp.on_end = ends.append
        await tcp.connect(("127.0.0.1", made.sockets[0].getsockname()[1]))
        tcp.send(bytes(5 * FLIGHT))
        await asyncio.sleep(0.15)
        assert ends == [Loss.CLOSED]
        await asyncio.sleep(5)
        assert len(got) == 5 * FLIGHT
        assert tcp.closed
        made.close()

    play(body)


def test_what_the_peer_has_no_room_for_is_not_acknowledged() -> None:
    async def body(bench: Bench) -> None:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            tcp = TcpSocket(bench.bearer)
            await tcp.connect(listener.getsockname())
            peer, _ = listener.accept()
        data = bytes(range(256)) * 200
        tcp.send(data)
        await asyncio.sleep(60)
        assert tcp.acked < 20_000
        assert tcp.unacked == len(data) - tcp.acked
        peer.setblocking(False)
        heard = bytearray()
        while len(heard) < len(data):
            with contextlib.suppress(BlockingIOError):
                heard += peer.recv(4096)
            await asyncio.sleep(0.1)
        assert heard == data
        assert await tcp.delivered()
        tcp.send(data)
        tcp.close()
        await asyncio.sleep(10)
        assert not tcp.closed
        await asyncio.sleep(tcp.retransmission.give_up)
        assert tcp.closed
        peer.recv(1 << 20)
        with pytest.raises(ConnectionResetError):
            peer.recv(1)
        peer.close()

    play(body)
