"""URCs on the event loop: exact bytes at exact instants of virtual time."""

from __future__ import annotations

import asyncio

from terminal_bench import GAP, OK, Bench, virtual


@virtual
async def test_a_urc_on_an_idle_line_goes_out_at_once() -> None:
    bench = Bench()
    bench.terminal.urc("+HELLO: 1")
    assert bench.pieces() == [(0.0, b"\r\n+HELLO: 1\r\n")]


@virtual
async def test_urcs_are_frames_of_their_own() -> None:
    bench = Bench(pace=0.001)
    for line in ("+A", "+B", "+C"):
        bench.terminal.urc(line)
    await asyncio.sleep(1)
    frame = 6 * 0.001
    assert bench.pieces() == [
        (0.0, b"\r\n+A\r\n"),
        (round(frame + GAP, 6), b"\r\n+B\r\n"),
        (round(2 * (frame + GAP), 6), b"\r\n+C\r\n"),
    ]


@virtual
async def test_a_urc_keeps_its_distance_from_ok() -> None:
    bench = Bench(pace=0.001)
    bench.type(b"AT\r")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    bench.terminal.urc("+A")
    await asyncio.sleep(1)
    assert bench.pieces() == [(0.0, OK), (0.016, b"\r\n+A\r\n")]


@virtual
async def test_a_response_keeps_its_distance_from_a_urc() -> None:
    bench = Bench(pace=0.001)
    bench.settings["E"] = 1
    bench.terminal.urc("+A")
    bench.type(b"AT\r")
    await asyncio.sleep(1)
    assert bench.pieces() == [(0.0, b"\r\n+A\r\n"), (0.0, b"AT\r"), (0.016, OK)]


@virtual
async def test_a_urc_never_falls_between_response_and_result() -> None:
    bench = Bench(delay=0.05)
    bench.type(b"AT+ASK?\r")
    await asyncio.sleep(0.02)
    bench.terminal.urc("+A")
    await asyncio.sleep(1)
    assert bench.pieces() == [(0.05, b"\r\n+ASK: 1\r\n" + OK), (0.06, b"\r\n+A\r\n")]


@virtual
async def test_an_exception_goes_out_before_the_result() -> None:
    bench = Bench()
    bench.type(b"AT+SYNC\r")
    await asyncio.sleep(1)
    assert bench.pieces() == [
        (0.0, b"\r\n+EARLY\r\n"),
        (0.01, b"\r\n+SYNC: 1\r\n" + OK),
        (0.02, b"\r\n+LATE\r\n"),
    ]


@virtual
async def test_a_urc_waits_for_a_host_in_the_middle_of_a_line() -> None:
    bench = Bench()
    bench.type(b"AT+A")
    await asyncio.sleep(0.5)
    bench.terminal.urc("+A")
    await asyncio.sleep(1)
    assert bench.pieces() == []
    bench.type(b"SK?\r")
    await asyncio.sleep(1)
    assert bench.pieces() == [(1.5, b"\r\n+ASK: 1\r\n" + OK), (1.51, b"\r\n+A\r\n")]


@virtual
async def test_a_host_that_stops_in_the_middle_of_a_line_holds_urcs_for_a_while_only() -> None:
    bench = Bench(typing_hold=2.0)
    bench.terminal.urc("+A")
    bench.type(b"AT")
    await asyncio.sleep(1)
    bench.type(b"+")
    bench.terminal.urc("+B")
    await asyncio.sleep(5)
    assert bench.pieces() == [(0.0, b"\r\n+A\r\n"), (3.0, b"\r\n+B\r\n")]


@virtual
async def test_junk_holds_no_urc() -> None:
    bench = Bench()
    bench.type(b"\xff\x00xyz")
    await asyncio.sleep(0.5)
    bench.terminal.urc("+A")
    assert bench.pieces() == [(0.5, b"\r\n+A\r\n")]


@virtual
async def test_a_host_that_never_pauses_gets_its_urcs_between_lines() -> None:
    bench = Bench(delay=0.03)
    bench.type(b"AT\r" * 4 + b"AT+AS")
    await asyncio.sleep(0.01)
    bench.terminal.urc("+A")
    await asyncio.sleep(1)
    assert [data for _, data in bench.pieces()] == [OK, b"\r\n+A\r\n", OK, OK, OK]
    assert await bench.say(b"K?\r") == OK + b"\r\n+A\r\n" + OK * 3 + b"\r\n+ASK: 1\r\n" + OK


@virtual
async def test_spacing_applies_to_urcs() -> None:
    bench = Bench(space_after_colon=False)
    bench.terminal.urc("+NNMI: 4,AAAA0000")
    assert bench.uart.sent == b"\r\n+NNMI:4,AAAA0000\r\n"


@virtual
async def test_quiet_can_silence_urcs() -> None:
    bench = Bench(quiet_urcs=True)
    bench.settings["Q"] = 1
    bench.terminal.urc("+A")
    bench.settings["Q"] = 0
    bench.terminal.urc("+B")
    assert await bench.say() == b"\r\n+B\r\n"
