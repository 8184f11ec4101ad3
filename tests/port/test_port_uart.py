"""The UART on virtual time: pacing both ways, overrun, power, rate changes, a host that does not read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modemsim import clock
from modemsim.port import MemoryPort, Uart
from modemsim.port.uart import WIRE_LIMIT
from modemsim.trace import Trace


class Bench:
    """A UART on a memory port; both directions are recorded with their instants."""

    def __init__(self, baud: int = 9600, pacing: bool = True) -> None:
        self.loop = asyncio.get_running_loop()
        self.port = MemoryPort()
        self.trace = Trace(self.loop.time)
        self.uart = Uart(self.port, trace=self.trace, baud=baud, pacing=pacing)
        self.heard: list[tuple[float, bytes]] = []
        self.seen: list[tuple[float, bytes]] = []
        self.uart.receiver = lambda data: self.heard.append((self.loop.time(), data))
        self.port.heard = lambda data: self.seen.append((self.loop.time(), data))

    def records(self) -> list[tuple[str, object]]:
        return [
            (record.event, record.fields.get("lost"))
            for record in self.trace.recent()
            if "lost" in record.fields
        ]


def play(body: Callable[[Bench], Awaitable[None]], baud: int = 9600, pacing: bool = True) -> None:
    async def main() -> None:
        await body(Bench(baud, pacing))

    clock.run(main(), virtual=True)


def joined(pieces: list[tuple[float, bytes]]) -> bytes:
    return b"".join(data for _, data in pieces)


def test_9600_baud_is_1_04_ms_a_character_both_ways() -> None:
    async def body(bench: Bench) -> None:
        await asyncio.sleep(1)
        bench.port.host_write(b"AT\r")
        bench.uart.send(b"OK")
        await asyncio.sleep(1)
        character = 10 / 9600
        assert bench.heard == [
            (pytest.approx(1 + (number + 1) * character), byte)
            for number, byte in enumerate([b"A", b"T", b"\r"])
        ]
        assert bench.seen == [
            (pytest.approx(1 + character), b"O"),
            (pytest.approx(1 + 2 * character), b"K"),
        ]

    play(body)


def test_fast_lines_pass_in_chunks_of_a_millisecond() -> None:
    async def body(bench: Bench) -> None:
        bench.uart.send(bytes(range(100)))
        await asyncio.sleep(1)
        assert joined(bench.seen) == bytes(range(100))
        assert [len(data) for _, data in bench.seen] == [11] * 9 + [1]
        assert bench.seen[-1][0] == pytest.approx(100 * 10 / 115200)

    play(body, baud=115200)


def test_idle_at_is_when_the_last_byte_has_left() -> None:
    async def body(bench: Bench) -> None:
        await asyncio.sleep(2)
        assert bench.uart.idle_at() <= 2
        bench.uart.send(b"0123456789")
        assert bench.uart.idle_at() == pytest.approx(2 + 100 / 9600)
        await asyncio.sleep(0.005)
        bench.uart.send(b"0123456789")
        end = 2 + 200 / 9600
        assert bench.uart.idle_at() == pytest.approx(end)
        await asyncio.sleep(5)
        assert bench.uart.idle_at() == pytest.approx(end)
        assert bench.seen[-1][0] == pytest.approx(end)

    play(body)


def test_without_pacing_everything_passes_at_once() -> None:
    async def body(bench: Bench) -> None:
        await asyncio.sleep(3)
        bench.uart.receiver = bench.uart.send
        bench.port.host_write(b"x" * 10000)
        assert bench.seen == [(3.0, b"x" * 10000)]
        assert bench.uart.idle_at() == 3.0
        assert bench.records() == []

    play(body, pacing=False)


def test_a_megabyte_of_noise_loses_bytes_and_nothing_else() -> None:
    async def body(bench: Bench) -> None:
        for _ in range(256):
            bench.port.host_write(b"\xff" * 4096)
        await asyncio.sleep(60)
        assert joined(bench.heard) == b"\xff" * WIRE_LIMIT
        assert bench.records() == [("overrun", 255 * 4096)]
        bench.heard.clear()
        bench.port.host_write(b"AT\r")
        await asyncio.sleep(0.004)
        assert joined(bench.heard) == b"AT\r"

    play(body)


def test_the_wire_takes_its_limit_exactly() -> None:
    async def body(bench: Bench) -> None:
        bench.port.host_write(b"x" * WIRE_LIMIT)
        await asyncio.sleep(60)
        bench.port.host_write(b"x" * (WIRE_LIMIT + 1))
        await asyncio.sleep(60)
        assert bench.records() == [("overrun", 1)]

    play(body)


def test_a_faster_line_takes_more_at_once() -> None:
    async def body(bench: Bench) -> None:
        bench.uart.baud = 115200
        bench.port.host_write(b"x" * 46080)
        await asyncio.sleep(60)
        assert joined(bench.heard) == b"x" * 46080
        bench.port.host_write(b"x" * 46081)
        await asyncio.sleep(60)
        assert bench.records() == [("overrun", 1)]

    play(body)


def test_without_power_nothing_comes_and_nothing_goes() -> None:
    async def body(bench: Bench) -> None:
        bench.port.host_write(b"0123456789")
        bench.uart.send(b"0123456789")
        await asyncio.sleep(0.0033)
        bench.uart.powered = False
        bench.port.host_write(b"lost")
        bench.uart.send(b"lost")
        await asyncio.sleep(1)
        assert (joined(bench.heard), joined(bench.seen)) == (b"012", b"012")
        bench.uart.powered = True
        bench.uart.send(b"RDY")
        bench.port.host_write(b"AT")
        await asyncio.sleep(1)
        assert (joined(bench.heard), joined(bench.seen)) == (b"012AT", b"012RDY")
        assert bench.seen[3][0] == pytest.approx(1.0033 + 10 / 9600)

    play(body)


def test_power_may_go_while_a_byte_is_handled() -> None:
    async def body(bench: Bench) -> None:
        def off(data: bytes) -> None:
            bench.heard.append((0, data))
            bench.uart.powered = False

        bench.uart.receiver = off
        bench.port.host_write(b"abc")
        await asyncio.sleep(1)
        assert joined(bench.heard) == b"a"

    play(body)


def test_a_new_rate_counts_from_the_next_chunk() -> None:
    async def body(bench: Bench) -> None:
        bench.uart.send(b"OK")
        await asyncio.sleep(max(0.0, bench.uart.idle_at() - bench.loop.time()))
        bench.uart.baud = 2400
        start = bench.loop.time()
        bench.uart.send(b"ab")
        assert bench.uart.idle_at() == pytest.approx(start + 20 / 2400)
        await asyncio.sleep(1)
        assert bench.seen[-1][0] == pytest.approx(start + 20 / 2400)

    play(body)


def test_what_the_host_does_not_take_is_traced_once_a_spell() -> None:
    class Full(MemoryPort):
        room = 0

        def write(self, data: bytes) -> int:
            return min(self.room, len(data))

    async def main() -> None:
        loop = asyncio.get_running_loop()
        port, trace = Full(), Trace(loop.time)
        uart = Uart(port, trace=trace, pacing=False)
        uart.send(b"12345")
        port.room = 2
        uart.send(b"12345")
        port.room = 100
        uart.send(b"12345")
        assert [(record.event, record.fields) for record in trace.recent()] == [("unread", {"lost": 8})]

    clock.run(main(), virtual=True)


def test_host_opening_and_closing_is_passed_on_and_traced() -> None:
    async def body(bench: Bench) -> None:
        told: list[bool] = []
        bench.uart.on_host = told.append
        await bench.port.start()
        assert bench.uart.host_present
        await bench.port.stop()
        assert not bench.uart.host_present
        bench.port.note("refused", peer="x")
        assert told == [True, False]
        assert [record.event for record in bench.trace.recent()] == ["opened", "closed", "refused"]

    play(body)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 0.01), st.binary(max_size=40)), max_size=12),
    st.sampled_from([2400, 57600]),
)
def test_bytes_arrive_once_in_order_and_never_faster_than_the_line(
    writes: list[tuple[float, bytes]], baud: int
) -> None:
    async def body(bench: Bench) -> None:
        for pause, data in writes:
            await asyncio.sleep(pause)
            bench.port.host_write(data)
        await asyncio.sleep(10)
        assert joined(bench.heard) == b"".join(data for _, data in writes)
        for (before, _), (instant, data) in zip(bench.heard, bench.heard[1:], strict=False):
            assert instant - before >= len(data) * 10 / baud - 1e-9

    play(body, baud)


def test_memory_port_reads_until_a_mark_or_silence() -> None:
    async def main() -> None:
        port = MemoryPort()
        port.write(b"before")
        loop = asyncio.get_running_loop()
        loop.call_later(1, port.write, b"\r\nO")
        loop.call_later(2, port.write, b"K\r\nrest")
        assert await port.host_read_until(b"OK\r\n", 5) == b"before\r\nOK\r\n"
        assert loop.time() == 2
        with pytest.raises(TimeoutError, match=r"no b'X' within 3 s, only b'rest'"):
            await port.host_read_until(b"X", 3)
        loop.call_later(0.5, port.write, b"1")
        loop.call_later(1.4, port.write, b"2")
        loop.call_later(9, port.write, b"3")
        assert await port.host_quiet(1.0) == b"rest12"
        assert loop.time() == 5 + 1.4 + 1.0
        assert port.host_read() == b""

    clock.run(main(), virtual=True)
