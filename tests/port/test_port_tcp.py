"""The TCP port: one host at a time, newest refused, half-open hosts, slow readers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from modemsim import clock
from modemsim.port import PortError, TcpPort, Uart
from modemsim.port.tcp_port import WRITE_LIMIT
from modemsim.trace import Trace

pytestmark = pytest.mark.realtime


class Bench:
    """A UART on a TCP port that answers every byte string with itself in capitals."""

    def __init__(self) -> None:
        self.trace = Trace(asyncio.get_running_loop().time)
        self.port = TcpPort("127.0.0.1", 0)
        self.uart = Uart(self.port, trace=self.trace, pacing=False)
        self.uart.receiver = lambda data: self.uart.send(data.upper())

    async def host(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, _, number = self.port.name.rpartition(":")
        return await asyncio.open_connection(host, int(number))

    def events(self) -> list[str]:
        return [record.event for record in self.trace.recent()]

    async def seen(self, *events: str) -> None:
        for _ in range(2000):
            if self.events() == list(events):
                return
            await asyncio.sleep(0.001)
        raise AssertionError(f"not {events} but {self.events()} after two seconds")


def play(body: Callable[[Bench], Awaitable[None]]) -> None:
    async def main() -> None:
        bench = Bench()
        await bench.port.start()
        try:
            await body(bench)
        finally:
            await bench.port.stop()

    clock.run(main())


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


def test_hosts_come_and_go() -> None:
    async def body(bench: Bench) -> None:
        assert bench.port.write(b"nobody") == 6
        for number in range(2):
            reader, writer = await bench.host()
            writer.write(b"at\r\x00\xff")
            assert await reader.readexactly(5) == b"AT\r\x00\xff"
            await closed(writer)
            await bench.seen(*["opened", "closed"] * (number + 1))
            assert not bench.uart.host_present

    play(body)


def test_a_second_host_is_refused() -> None:
    async def body(bench: Bench) -> None:
        reader, writer = await bench.host()
        await bench.seen("opened")
        second, writer_2 = await bench.host()
        assert await second.read() == b""
        await bench.seen("opened", "refused")
        writer.write(b"x")
        assert await reader.readexactly(1) == b"X"
        await closed(writer)
        await closed(writer_2)

    play(body)


def test_a_host_that_only_listens_on_gets_answers_and_makes_way() -> None:
    async def body(bench: Bench) -> None:
        reader, writer = await bench.host()
        writer.write(b"at")
        writer.write_eof()
        assert await reader.readexactly(2) == b"AT"
        await bench.seen("opened", "closed")
        bench.uart.send(b"URC")
        assert await reader.readexactly(3) == b"URC"
        other, writer_2 = await bench.host()
        await bench.seen("opened", "closed", "opened")
        writer_2.write(b"y")
        assert await other.readexactly(1) == b"Y"
        writer.transport.abort()
        await closed(writer_2)

    play(body)


def test_a_reset_frees_the_port() -> None:
    async def body(bench: Bench) -> None:
        _, writer = await bench.host()
        await bench.seen("opened")
        writer.transport.abort()
        await bench.seen("opened", "closed")

    play(body)


def test_a_host_that_does_not_read_loses_bytes_and_blocks_nobody() -> None:
    async def body(bench: Bench) -> None:
        reader, writer = await bench.host()
        await bench.seen("opened")
        for _ in range(1000):
            bench.uart.send(b"x" * 65536)
        assert bench.port.write(b"x") in (0, 1)
        current = bench.port._current
        assert current is not None
        assert current._transport is not None
        assert current._transport.get_write_buffer_size() <= WRITE_LIMIT
        writer.transport.abort()
        await bench.seen("opened", "unread", "closed")
        del reader

    play(body)


def test_stop_ends_the_connection_and_frees_the_number() -> None:
    async def main() -> None:
        bench = Bench()
        await bench.port.start()
        reader, writer = await bench.host()
        await bench.seen("opened")
        number = int(bench.port.name.rpartition(":")[2])
        bench.uart.send(b"bye")
        await bench.port.stop()
        assert await reader.read() == b"bye"
        await closed(writer)
        again = TcpPort("127.0.0.1", number)
        await again.start()
        assert again.name == f"127.0.0.1:{number}"
        await again.stop()

    clock.run(main())


def test_a_number_in_use_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        with pytest.raises(PortError, match=f"^cannot listen on 127.0.0.1:{number}: .*in use"):
            clock.run(TcpPort("127.0.0.1", number).start())
    with pytest.raises(PortError, match=r"^cannot listen on 127.0.0.1:99999: "):
        clock.run(TcpPort("127.0.0.1", 99999).start())


def test_accepted_connections_notice_dead_peers_and_send_at_once() -> None:
    async def body(bench: Bench) -> None:
        _, writer = await bench.host()
        await bench.seen("opened")
        current = bench.port._current
        assert current is not None
        assert current._transport is not None
        accepted: socket.socket = current._transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        await closed(writer)

    play(body)
