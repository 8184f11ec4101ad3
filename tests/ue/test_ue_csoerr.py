"""The codes of +CSOERR (AT manual 1.05, 6.2), each from its real cause, and sockets that listen."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from test_ue_cip import reset, silent
from test_ue_sockets import Peer, echo
from ue_bench import FAST, Bench, on_bench

ALL = {-1, *range(1, 13)}
UNPROVOKED = {-1, 9}
"""Those that docs/fidelity.md lists with a reason."""
FIDELITY = Path(__file__).parents[2] / "docs" / "fidelity.md"


def free_port() -> int:
    """A port that nobody on this machine has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


PORT = free_port()


async def made(bench: Bench, kind: int = 1) -> None:
    assert (await bench.ask(f"AT+CSOC=1,{kind},1"))[-1] == "OK"


async def connected(bench: Bench, port: int, kind: int = 1) -> None:
    await made(bench, kind)
    assert await bench.ask(f'AT+CSOCON=0,{port},"127.0.0.1"') == ["OK"]


async def no_route(bench: Bench, peer: Peer) -> None:
    await made(bench)
    await bench.ask("AT+CFUN=0")
    await bench.port.host_quiet(2)
    assert await bench.ask(f'AT+CSOCON=0,{peer.port},"127.0.0.1"') == ["ERROR"]


async def aborted(bench: Bench, peer: Peer) -> None:
    await no_route(bench, peer)
    await bench.port.host_quiet(2)
    await bench.ask("AT+CFUN=1")
    await bench.attached()
    assert await bench.ask(f'AT+CSOCON=0,{peer.port},"127.0.0.1"') == ["ERROR"]


async def reset_by_peer(bench: Bench, peer: Peer) -> None:
    await connected(bench, peer.port)
    assert await bench.ask('AT+CSOSEND=0,0,"reset"') == ["OK"]


async def refused(bench: Bench, peer: Peer) -> None:
    await made(bench)
    assert await bench.ask('AT+CSOCON=0,81,"180.101.147.115"', 80) == ["ERROR"]


async def closed_by_peer(bench: Bench, peer: Peer) -> None:
    await connected(bench, peer.port)
    assert await bench.ask('AT+CSOSEND=0,0,"close"') == ["OK"]


async def unknown_name(bench: Bench, peer: Peer) -> None:
    await made(bench)
    assert await bench.ask('AT+CSOCON=0,7,"nobody.invalid"', 80) == ["ERROR"]


async def other_family(bench: Bench, peer: Peer) -> None:
    await made(bench)
    assert await bench.ask('AT+CSOCON=0,7,"2001:db8::1"') == ["ERROR"]


async def not_bound(bench: Bench, peer: Peer) -> None:
    await made(bench)
    assert await bench.ask("AT+CSOLIS=0") == ["ERROR"]


async def buffer_full(bench: Bench, peer: Peer) -> None:
    await connected(bench, peer.port)
    for _ in range(20_000):
        if await bench.ask(f'AT+CSOSEND=0,0,"{"x" * 500}"') == ["ERROR"]:
            return


async def would_block(bench: Bench, peer: Peer) -> None:
    await connected(bench, peer.port, kind=2)
    await bench.simulation.ue.radio.detach()
    await bench.ask("AT+CSOCL=0")
    await bench.ask("AT+CGATT=1")
    await bench.attached()
    await connected(bench, peer.port, kind=2)
    while bench.simulation.ue.radio.connected:
        await asyncio.sleep(10)
    bench.simulation.network.patch(outage=True)
    answers = [await bench.ask('AT+CSOSEND=0,0,"x"') for _ in range(65)]
    assert answers == [["OK"]] * 64 + [["ERROR"]]


async def port_taken(bench: Bench, peer: Peer) -> None:
    await made(bench)
    await made(bench)
    assert await bench.ask(f"AT+CSOB=1,{PORT}") == ["OK"]
    assert await bench.ask(f"AT+CSOB=0,{PORT}") == ["ERROR"]


