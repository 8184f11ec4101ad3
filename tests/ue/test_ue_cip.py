"""The SIM800-style TCP/IP task: its tables, raw data, peers that misbehave, slow hosts, losses of every kind."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest
from cip_bench import EVERYTHING, LIKE_LINES, on_module, opened, send, silent, state
from hypothesis import given
from hypothesis import strategies as st
from sockets_bench import reset
from test_ue_sockets import MEGABYTE, Peer, echo
from ue_bench import Bench, on_bench

from modemsim.at.command import Command
from modemsim.at.dialect import Dialect
from modemsim.at.params import Token
from modemsim.at.result import Refusal
from modemsim.commands.cip_settings_simcom import Cipudpmode, Clport
from modemsim.commands.cip_simcom import Cipstart
from modemsim.ue.cip_states import ACTIVE, LINK_TRANSITIONS, TRANSITIONS, Cip, CipEvent, Link, LinkEvent


@pytest.mark.parametrize(
    ("table", "states", "events", "start"),
    [(TRANSITIONS, Cip, CipEvent, Cip.INITIAL), (LINK_TRANSITIONS, Link, LinkEvent, Link.INITIAL)],
)
def test_every_state_is_reached_and_every_event_is_used(
    table: Mapping[Any, Any], states: type[StrEnum], events: type[StrEnum], start: StrEnum
) -> None:
    reached, more = {start}, True
    while more:
        following = {after for (before, _), after in table.items() if before in reached}
        more = not following <= reached
        reached |= following
    assert reached == set(states)
    assert {event for _, event in table} == set(events)


def test_the_bearer_can_go_in_every_state_that_needs_it_and_shut_helps_in_all() -> None:
    for before in Cip:
        assert TRANSITIONS[before, CipEvent.SHUT] is Cip.INITIAL
        lost = TRANSITIONS.get((before, CipEvent.BEARER_LOST))
        assert lost is (Cip.DEACT if before in (*ACTIVE, Cip.CONFIG) else None)


@pytest.mark.parametrize("data", [EVERYTHING, LIKE_LINES, b"\r\n", b"\x00", b"+PDP: DEACT\r\n"])
@pytest.mark.parametrize("head", [False, True])
def test_pushed_data_stands_on_the_line_as_it_came(data: bytes, head: bool) -> None:
    async def work(bench: Bench, peer: Peer) -> None:
        await opened(bench, peer.port)
        assert await bench.ask(f"AT+CIPHEAD={int(head)}") == ["OK"]
        assert await send(bench, data) == b"SEND OK"
        shown = b"\r\n+IPD,%d:" % len(data) if head else b""
        assert await bench.port.host_quiet(3) == shown + data

    on_module(echo, work)


@pytest.mark.parametrize("data", [EVERYTHING, LIKE_LINES])
def test_data_read_by_hand_is_not_touched(data: bytes) -> None:
    async def work(bench: Bench, peer: Peer) -> None:
        await bench.attached()
        assert await bench.ask("AT+CIPRXGET=1") == ["OK"]
        await opened(bench, peer.port)
        assert await send(bench, data) == b"SEND OK"
        await bench.port.host_read_until(b"+CIPRXGET: 1\r\n", 10)
        head = b"\r\n+CIPRXGET: 2,1460,%d\r\n" % len(data)
        assert await bench.say(b"AT+CIPRXGET=2\r") == head + data + b"\r\n\r\nOK\r\n"

    on_module(echo, work)


def test_a_megabyte_down_without_heads_is_nothing_but_that_megabyte() -> None:
    async def source(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for start in range(0, MEGABYTE, 4096):
            writer.write(data[start : start + 4096])
            await writer.drain()
        writer.close()

    async def work(bench: Bench, peer: Peer) -> bytes:
        await opened(bench, peer.port)
        got = b""
        while not got.endswith(b"\r\nCLOSED\r\n"):
            got += await bench.port.host_read_until(b"", 10) or bench.port.host_read()
            link = bench.simulation.ue.ip.cip.sockets.get(0)
            assert link is None or len(link.buffer) <= 4096
            assert bench.simulation.ue.terminal.urcs_waiting <= 2
            await asyncio.sleep(0.001)
        return got

    data = random.Random(5).randbytes(MEGABYTE)
    assert on_module(source, work) == data + b"\r\nCLOSED\r\n"


def test_both_ways_in_transparent_mode_on_a_line_of_its_own_pace() -> None:
    got = bytearray()

    async def both(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def give() -> None:
            for start in range(0, len(down), 1000):
                writer.write(down[start : start + 1000])
                await writer.drain()

        task = asyncio.get_running_loop().create_task(give())
        while len(got) < len(up) and (data := await reader.read(65536)):
            got.extend(data)
        await task
        writer.close()

    async def work(bench: Bench) -> bytes:
        async with Peer(both) as peer:
            await bench.attached()
            await bench.ask("AT+CIPMODE=1")
            await opened(bench, peer.port, result=b"\r\nCONNECT\r\n")
            heard, at = b"", 0
            while not heard.endswith(b"\r\nCLOSED\r\n"):
                piece = up[at : at + stream.randint(1, 1500)]
                bench.port.host_write(piece)
                at += len(piece)
                await asyncio.sleep(max(0.05, len(piece) / 11_520))
                heard += bench.port.host_read()
                link = bench.simulation.ue.ip.cip.sockets.get(0)
                assert link is None or len(link.buffer) <= 4096
            return heard

    stream = random.Random(9)
    up, down = stream.randbytes(MEGABYTE // 16), stream.randbytes(MEGABYTE // 16)
    overrides = (
        'timing.latency_ce0=["1ms","2ms","4ms"]',
        "timing.inactivity=1h",
        "serial.receive_buffer=8192",
    )
    assert on_bench(work, "sim7020", overrides=overrides) == down + b"\r\nCLOSED\r\n"
    assert got == up


def test_a_flood_leaves_the_serial_line_and_the_memory_in_order() -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(EVERYTHING * 64)
            await writer.drain()

    async def main(bench: Bench) -> bytes:
        async with Peer(flood) as peer:
            await opened(bench, peer.port)
            await asyncio.sleep(60)
            ue = bench.simulation.ue
            link = ue.ip.cip.sockets.get(0)
            assert link is not None
            assert len(link.buffer) <= 4096
            assert ue.terminal.urcs_waiting <= 2
            return bench.port.host_read()

    got = on_bench(main, "sim7020", overrides=("timing.latency_ce0=10ms",))
    assert len(got) > 20_000
    assert got == (EVERYTHING * 4096)[: len(got)]


def test_a_host_that_types_half_a_line_does_not_split_data() -> None:
    async def work(bench: Bench, peer: Peer) -> None:
        await opened(bench, peer.port)
        bench.port.host_write(b"AT+CIPQSEND=1\r")
        await bench.port.host_quiet(1)
        assert await send(bench, b"pushed") == b"DATA ACCEPT:6"
        bench.port.host_write(b"AT+CIPS")
        assert await bench.port.host_quiet(1) == b""
        assert await bench.say(b"TATUS\r", 3) == b"\r\nOK\r\n\r\nSTATE: CONNECT OK\r\npushed"

    on_module(echo, work)


def test_a_peer_that_resets_closes_the_connection_and_the_next_one_can_be_opened() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        reset(writer)

    async def work(bench: Bench, peer: Peer) -> None:
        for _ in range(3):
            await opened(bench, peer.port)
            await send(bench, b"x")
            assert await bench.port.host_quiet(5) == b"\r\nCLOSED\r\n"
            assert await bench.ask("AT+CIPSEND=1") == ["ERROR"]
            assert await bench.ask("AT+CIPCLOSE") == ["ERROR"]
            assert await state(bench) == "TCP CLOSED"

    on_module(serve, work)


def test_what_came_before_the_peer_half_closed_is_out_before_closed_is_told() -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(3)
        writer.write(bytes(3000))
        writer.write_eof()
        await asyncio.sleep(1000)

    async def work(bench: Bench, peer: Peer) -> None:
        await opened(bench, peer.port)
        assert await send(bench, b"end") == b"SEND OK"
        assert await bench.port.host_quiet(5) == bytes(3000) + b"\r\nCLOSED\r\n"

    on_module(half, work)


def test_a_slow_line_shows_tcp_closing_until_all_data_is_out() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(4000))
        writer.close()

    async def main(bench: Bench) -> None:
        async with Peer(serve) as peer:
            await opened(bench, peer.port)
            await asyncio.sleep(1)
            cip = bench.simulation.ue.ip.cip
            seen = {(cip.state, cip.connections[0].state)}
            for _ in range(1000):
                await asyncio.sleep(0.01)
                seen.add((cip.state, cip.connections[0].state))
            assert (Cip.TCP_CLOSING, Link.REMOTE_CLOSING) in seen
            assert cip.state is Cip.TCP_CLOSED
            got = await bench.port.host_quiet(3)
            assert got.endswith(bytes(4000) + b"\r\nCLOSED\r\n")

    on_bench(main, "sim7020", overrides=("timing.latency_ce0=10ms", "serial.baud=9600"))


def test_closed_leaves_data_that_is_read_by_hand() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"rest")
        writer.close()

    async def work(bench: Bench, peer: Peer) -> None:
        await bench.attached()
        await bench.ask("AT+CIPRXGET=1")
        await opened(bench, peer.port)
        heard = await bench.port.host_quiet(5)
        assert heard == b"\r\n+CIPRXGET: 1\r\n\r\nCLOSED\r\n"
        assert await bench.ask("AT+CIPRXGET=2,2") == ["+CIPRXGET: 2,2,2", "re", "OK"]
        assert await bench.ask("AT+CIPRXGET=4") == ["+CIPRXGET: 4,2", "OK"]
        assert await bench.ask("AT+CIPRXGET=3,9") == ["+CIPRXGET: 3,9,2", "7374", "OK"]

    on_module(serve, work)


def test_a_peer_that_never_reads_ends_as_the_manual_says() -> None:
    async def work(bench: Bench, peer: Peer) -> None:
        await opened(bench, peer.port)
        loop = asyncio.get_running_loop()
        for _ in range(10_000):
            started = loop.time()
            result = await send(bench, bytes(1460))
            if result != b"SEND OK":
                break
        assert result == b"SEND FAIL"
        assert 640 < loop.time() - started < 650
        assert await bench.port.host_quiet(3) == b"\r\nCLOSED\r\n"
        assert await state(bench) == "TCP CLOSED"

    on_module(silent, work)


def test_quick_sending_to_a_peer_that_never_reads_keeps_the_memory_bounded() -> None:
    async def work(bench: Bench, peer: Peer) -> None:
        await opened(bench, peer.port)
        assert await bench.ask("AT+CIPQSEND=1") == ["OK"]
        for _ in range(10_000):
            if await send(bench, bytes(1460)) != b"DATA ACCEPT:1460":
                break
        link = bench.simulation.ue.ip.cip.sockets.get(0)
        assert link is not None
        assert link.tcp is not None
        assert link.tcp.unacked <= 4096
        assert await state(bench) == "CONNECT OK"
        assert await bench.say(b"AT+CIPSHUT\r", 3) == b"\r\nSHUT OK\r\n"
        assert await state(bench) == "IP INITIAL"

    on_module(silent, work)


@pytest.mark.parametrize(("probes", "closed"), [("1,30,30,2", True), ("0", False)])
def test_probes_find_a_peer_that_is_gone(probes: str, closed: bool) -> None:
    async def work(bench: Bench, peer: Peer) -> None:
        await opened(bench, peer.port)
        assert await bench.ask(f"AT+CIPTKA={probes}") == ["OK"]
        bench.simulation.network.patch(nat_timeout=20)
        heard = await bench.port.host_quiet(500)
        assert (heard == b"\r\nCLOSED\r\n") is closed
        assert await state(bench) == ("TCP CLOSED" if closed else "CONNECT OK")

    on_module(silent, work)


def test_a_local_port_is_used_and_a_taken_one_fails() -> None:
    ports: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ports.append(writer.get_extra_info("peername")[1])
        await echo(reader, writer)

    async def work(bench: Bench, peer: Peer) -> None:
        await bench.attached()
        await bench.ask("ATE0")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            free = probe.getsockname()[1]
        assert await bench.ask(f'AT+CLPORT="TCP",{free}') == ["OK"]
        await opened(bench, peer.port)
        assert ports == [free]
        await bench.say(b"AT+CIPSHUT\r", 2)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            assert await bench.ask(f'AT+CLPORT="TCP",{taken.getsockname()[1]}') == ["OK"]
            assert await bench.ask(f'AT+CIPSTART="TCP","127.0.0.1",{peer.port}') == ["OK"]
            heard = await bench.port.host_quiet(40)
            assert heard == b"\r\nSTATE: TCP CLOSED\r\n\r\nCONNECT FAIL\r\n"

    on_module(serve, work)


def test_cip_and_cso_carry_their_own_bytes_side_by_side() -> None:
    async def work(bench: Bench, peer: Peer) -> None:
        await opened(bench, peer.port)
        await bench.ask("AT+CIPHEAD=1")
        await bench.ask("AT+CSORCVFLAG=1")
        for id in range(5):
            assert (await bench.ask("AT+CSOC=1,1,1"))[0] == f"+CSOC: {id}"
            assert await bench.ask(f'AT+CSOCON={id},{peer.port},"127.0.0.1"') == ["OK"]
        for id in range(5):
            assert await bench.ask(f'AT+CSOSEND={id},0,"cso {id}"') == ["OK"]
        assert await send(bench, b"cip 0") == b"SEND OK"
        heard = await bench.port.host_quiet(5)
        assert b"\r\n+IPD,5:cip 0" in heard
        for id in range(5):
            assert await bench.ask(f"AT+CSOCL={id}") == ["OK"]
        assert await state(bench) == "CONNECT OK"
        assert await send(bench, b"still") == b"SEND OK"

    on_module(echo, work)


LINES = [
    "AT+CIPMUX=1", "AT+CIPMUX=0", "AT+CIPMODE=1", "AT+CIPMODE=0", "AT+CSTT", "AT+CIICR", "AT+CIFSR", "AT+CIPSHUT",
    'AT+CIPSTART="TCP","192.0.2.7",7', 'AT+CIPSTART=1,"TCP","192.0.2.7",7', 'AT+CIPSTART=1,"UDP","192.0.2.7",7',
    "AT+CIPCLOSE", "AT+CIPCLOSE=1", "AT+CIPCLOSE=1,1", "AT+CIPSTATUS", "AT+CIPSTATUS=1", "AT+CIPRXGET=1",
    "AT+CIPRXGET=0", "AT+CIPRXGET=2", "AT+CIPRXGET=2,1", "AT+CIPRXGET=4,1", "AT+CIPQSEND=1", "AT+CIPQSEND=0",
    "AT+CIPSEND=1,2\r\x1b\x1b", "AT+CIPSEND=2\rhi", "AT+CIPSEND\rhi\x1a", "ATO", "AT+CIPCHAN", "AT+CGATT=0",
    "AT+CGATT=1", "AT+CIPUDPMODE=1", "AT+CIPUDPMODE=1,1", "AT+CIPSPRT=2", "AT+CIPSPRT=1", "AT+CIPSEND?",
    "AT+CIPSTART=?", "AT+CIPRXGET=?", "AT+CLPORT?", "AT+CIPUDPMODE?",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_a_host_that_does_anything_at_any_time_gets_no_internal_error(seed: int) -> None:
    async def main(bench: Bench) -> None:
        await bench.attached()
        await bench.ask("ATE0")
        for line in stream.choices(LINES, k=120):
            bench.port.host_write(line.encode() + b"\r")
            await asyncio.sleep(stream.choice((0.05, 1.0, 5.0)))
            if stream.random() < 0.05:
                await asyncio.sleep(1.1)
                bench.port.host_write(b"+++")
                await asyncio.sleep(1.5)
        await asyncio.sleep(1.5)
        bench.port.host_write(b"+++")
        await asyncio.sleep(700)
        bench.port.host_read()
        bench.port.host_write(b"\x1b\r")
        await bench.port.host_quiet(3)
        assert (await bench.say(b"AT\r", 2)).endswith(b"\r\nOK\r\n")
        cip = bench.simulation.ue.ip.cip
        assert len(list(cip.sockets)) <= 6
        bad = [e for e in bench.simulation.trace.recent() if e.event in ("internal", "internal_error")]
        assert bad == []

    stream = random.Random(seed)
    on_bench(main, "sim7020")


def test_a_host_that_floods_a_peer_that_never_reads_is_held_in_bounded_memory() -> None:
    async def work(bench: Bench, peer: Peer) -> None:
        await bench.attached()
        await bench.ask("AT+CIPMODE=1")
        await opened(bench, peer.port, result=b"\r\nCONNECT\r\n")
        for _ in range(300):
            bench.port.host_write(bytes(65536))
            await asyncio.sleep(0.5)
        lost = [e.fields["lost"] for e in bench.simulation.trace.recent() if e.event == "overrun"]
        assert sum(lost) > 1_000_000
        link = bench.simulation.ue.ip.cip.sockets.get(0)
        assert link is not None
        assert link.tcp is not None
        assert link.tcp.unacked <= 4096
        await bench.simulation.power("reset")
        await bench.attached()
        await bench.port.host_quiet(10)
        await bench.ask("ATE0")
        assert await state(bench) == "IP INITIAL"

    on_module(silent, work)


def test_a_connection_that_ends_behind_the_prompt_fails_the_sending() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)
        writer.close()

    async def work(bench: Bench, peer: Peer) -> None:
        await opened(bench, peer.port)
        assert await bench.say(b"AT+CIPSEND\r", 20) == b"\r\n> "
        assert await bench.say(b"too late\x1a", 3) == b"\r\nSEND FAIL\r\n\r\nCLOSED\r\n"

    on_module(serve, work)


@given(
    st.lists(st.builds(Token, st.text('0129"TCPUD.:x-', max_size=8), st.booleans()), max_size=6),
    st.sampled_from([Cipstart, Clport, Cipudpmode]),
)
def test_any_parameters_are_taken_or_refused(tokens: list[Token], command: type[Command]) -> None:
    try:
        values = command().bind(tokens, Dialect())
    except Refusal:
        return
    assert values["n"] is None or 0 <= values["n"] < 6
    assert set(values) == set(command.declared)
