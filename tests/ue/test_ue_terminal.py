"""The AT port on the event loop: lines, busy rules, power; exact bytes on virtual time."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from terminal_bench import ERRORS, OK, Bench, Send, Slow, virtual

from modemsim import clock
from modemsim.at.catalogue import Catalogue
from modemsim.at.dialect import Dialect
from modemsim.timing import Delay, Timing
from modemsim.ue.terminal import Terminal


@virtual
async def test_a_command_and_its_result() -> None:
    bench = Bench()
    assert await bench.say(b"AT\r") == OK
    assert await bench.say(b"AT+ASK?\r\n") == b"\r\n+ASK: 1\r\n" + OK
    assert await bench.say(b"AT+NOPE\r") == b"\r\nERROR\r\n"


@virtual
async def test_the_echo() -> None:
    bench = Bench()
    bench.settings["E"] = 1
    assert await bench.say(b"A", b"T", b"\r") == b"AT\r" + OK
    assert await bench.say(b"ATE0\r", b"AT\r") == b"ATE0\r" + OK + OK


@virtual
async def test_the_echo_of_whole_lines() -> None:
    bench = Bench(echo="line", delay=0.1)
    bench.settings["E"] = 1
    assert await bench.say(b"AT\r\nAT+ASK?\r\n") == b"AT" + OK + b"AT+ASK?\r\n+ASK: 1\r\n" + OK


@virtual
async def test_every_split_of_two_lines() -> None:
    data = b"AT+ASK?\r\nAT\r\n"
    for at in range(len(data)):
        bench = Bench()
        assert await bench.say(data[:at], wait=0.001) + await bench.say(data[at:]) == (
            b"\r\n+ASK: 1\r\n" + OK + OK
        )
        bench.terminal.stop()


@virtual
async def test_pipelined_lines_are_all_answered_in_order() -> None:
    bench = Bench(delay=0.05)
    sent = await bench.say(b"AT+ASK?\rAT+NOPE\r" * 20, wait=10.0)
    assert sent == (b"\r\n+ASK: 1\r\n" + OK + b"\r\nERROR\r\n") * 20


@virtual
async def test_the_response_delay() -> None:
    bench = Bench(delay=0.035)
    bench.type(b"AT\rAT\r")
    await asyncio.sleep(1)
    assert bench.pieces() == [(0.035, OK), (0.07, OK)]


@virtual
async def test_an_over_long_line() -> None:
    bench = Bench(max_line=10)
    assert await bench.say(b"AT" + b"x" * 50 + b"\rAT\r") == b"\r\n+CME ERROR: 536\r\n" + OK


@virtual
async def test_a_failing_handler_does_not_end_the_port() -> None:
    bench = Bench()
    assert await bench.say(b"AT+CRASH?\rAT\r") == b"\r\n+CME ERROR: 100\r\n" + OK
    assert await bench.say(b"AT+CRASH\rAT\r") == OK + OK
    assert [fields["error"] for fields in bench.events("internal")] == [
        "ZeroDivisionError()",
        "ZeroDivisionError('division by zero')",
    ]


@virtual
async def test_the_record() -> None:
    bench = Bench()
    bench.type(b"AT+ASK?\rAT+NOPE=1\r")
    await asyncio.sleep(1)
    bench.terminal.urc("+HELLO: 1")
    assert [(record.layer, record.event, record.fields) for record in bench.trace.recent()] == [
        ("at", "rx", {"line": "AT+ASK?"}),
        ("at", "tx", {"line": "+ASK: 1"}),
        ("at", "tx", {"line": "OK"}),
        ("at", "rx", {"line": "AT+NOPE=1"}),
        ("at", "unknown", {"command": "+NOPE=1", "situation": "unknown_command"}),
        ("at", "tx", {"line": "ERROR"}),
        ("at", "urc", {"line": "+HELLO: 1"}),
    ]


@virtual
async def test_input_waits_for_the_running_command() -> None:
    bench = Bench()
    assert await bench.say(b"AT+SLOW=3\rAT+A", b"SK?\r", wait=3.0) == b"\r\n+CPIN: NOT READY\r\n"
    assert await bench.say() == (
        b"\r\n+SLOW: done\r\n" + OK + b"\r\n+DURING: 1\r\n\r\n+DURING: 2\r\n\r\n+ASK: 1\r\n" + OK
    )


@virtual
async def test_input_can_be_dropped_while_a_command_runs() -> None:
    bench = Bench(busy="drop")
    await bench.say(b"AT+SLOW=3\r", b"AT+ASK?\r", wait=5.0)
    assert await bench.say(b"AT\r") == OK
    await bench.say(b"AT+SLOW=3\r\n")
    assert await bench.say(b"AT+ASK?\r", wait=5.0) == (
        b"\r\n+SLOW: done\r\n" + OK + b"\r\n+DURING: 1\r\n\r\n+DURING: 2\r\n"
    )
    assert bench.events("dropped") == [{"lost": 8}, {"lost": 8}]


@virtual
async def test_input_can_be_refused_while_a_command_runs() -> None:
    bench = Bench(busy="refuse")
    refused = b"\r\n+CME ERROR: 302\r\n"
    assert await bench.say(b"AT+SLOW=3\r\nAT\r") == refused + b"\r\n+CPIN: NOT READY\r\n"
    assert await bench.say(b"AT+ASK?\rAT\r") == refused * 2
    assert await bench.say(b"AT+A", wait=1.8) == b"\r\n+SLOW: done\r\n" + OK
    assert bench.done == [3]
    assert await bench.say(b"SK?\r") == (b"\r\n+ASK: 1\r\n" + OK + b"\r\n+DURING: 1\r\n\r\n+DURING: 2\r\n")


@virtual
async def test_input_can_abort_the_running_command() -> None:
    bench = Bench(busy="abort")
    await bench.say(b"AT+SLOW=3\r")
    assert await bench.say(b"\n") == b""
    assert await bench.say(b"x") == b"\r\n+CME ERROR: 526\r\n\r\n+DURING: 1\r\n"
    assert bench.done == []
    assert await bench.say(b"AT\r") == OK


@virtual
async def test_too_much_input_while_a_command_runs_is_lost() -> None:
    bench = Bench(receive_buffer=10)
    await bench.say(b"AT+SLOW=3\r")
    sent = await bench.say(b"AT\rAT+ASK", b"?\rAT\rAT\r", wait=5)
    assert sent.count(b"OK") == 2
    assert bench.events("overrun") == [{"lost": 7}]


@virtual
async def test_power_off_forgets_everything() -> None:
    bench = Bench()
    await bench.say(b"AT+SLOW=5\rAT\rAT+A")
    bench.terminal.stop()
    assert not bench.terminal.running
    bench.terminal.urc("+LOST")
    assert await bench.say(b"AT\r", wait=10) == b""
    assert bench.done == []
    bench.terminal.start()
    assert bench.terminal.running
    assert await bench.say(b"AT\r") == OK


@virtual
async def test_power_off_from_inside_a_command() -> None:
    bench = Bench()
    assert await bench.say(b"AT+OFF\rAT\r") == b""
    bench.terminal.start()
    assert await bench.say(b"AT\r") == OK
    assert await bench.say(b"AT+OFF?\rAT\r") == OK
    assert await bench.say(b"AT\r") == OK


@virtual
async def test_drained() -> None:
    bench = Bench(pace=0.001)
    bench.type(b"AT\r")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await bench.terminal.drained()
    assert asyncio.get_running_loop().time() == pytest.approx(0.006)


@virtual
async def test_what_follows_the_result_waits_until_it_has_left() -> None:
    bench = Bench(pace=0.001)
    bench.type(b"AT+OFF?\r")
    await asyncio.sleep(0.005)
    bench.type(b"AT\r")
    await asyncio.sleep(1)
    assert bench.uart.sent == OK
    assert await bench.say(b"AT\r") == OK + OK


@virtual
async def test_every_delay_must_have_a_timing() -> None:
    bench = Bench()
    with pytest.raises(ValueError, match="no timing is called input, slow"):
        Terminal(
            bench.uart,
            catalogue=Catalogue([Slow(), Send()]),
            errors=ERRORS,
            dialect=Dialect(),
            settings={},
            ue=None,
            timing=Timing({"command": Delay.exact(0)}),
            trace=bench.trace,
        )


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.binary(max_size=60), st.floats(0, 3)), max_size=8),
    st.sampled_from(["queue", "drop", "refuse", "abort"]),
)
def test_at_answers_ok_after_any_bytes(chunks: list[tuple[bytes, float]], busy: str) -> None:
    async def main() -> None:
        bench = Bench(busy=busy, receive_buffer=100)
        for number, (chunk, pause) in enumerate(chunks):
            bench.type(chunk)
            bench.terminal.urc(f"+URC: {number}")
            await asyncio.sleep(pause)
        await bench.say(b"\x1b\r", wait=120.0)
        assert await bench.say(b"AT\r", wait=1.0) == (b"AT\r" if bench.settings["E"] else b"") + OK
        assert bench.events("urc")[-1:] == [{"line": f"+URC: {len(chunks) - 1}"}] * bool(chunks)

    clock.run(main(), virtual=True)


COMMAND_LINES = st.sampled_from(
    [
        b"AT\r",
        b"AT+ASK?\r\n",
        b"AT+SLOW=1\r",
        b"AT+SEND=3\r\n",
        b"AT+SEND=\r",
        b"AT+CRASH?\r",
        b"A/",
        b"xyz\x1a",
        b"\x1b",
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(COMMAND_LINES, max_size=12))
def test_at_answers_ok_after_any_commands(lines: list[bytes]) -> None:
    async def main() -> None:
        bench = Bench(receive_buffer=100)
        bench.type(*lines)
        await bench.say(b"\x1b\r", wait=200.0)
        bench.type(b"\x1b\r")
        await asyncio.sleep(200)
        bench.uart.take()
        assert await bench.say(b"AT\r", wait=1.0) == OK

    clock.run(main(), virtual=True)