async def port_taken_by_cip(bench: Bench, peer: Peer) -> None:
    assert await bench.ask(f'AT+CLPORT="UDP",{PORT}') == ["OK"]
    assert await bench.ask('AT+CIPSTART="UDP","192.0.2.7",7') == ["OK"]
    await bench.port.host_read_until(b"CONNECT OK\r\n", 30)
    await made(bench, kind=2)
    assert await bench.ask(f"AT+CSOB=0,{PORT}") == ["ERROR"]


async def connected_twice(bench: Bench, peer: Peer) -> None:
    await connected(bench, peer.port)
    assert await bench.ask(f'AT+CSOCON=0,{peer.port},"127.0.0.1"') == ["ERROR"]


async def bearer_gone(bench: Bench, peer: Peer) -> None:
    await connected(bench, peer.port)
    await bench.ask("AT+CGATT=0")


async def listening_on_udp(bench: Bench, peer: Peer) -> None:
    await made(bench, kind=2)
    assert await bench.ask("AT+CSOLIS=0") == ["ERROR"]


async def foreign_address(bench: Bench, peer: Peer) -> None:
    await made(bench)
    assert await bench.ask(f'AT+CSOB=0,{PORT},"192.0.2.1"') == ["ERROR"]


Cause = Callable[[Bench, Peer], Awaitable[None]]
CAUSES: list[tuple[int, Cause]] = [
    (1, no_route),
    (2, aborted),
    (3, reset_by_peer),
    (4, refused),
    (4, closed_by_peer),
    (5, unknown_name),
    (5, other_family),
    (5, not_bound),
    (6, buffer_full),
    (7, would_block),
    (8, port_taken),
    (8, port_taken_by_cip),
    (10, connected_twice),
    (11, bearer_gone),
    (12, listening_on_udp),
    (12, foreign_address),
]


