"""A listening socket of the EC800E: connections from outside get numbers of their own."""

from __future__ import annotations

import asyncio

import pytest
from ue_bench import Bench, on_bench

from modemsim.ue.socket import Kind, Socket
from modemsim.ue.socket_buffer import SocketBuffer


def test_incoming_connections_are_numbered_read_and_answered() -> None:
    async def work(bench: Bench) -> None:
        await bench.attached()
        await bench.port.host_quiet(10)
        await bench.ask("ATE0")
        assert await bench.ask('AT+QIOPEN=1,1,"TCP LISTENER","127.0.0.1",0,0,0') == ["OK"]
        await bench.port.host_read_until(b"+QIOPEN: 1,0\r\n", 10)
        listener = bench.simulation.ue.sockets.get(1)
        assert listener is not None
        assert listener.listener is not None
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.listener.local_port)
        port = writer.get_extra_info("sockname")[1]
        await bench.port.host_read_until(b'+QIURC: "incoming",0,1,"127.0.0.1",%d\r\n' % port, 10)
        writer.write(b"question")
        await bench.port.host_read_until(b'+QIURC: "recv",0\r\n', 10)
        assert await bench.ask("AT+QIRD=0,100") == ["+QIRD: 8", "question", "OK"]
        assert await bench.ask('AT+QISEND=0,6,"answer"') == ["OK"]
        assert await reader.read(100) == b"answer"
        states, own = await bench.ask("AT+QISTATE"), listener.listener.local_port
        assert states[1] == f'+QISTATE: 0,"TCP INCOMING","127.0.0.1",{port},{own},2,1,1,0,"uart1"'
        assert states[2] == f'+QISTATE: 1,"TCP LISTENER","127.0.0.1",0,{own},3,1,1,0,"uart1"'
        writer.close()
        await bench.port.host_read_until(b'+QIURC: "closed",0\r\n', 10)
        assert await bench.ask("AT+QICLOSE=1") == ["OK"]

    on_bench(work, profile="ec800e")


def test_a_table_that_is_full_turns_connections_away() -> None:
    async def work(bench: Bench) -> None:
        await bench.attached()
        await bench.port.host_quiet(10)
        assert await bench.ask('AT+QIOPEN=1,0,"TCP LISTENER","127.0.0.1",0,0,0') == ["OK"]
        await bench.port.host_read_until(b"+QIOPEN: 0,0\r\n", 10)
        listener = bench.simulation.ue.sockets.get(0)
        assert listener is not None
        assert listener.listener is not None
        writers = []
        for _ in range(12):
            _, writer = await asyncio.open_connection("127.0.0.1", listener.listener.local_port)
            writers.append(writer)
        assert b'+QIURC: "incoming full"' in await bench.port.host_quiet(5)
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(1)

    on_bench(work, profile="ec800e")


def test_a_port_that_is_taken_is_told_by_its_number() -> None:
    async def work(bench: Bench) -> None:
        await bench.attached()
        await bench.port.host_quiet(10)
        await bench.ask("ATE0")
        assert await bench.ask('AT+QIOPEN=1,0,"TCP LISTENER","127.0.0.1",0,0,0') == ["OK"]
        await bench.port.host_read_until(b"+QIOPEN: 0,0\r\n", 10)
        listener = bench.simulation.ue.sockets.get(0)
        assert listener is not None
        assert listener.listener is not None
        taken = listener.listener.local_port
        assert await bench.ask(f'AT+QIOPEN=1,1,"TCP LISTENER","127.0.0.1",0,{taken},0') == ["OK"]
        await bench.port.host_read_until(b"+QIOPEN: 1,556\r\n", 10)
        assert await bench.ask("AT+QIGETERROR") == ["+QIGETERROR: 556,socket bind failed", "OK"]

    on_bench(work, profile="ec800e")


@pytest.mark.parametrize(
    ("holder", "kind", "port", "held"),
    [
        (Kind.TCP, Kind.LISTENER, 8000, True),
        (Kind.LISTENER, Kind.TCP, 8000, True),
        (Kind.UDP, Kind.SERVICE, 8000, True),
        (Kind.TCP, Kind.UDP, 8000, False),
        (Kind.SERVICE, Kind.LISTENER, 8000, False),
        (Kind.INCOMING, Kind.LISTENER, 8000, False),
        (Kind.TCP, Kind.TCP, 8001, False),
    ],
)
def test_who_keeps_a_port_from_whom(holder: Kind, kind: Kind, port: int, held: bool) -> None:
    socket = Socket(0, holder, SocketBuffer(10, stream=True), local_port=8000)
    assert socket.holds_port(kind, port) is held


def test_any_port_is_nobodys() -> None:
    assert not Socket(0, Kind.TCP, SocketBuffer(10, stream=True)).holds_port(Kind.TCP, 0)
