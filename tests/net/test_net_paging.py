"""Downlinks for a module that does not listen all the time: eDRX, PSM, and networks that keep data."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
from test_net_bearer import Bench, play

from modemsim.net.crossing import USUAL, Loss
from modemsim.net.tcp import TcpSocket

IDLE_FROM = 10.0
PAGING, SETUP, LATENCY = 0.5, 0.25, 0.1
"""Of the bench, in seconds."""


class Connection:
    """A TCP connection of the module and its peer; `heard` tells what came when, `ends` why it ended."""

    def __init__(self, bench: Bench) -> None:
        self.tcp = TcpSocket(bench.bearer)
        self.heard: list[tuple[float, bytes]] = []
        self.ends: list[Loss] = []
        self.tcp.on_data = lambda data: self.heard.append((now(), data))
        self.tcp.on_end = self.ends.append

    async def open(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            await self.tcp.connect(listener.getsockname())
            self.peer, _ = listener.accept()

    def close(self) -> None:
        self.tcp.abort()
        self.peer.close()


def now() -> float:
    return round(asyncio.get_running_loop().time(), 2)


def idle(body: Callable[[Bench, Connection], Awaitable[None]]) -> None:
    """Run `body` with a connection of a module that has gone idle, from `IDLE_FROM` on."""

    async def main(bench: Bench) -> None:
        bench.routes.offline = False
        connection = Connection(bench)
        await connection.open()
        await asyncio.sleep(IDLE_FROM - asyncio.get_running_loop().time())
        bench.radio.connected = False
        try:
            await body(bench, connection)
        finally:
            connection.close()

    play(main)


def test_a_connection_is_paged_in_the_next_window() -> None:
    async def body(bench: Bench, connection: Connection) -> None:
        bench.radio.until_paging = lambda: 140.0
        connection.peer.sendall(b"news")
        await asyncio.sleep(200)
        assert connection.heard == [(IDLE_FROM + 140 + PAGING + SETUP + LATENCY, b"news")]

    idle(body)


def test_in_psm_the_peer_repeats_until_the_module_is_back() -> None:
    async def body(bench: Bench, connection: Connection) -> None:
        bench.radio.asleep = True
        connection.peer.sendall(b"news")
        await asyncio.sleep(20)
        assert connection.heard == []
        assert not bench.radio.connected
        bench.radio.asleep, bench.radio.connected = False, True
        await asyncio.sleep(60)
        assert connection.heard == [(IDLE_FROM + sum(map(USUAL.wait, range(5))) + LATENCY, b"news")]

    idle(body)


def test_a_network_that_keeps_data_brings_them_with_the_next_connection() -> None:
    async def body(bench: Bench, connection: Connection) -> None:
        bench.bearer.keeps = lambda: True
        bench.radio.asleep = True
        connection.peer.sendall(b"news")
        await asyncio.sleep(1000)
        assert connection.heard == []
        bench.radio.asleep, bench.radio.connected = False, True
        bench.bearer.awake()
        await asyncio.sleep(1)
        assert connection.heard == [(IDLE_FROM + 1000 + SETUP + LATENCY, b"news")]

    idle(body)


def test_a_peer_that_gives_up_is_found_out_by_sending() -> None:
    async def body(bench: Bench, connection: Connection) -> None:
        bench.radio.asleep = True
        connection.peer.sendall(b"news")
        await asyncio.sleep(USUAL.give_up + 1)
        with pytest.raises(ConnectionResetError):
            connection.peer.recv(1)
        assert connection.ends == []
        assert connection.tcp.local_port
        bench.radio.asleep, bench.radio.connected = False, True
        connection.tcp.send(b"anybody there?")
        await asyncio.sleep(1)
        assert connection.ends == [Loss.RESET]

    idle(body)


def test_a_socket_closed_before_the_paging_window_is_given_back() -> None:
    async def body(bench: Bench) -> None:
        udp = bench.bearer.udp()
        port = udp.local[1]
        bench.radio.connected = False
        bench.radio.until_paging = lambda: 140.0
        bench.server.peer = ("127.0.0.1", port)
        bench.server.send(b"news")
        await asyncio.sleep(1)
        udp.close()
        await asyncio.sleep(200)
        again = bench.bearer.udp(port)
        assert again.local[1] == port
        again.close()

    play(body)