async def obedient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Resets or closes when told so, else never reads again."""
    word = await reader.read(5)
    if word == b"reset":
        reset(writer)
    elif word == b"close":
        writer.close()
    else:
        await silent(reader, writer)


@pytest.mark.parametrize(("code", "cause"), CAUSES)
def test_each_code_comes_from_its_cause(code: int, cause: Cause) -> None:
    async def main(bench: Bench) -> None:
        async with Peer(obedient) as peer:
            await bench.attached()
            await bench.ask("ATE0")
            await cause(bench, peer)
            heard = await bench.port.host_quiet(5)
            assert b"\r\n+CSOERR: 0,%d\r\n" % code in heard
            assert heard.count(b"+CSOERR") == 1

    overrides = FAST if cause is not would_block else ("serial.pacing=false", "timing.command=0s")
    on_bench(main, "sim7020", overrides=overrides)


def test_the_other_codes_are_listed_with_their_reason() -> None:
    assert {code for code, _ in CAUSES} == ALL - UNPROVOKED
    row = re.search(r"\| `\+CSOERR` ([-0-9, ]+) \|", FIDELITY.read_text())
    assert row is not None
    assert {int(code) for code in row[1].split(",")} == UNPROVOKED


def test_connections_from_outside_get_the_next_numbers() -> None:
    async def main(bench: Bench) -> None:
        await bench.attached()
        await bench.ask("ATE0")
        await made(bench)
        assert await bench.ask(f"AT+CSOB=0,{PORT}") == ["OK"]
        assert await bench.ask("AT+CSOLIS=0") == ["OK"]
        assert await bench.ask("AT+CSOSEND=0,0,x") == ["ERROR"]
        peers = [await asyncio.open_connection("127.0.0.1", PORT) for _ in range(4)]
        heard = await bench.port.host_quiet(5)
        for id, (_, writer) in enumerate(peers, 1):
            port = writer.get_extra_info("sockname")[1]
            assert b'\r\n+CSOLIS: 0,%d,"127.0.0.1",%d\r\n' % (id, port) in heard
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
        await asyncio.sleep(5)
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        peers[2][1].write(b"question")
        assert await bench.port.host_quiet(5) == b"\r\n+CSONMI: 3,16,7175657374696F6E\r\n"
        assert await bench.ask('AT+CSOSEND=3,0,"answer"') == ["OK"]
        assert await peers[2][0].read(100) == b"answer"
        assert await bench.ask("AT+CSOCL=0") == ["OK"]
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", PORT)
        assert await bench.ask('AT+CSOSEND=1,0,"still there"') == ["OK"]
        assert await peers[0][0].read(100) == b"still there"
        for _, other in (*peers, (reader, writer)):
            other.transport.abort()
        await asyncio.sleep(5)

    on_bench(main, "sim7020", overrides=FAST)


def test_a_listener_goes_with_its_bearer() -> None:
    async def main(bench: Bench) -> None:
        await bench.attached()
        await bench.ask("ATE0")
        await made(bench)
        assert await bench.ask(f"AT+CSOB=0,{PORT}") == ["OK"]
        assert await bench.ask("AT+CSOLIS=0") == ["OK"]
        await bench.ask("AT+CGATT=0")
        assert await bench.port.host_quiet(3) == b"\r\n+CSOERR: 0,11\r\n"
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", PORT)
        assert not bench.simulation.ue.bearer.streams

    on_bench(main, "sim7020", overrides=FAST)


def test_a_bound_udp_socket_hears_anybody_until_it_is_connected() -> None:
    async def main(bench: Bench) -> None:
        await bench.attached()
        await bench.ask("ATE0")
        await made(bench, kind=2)
        assert await bench.ask(f"AT+CSOB=0,{PORT}") == ["OK"]
        assert await bench.ask("AT+CSOSTATUS=0") == ["+CSOSTATUS: 0,1", "OK"]
        link = bench.simulation.ue.sockets.get(0)
        assert link is not None
        assert link.udp is not None
        local = link.udp.local
        assert local[1] == PORT
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anybody:
            anybody.sendto(b"hello", local)
            assert await bench.port.host_quiet(5) == b"\r\n+CSONMI: 0,10,68656C6C6F\r\n"
            assert await bench.ask('AT+CSOCON=0,7,"192.0.2.7"') == ["OK"]
            assert link.udp.local == local
            anybody.sendto(b"again", local)
            assert await bench.port.host_quiet(5) == b""
        assert await bench.ask('AT+CSOSEND=0,0,"there"') == ["OK"]
        assert await bench.port.host_quiet(5) == b"\r\n+CSONMI: 0,10,7468657265\r\n"

    on_bench(main, "sim7020", overrides=FAST)


def test_a_bound_tcp_socket_connects_from_its_port() -> None:
    ports: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ports.append(writer.get_extra_info("peername")[1])
        await echo(reader, writer)

    async def main(bench: Bench) -> None:
        async with Peer(serve) as peer:
            await bench.attached()
            await bench.ask("ATE0")
            await made(bench)
            assert await bench.ask(f"AT+CSOB=0,{PORT},0.0.0.0") == ["OK"]
            assert await bench.ask(f'AT+CSOCON=0,{peer.port},"127.0.0.1"') == ["OK"]
            await asyncio.sleep(1)
            assert ports == [PORT]
            assert await bench.ask(f"AT+CSOB=0,{PORT}") == ["ERROR"]

    on_bench(main, "sim7020", overrides=FAST)


@pytest.mark.parametrize("line", ["AT+CSOC=2,1,1", "AT+CSOC=1,3,2", "AT+CSOC=1,3,1", "AT+CSOC=1,2,2"])
def test_what_is_not_simulated_is_refused_and_said_in_the_trace(line: str) -> None:
    async def main(bench: Bench) -> None:
        await bench.attached()
        await bench.ask("ATE0")
        assert await bench.ask(line) == ["ERROR"]
        refusals = [e.fields for e in bench.simulation.trace.recent() if e.event == "refused"]
        assert refusals[-1]["situation"] == "not_simulated"

    on_bench(main, "sim7020")
