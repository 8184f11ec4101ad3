"""Peers and networks at their worst, with every socket a module has: memory stays bounded, the module answers."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest
from sockets_bench import keep, listening, on_module, open_tcp, reset, told, udp_peer
from test_ue_sockets import Peer, bench_with, echo, opened, read, send
from ue_bench import FAST, Bench, on_bench

EVERYTHING = bytes(range(256))
PROFILES = (("ec800e", 12, 10240), ("bc260y", 5, 4096))


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A peer that never stops sending."""
    with contextlib.suppress(ConnectionError):
        while True:
            writer.write(EVERYTHING * 16)
            await writer.drain()


@pytest.mark.parametrize(("profile", "count", "limit"), PROFILES)
@pytest.mark.parametrize("access", [0, 1])
def test_all_sockets_flooded_at_once(profile: str, count: int, limit: int, access: int) -> None:
    async def main(bench: Bench) -> None:
        await bench.attached()
        await bench.port.host_quiet(10)
        await bench.ask("ATE0")
        async with Peer(flood) as peer:
            for id in range(count):
                assert await bench.ask(f'AT+QIOPEN=0,{id},"TCP","127.0.0.1",{peer.port},0,{access}') == ["OK"]
            ue = bench.simulation.ue
            for _ in range(50):
                await asyncio.sleep(0.5)
                bench.port.host_read()
                assert ue.terminal.urcs_waiting <= 2 + count
                assert all(len(link.buffer) <= limit for link in ue.sockets)
            assert len(list(ue.sockets)) == count
            if access == 0:
                await bench.port.host_quiet(2)
                for id in range(count):
                    assert await read(bench, 1000, id) == (EVERYTHING * 4)[:1000]
            for id in range(count):
                await bench.ask(f"AT+QICLOSE={id}")
            await bench.port.host_quiet(20)
            assert await bench.ask("AT+QISTATE") == ["OK"]

    on_bench(main, profile=profile, overrides=FAST if access == 0 else FAST[1:])


def test_twelve_sockets_keep_their_data_apart_and_a_thirteenth_has_no_number() -> None:
    async def work(bench: Bench) -> None:
        async with Peer(echo) as peer:
            for id in range(12):
                await open_tcp(bench, peer.port, id, access=0)
            assert await bench.ask(f'AT+QIOPEN=1,12,"TCP","127.0.0.1",{peer.port}') == ["ERROR"]
            data = {id: random.Random(id).randbytes(1000) for id in range(12)}
            await bench.ask("AT+QISDE=0")
            for id in range(12):
                assert await send(bench, data[id], id)
            await bench.port.host_quiet(5)
            for id in reversed(range(12)):
                assert await read(bench, 1500, id) == data[id]

    on_module(work)


def test_datagrams_without_end_and_without_content_take_no_memory() -> None:
    async def work(bench: Bench) -> None:
        async with udp_peer() as (peer, port):
            assert await bench.ask(f'AT+QIOPEN=1,0,"UDP","127.0.0.1",{port}') == ["OK"]
            await told(bench, b"+QIOPEN: 0,0")
            assert await bench.ask('AT+QISEND=0,1,"x"') == ["OK"]
            await asyncio.sleep(1)
            link = bench.simulation.ue.sockets.get(0)
            assert link is not None
            for _ in range(200):
                for size in (0, 1, 1400):
                    peer.transport.sendto(bytes(size), peer.source)
                await asyncio.sleep(0.05)
            assert len(link.buffer) <= 10240
            assert (await bench.port.host_quiet(2)).count(b'"recv",0') == 1
            while (await bench.ask("AT+QIRD=0"))[0] != "+QIRD: 0":
                pass
            assert link.buffer.read == link.buffer.total

    on_module(work)


def test_what_came_before_a_reset_can_be_read_and_then_no_more() -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"last words")
        await asyncio.sleep(2)
        reset(writer)

    async def work(bench: Bench) -> None:
        async with Peer(rude) as peer:
            await bench.ask('AT+QICFG="passiveclosed",1')
            await open_tcp(bench, peer.port, access=0)
            assert await bench.ask('AT+QISEND=0,1,"x"') == ["OK"]
            await told(bench, b'+QIURC: "closed",0')
            assert await bench.ask("AT+QIRD=0") == ["+QIRD: 10", "last words", "OK"]
            assert await bench.ask("AT+QIRD=0") == ["ERROR"]
            assert await bench.ask("AT+QISEND=0") == ["ERROR"]
            assert await bench.ask("AT+QICLOSE=0") == ["OK"]

    on_module(work)


def test_a_reset_behind_the_prompt_refuses_the_data() -> None:
    async def work(bench: Bench) -> None:
        async with Peer(keep) as peer:
            await open_tcp(bench, peer.port)
            bench.port.host_write(b"AT+QISEND=0,4\r")
            await bench.port.host_read_until(b">", 5)
            reset(peer.writers[0])
            await asyncio.sleep(2)
            bench.port.host_write(b"data")
            heard = await told(bench, b'+QIURC: "closed",0')
            assert b"\r\nERROR\r\n" in heard
            assert await bench.ask("AT+QIGETERROR") == ["+QIGETERROR: 567,socket has been closed", "OK"]

    on_module(work)


