"""Damaged characters on the way to the module, and the host's RTS."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemsim import clock
from modemsim.at.framing import Frame
from modemsim.at.result import FRAMING_ERROR, PARITY_ERROR
from modemsim.port import MemoryPort, Uart
from modemsim.port.noise import Damage, LineNoise
from modemsim.port.uart import CTS_OFF, HELD_LIMIT
from modemsim.trace import Trace
from modemsim.ue.line_errors import LineErrors

PIECES = st.lists(st.binary(max_size=12), max_size=8)


@given(PIECES)
def test_without_a_damage_everything_passes(pieces: list[bytes]) -> None:
    noise = LineNoise()
    assert b"".join(part for piece in pieces for part in noise.pieces(piece)) == b"".join(pieces)  # type: ignore[misc]


@given(PIECES, st.integers(0, 5), st.integers(1, 3))
def test_one_character_of_so_many_lines_is_lost_however_the_bytes_come(
    pieces: list[bytes], at: int, count: int
) -> None:
    noise = LineNoise()
    noise.add(Damage(PARITY_ERROR, at, count))
    heard = [part for piece in pieces for part in noise.pieces(piece)]
    whole = b"".join(pieces)
    lines = whole.split(b"\r")
    # every line but the last has its CR as one more character
    long_enough = [number for number, line in enumerate(lines) if len(line) + (number < len(lines) - 1) > at]
    assert heard.count(PARITY_ERROR) == min(count, len(long_enough))
    passed = b"".join(part for part in heard if isinstance(part, bytes))
    assert len(passed) == len(whole) - heard.count(PARITY_ERROR)


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=6), st.booleans()), max_size=8))
def test_an_error_spoils_exactly_the_line_it_stands_in(lines: list[tuple[bytes, bool]]) -> None:
    errors = LineErrors()
    waiting = 0
    for text, spoiled in lines:
        errors.received(len(text))
        if spoiled:
            errors.happened(FRAMING_ERROR)
        errors.received(1)
        waiting += len(text) + 1
    for text, spoiled in lines:
        waiting -= len(text) + 1
        judged = errors.judged(Frame("AT"), waiting)
        assert judged == Frame("AT", FRAMING_ERROR if spoiled else None)


def test_the_first_error_counts_and_a_fault_of_the_line_itself_goes_first() -> None:
    errors = LineErrors()
    errors.happened(PARITY_ERROR)
    errors.received(3)
    errors.happened(FRAMING_ERROR)
    assert errors.judged(None, 0) is None
    errors.received(1)
    assert errors.judged(Frame("A"), 0) == Frame("A", PARITY_ERROR)
    errors.happened(PARITY_ERROR)
    errors.received(1)
    assert errors.judged(Frame("A", "line_too_long"), 0) == Frame("A", "line_too_long")


class Bench:
    def __init__(self, pacing: bool) -> None:
        self.port = MemoryPort()
        self.trace = Trace(asyncio.get_running_loop().time)
        self.uart = Uart(self.port, trace=self.trace, pacing=pacing)
        self.seen = bytearray()
        self.port.heard = self.seen.extend


def play(body: Callable[[Bench], Awaitable[None]], pacing: bool) -> None:
    async def main() -> None:
        await body(Bench(pacing))

    clock.run(main(), virtual=True)


@pytest.mark.parametrize("pacing", [True, False])
def test_rts_stops_a_module_that_obeys_it_and_loses_nothing_that_fits(pacing: bool) -> None:
    async def body(bench: Bench) -> None:
        uart = bench.uart
        uart.set_rts(False)
        uart.send(b"one")
        await asyncio.sleep(1)
        assert bytes(bench.seen) == b"one"  # nobody asked for flow control
        uart.obeys_rts = True
        uart.send(b"two")
        uart.send(b"three")
        await asyncio.sleep(1)
        assert bytes(bench.seen) == b"one"
        uart.set_rts(True)
        await asyncio.sleep(1)
        assert bytes(bench.seen) == b"onetwothree"
        uart.send(b"four")
        await asyncio.sleep(0.0015 if pacing else 0)
        uart.set_rts(False, by="fault")
        uart.set_rts(True)
        uart.obeys_rts = False
        await asyncio.sleep(1)
        assert bytes(bench.seen) == b"onetwothreefour"

    play(body, pacing)


def test_what_a_stopped_module_cannot_keep_is_lost_and_on_record() -> None:
    async def body(bench: Bench) -> None:
        bench.uart.obeys_rts = True
        bench.uart.set_rts(False)
        for _ in range(HELD_LIMIT + 10):
            bench.uart.send(b"x")
        bench.uart.send(b"y" * 100)
        bench.uart.set_rts(True)
        await asyncio.sleep(10)
        assert bytes(bench.seen) == b"x" * HELD_LIMIT
        lost = [record.fields["lost"] for record in bench.trace.recent() if record.event == "unread"]
        assert lost == [110]

    play(body, pacing=True)


def test_without_power_what_was_held_is_gone() -> None:
    async def body(bench: Bench) -> None:
        bench.uart.obeys_rts = True
        bench.uart.set_rts(False)
        bench.uart.send(b"held")
        bench.uart.powered = False
        bench.uart.powered = True
        bench.uart.set_rts(True)
        bench.uart.send(b"new")
        await asyncio.sleep(1)
        assert bytes(bench.seen) == b"new"

    play(body, pacing=True)


@pytest.mark.parametrize("ahead_of", ["line", "module"])
def test_cts_stops_a_host_that_is_far_ahead(ahead_of: str) -> None:
    async def body(bench: Bench) -> None:
        uart, states = bench.uart, list[bool]()
        bench.trace.subscribe(
            lambda record: states.append(bool(record.fields["on"])) if record.event == "cts" else None
        )

        async def fill(count: int) -> None:
            if ahead_of == "line":
                bench.port.host_write(b"x" * count)
            else:
                uart.waiting = count

        await fill(CTS_OFF)
        assert states == []  # nobody asked for flow control
        uart.uses_cts = True
        assert states == [False]
        uart.waiting = 0
        await asyncio.sleep(3)
        assert states == [False, True]
        await fill(CTS_OFF - 1)
        assert states == [False, True]
        await asyncio.sleep(3)
        uart.waiting = 0
        await fill(CTS_OFF)
        uart.powered = False
        assert states == [False, True, False, True]

    play(body, pacing=True)
