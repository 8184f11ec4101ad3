"""Data mode on the event loop."""

from __future__ import annotations

from terminal_bench import OK, Bench, virtual


@virtual
async def test_data_by_length() -> None:
    bench = Bench()
    assert await bench.say(b"AT+SEND=4\r\n") == b"\r\n> "
    assert await bench.say(b"a\x1a") == b""
    assert await bench.say(b"\x1b\nAT\r") == OK + OK
    assert bench.data == [b"a\x1a\x1b\n"]


@virtual
async def test_data_up_to_ctrl_z_or_esc() -> None:
    bench = Bench()
    assert await bench.say(b"AT+SEND=\r") == b"\r\n> "
    assert await bench.say(b"hello\r\nAT\r\x1aAT\r") == OK + OK
    assert bench.data == [b"hello\r\nAT\r"]
    assert await bench.say(b"AT+SEND=\r", b"hello\x1bAT\r") == b"\r\n> " + OK + OK
    assert len(bench.data) == 1


@virtual
async def test_data_that_comes_with_the_command() -> None:
    bench = Bench(delay=0.1)
    assert await bench.say(b"AT+SEND=3\r\nabcAT\r") == b"\r\n> " + OK + OK
    assert bench.data == [b"abc"]


@virtual
async def test_data_in_every_split() -> None:
    stream = b"AT+SEND=3\r\n\nbcAT\r\n"
    for at in range(1, len(stream)):
        bench = Bench()
        assert await bench.say(stream[:at], wait=0.01) + await bench.say(stream[at:]) == b"\r\n> " + OK + OK
        assert bench.data == [b"\nbc"]
        bench.terminal.stop()


@virtual
async def test_data_may_begin_with_a_line_feed_after_a_bare_cr() -> None:
    bench = Bench()
    await bench.say(b"AT\r", b"AT\r")
    assert await bench.say(b"AT+SEND=2\r") == b"\r\n> "
    assert await bench.say(b"\na") == OK
    assert bench.data == [b"\na"]


@virtual
async def test_every_byte_is_data() -> None:
    bench = Bench()
    everything = bytes(range(256))
    await bench.say(b"AT+SEND=256\r")
    assert await bench.say(*(bytes([byte]) for byte in everything)) == OK
    assert bench.data == [everything]


@virtual
async def test_the_host_that_never_sends_its_data() -> None:
    bench = Bench()
    assert await bench.say(b"AT+SEND=4\rab", wait=59.9) == b"\r\n> "
    assert await bench.say() == b"\r\n+CME ERROR: 526\r\n"
    assert await bench.say(b"AT\r") == OK
    assert bench.data == []


@virtual
async def test_data_can_be_echoed() -> None:
    bench = Bench()
    bench.settings["E"] = 1
    assert await bench.say(b"AT+ESEND=2\r\n") == b"AT+ESEND=2\r\r\n>"
    assert await bench.say(b"xy") == b"xy" + OK
    bench.settings["E"] = 0
    assert await bench.say(b"AT+ESEND=2\r\nxy") == b"\r\n>" + OK


@virtual
async def test_urcs_wait_for_the_data() -> None:
    bench = Bench()
    await bench.say(b"AT+SEND=2\r")
    bench.terminal.urc("+HELLO")
    assert await bench.say(b"a") == b""
    assert await bench.say(b"b") == OK + b"\r\n+HELLO\r\n"