def test_a_peer_that_half_closes_gets_what_follows() -> None:
    got = bytearray()

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.write_eof()
        while data := await reader.read(100):
            got.extend(data)

    async def work(bench: Bench) -> None:
        async with Peer(half) as peer:
            bench.simulation.network.patch(latency="500ms")
            await bench.ask(f'AT+QIOPEN=1,0,"TCP","127.0.0.1",{peer.port},0,0')
            await told(bench, b"+QIOPEN: 0,0")
            assert await bench.ask('AT+QISEND=0,4,"last"') == ["OK"]
            await told(bench, b'+QIURC: "closed",0')
            assert await bench.ask("AT+QIRD=0") == ["+QIRD: 5", "hello", "OK"]
            assert await bench.ask("AT+QIRD=0") == ["+QIRD: 0", "OK"]

    on_module(work)
    assert got == b"last"


@pytest.mark.parametrize("access", [1, 2])
def test_a_context_that_goes_while_a_socket_opens(access: int) -> None:
    async def work(bench: Bench) -> None:
        bench.simulation.network.patch(outage=True)
        bench.port.host_write(b'AT+QIOPEN=1,0,"TCP","192.0.2.7",7,0,%d\r' % access)
        await asyncio.sleep(1)
        await bench.simulation.ue.access.set_functionality(4)
        heard = await bench.port.host_quiet(5)
        assert (b"+QIOPEN: 0,570\r\n" if access == 1 else b"\r\nERROR\r\n") in heard
        assert await bench.ask("AT+QIGETERROR") == ["+QIGETERROR: 570,PDP context broken down", "OK"]
        assert await bench.ask("AT+QISTATE") == ["OK"]

    on_module(work)


def test_a_listener_ends_with_its_context() -> None:
    async def work(bench: Bench) -> None:
        await bench.ask('AT+QICFG="tcp/accept",0')
        port = await listening(bench)
        reader, _ = await asyncio.open_connection("127.0.0.1", port)
        await told(bench, b'+QIURC: "accept",5')
        assert await bench.ask("AT+QIDEACT=1") == ["OK"]
        with pytest.raises(ConnectionError):
            await reader.readexactly(1)
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", port)
        assert await bench.ask("AT+QIACCEPT=5,1") == ["ERROR"]

    on_module(work)


def test_power_lost_in_every_waiting_command() -> None:
    """A close, an acknowledgement, a prompt and a heartbeat that wait: none of them outlives the power."""

    async def work(bench: Bench) -> None:
        async with Peer(echo) as peer:
            for line in ("AT+QICLOSE=0", "AT+QISENDEX=0,00", "AT+QISEND=0", "AT+QIACT=1"):
                await bench.ask('AT+QICFG="TCP/SendMode",1')
                await bench.ask('AT+QICFG="send/auto",0,20,"00"')
                await open_tcp(bench, peer.port)
                bench.simulation.network.patch(outage=True)
                bench.port.host_write(line.encode() + b"\r")
                await asyncio.sleep(0.5)
                await bench.simulation.power("cut")
                await asyncio.sleep(100)
                bench.simulation.network.patch(outage=False)
                await bench.simulation.power("on")
                bench.port.host_read()
                await bench.attached()
                await bench.port.host_quiet(10)
                await bench.ask("ATE0")
                assert await bench.ask("AT+QISTATE") == ["OK"]

    on_module(work)


@pytest.mark.parametrize("profile", ["ec800e", "bc260y"])
@pytest.mark.parametrize("ending", [b"\r", b"\r\n"])
def test_every_byte_value_may_be_the_first_behind_the_prompt(profile: str, ending: bytes) -> None:
    async def main(bench: Bench) -> None:
        async with Peer(echo) as peer:
            await bench.attached()
            await bench.port.host_quiet(10)
            for line in (b"ATE0", b'AT+QIOPEN=0,0,"TCP","127.0.0.1",%d,0,0' % peer.port):
                bench.port.host_write(line + ending)
                await bench.port.host_quiet(2)
            for value in EVERYTHING:
                if ending == b"\r\n" and value == 0x0A:
                    continue  # cannot be told from the end of the line
                data = bytes([value]) * 3
                bench.port.host_write(b"AT+QISEND=0,3" + ending)
                await bench.port.host_read_until(b">", 10)
                bench.port.host_write(data)
                await told(bench, b"SEND OK")
                await told(bench, b'"recv",0')
                assert await read(bench, 10) == data
                await bench.port.host_quiet(0.1)

    on_bench(main, profile=profile, overrides=FAST)


def test_inline_data_that_finds_no_room_is_an_error_on_the_bc260y() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(10_000)

    async def work(bench: Bench, peer: Peer) -> None:
        await opened(bench, peer.port)
        bench.simulation.network.patch(outage=True)
        answers = [await bench.ask(f'AT+QISEND=0,1000,"{"x" * 1000}"') for _ in range(9)]
        assert [answer[-1] for answer in answers] == ["OK"] * 8 + ["ERROR"]

    bench_with(deaf, work)


def test_a_full_buffer_is_pushed_when_the_host_reads_by_hand_no_more() -> None:
    async def sends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(EVERYTHING * 40)
        await keep(reader, writer)

    async def main(bench: Bench) -> None:
        await bench.attached()
        async with Peer(sends) as peer:
            for line in ("AT+CSOC=1,1,1", "AT+CSORXGET=1", f'AT+CSOCON=0,{peer.port},"127.0.0.1"'):
                assert (await bench.ask(line))[-1] == "OK"
            await bench.port.host_quiet(10)
            assert (await bench.ask("AT+CSORXGET=4,0"))[0] == "+CSORXGET: 4,0,4096"
            assert await bench.ask("AT+CSORXGET=0") == ["OK"]
            heard = (await bench.port.host_quiet(10)).split()
        pushed = [line.split(b",")[2] for line in heard if line.startswith(b"0,")]
        assert bytes.fromhex(b"".join(pushed).decode()) == EVERYTHING * 40

    on_bench(main, "sim7020", overrides=FAST)
