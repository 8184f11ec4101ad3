"""Sockets of the Neul family where a transcript does not reach: bounds, binary data, losses in the middle."""

from __future__ import annotations

import asyncio
import random

import pytest
from ue_bench import FAST, Bench, on_bench

from modemsim.net.bearer import WAITING_LIMIT
from modemsim.ue.socket import State

ECHO = "192.0.2.7"


async def prepared(bench: Bench, *lines: str) -> None:
    """Attach, ask for error numbers, and have every line answered with OK."""
    await bench.attached()
    for line in ("ATE0", "AT+CMEE=1", *lines):
        assert (await bench.ask(line, 60.0))[-1] == "OK", line


async def received(bench: Bench, id: int, size: int) -> bytes:
    """Read `size` bytes off a socket by AT+NSORF."""
    got = bytearray()
    async with asyncio.timeout(600):
        while len(got) < size:
            for line in await bench.ask(f"AT+NSORF={id},1358"):
                if line.count(",") == 5:
                    got += bytes.fromhex(line.split(",")[4])
            await asyncio.sleep(0.05)
    return bytes(got)


def test_what_waits_for_a_connection_is_bounded_and_arrives_whole() -> None:
    data = random.Random(1).randbytes(20_000)

    async def work(bench: Bench) -> tuple[int, list[str], bytes]:
        await prepared(bench, "AT+NSOCR=STREAM,6,0,1", f"AT+NSOCO=1,{ECHO},7")
        taken = 0
        while True:
            piece = data[taken : taken + 1000]
            answer = await bench.ask(f"AT+NSOSD=1,{len(piece)},{piece.hex()}")
            if answer[-1] != "OK":
                break
            taken += len(piece)
        assert bench.simulation.ue.sockets.get(1).state is State.OPENING  # type: ignore[union-attr]
        return taken, answer, await received(bench, 1, taken)

    slow = (*FAST, 'timing.latency_ce0="9s"')
    taken, answer, echoed = on_bench(work, "bc28-cnv", overrides=slow)
    assert taken == 8000  # the next thousand would pass the send buffer of 8192
    assert answer == ["+CME ERROR: 159"]
    assert echoed == data[:8000]


def test_announcements_do_not_pile_up_for_a_host_that_never_pauses() -> None:
    async def work(bench: Bench) -> tuple[int, int]:
        await prepared(bench, "AT+NSOCR=DGRAM,17,0,1")
        ue = bench.simulation.ue
        for _ in range(40):
            assert (await bench.ask(f"AT+NSOST=1,{ECHO},7,1,41"))[-1] == "OK"
        await asyncio.sleep(20)
        most = 0
        for _ in range(300):
            bench.port.host_write(b"AT+NSORF=1,1\rAT+NSOSTATUS=1\r")
            await asyncio.sleep(0.004)
            most = max(most, ue.terminal.urcs_waiting)
        await asyncio.sleep(30)
        heard = bench.port.host_read()
        return most, heard.count(b",1,41,")

    most, read = on_bench(work, "bc35", overrides=("serial.pacing=false", "timing.command=0s"))
    assert most <= 2
    assert read == 40


def test_an_announcement_that_had_to_wait_comes_when_the_line_is_free() -> None:
    async def work(bench: Bench) -> bytes:
        await prepared(bench, *["AT+NSOCR=DGRAM,17,0,1"] * 6)
        for id in range(1, 7):
            await bench.ask(f"AT+NSOST={id},{ECHO},7,1,41")
        bench.port.host_write(b"AT")  # in the middle of a line: nothing may come out
        await asyncio.sleep(1.9)
        bench.port.host_write(b"\r")
        return await bench.port.host_quiet(3.0)

    heard = on_bench(work, "bc35", overrides=('timing.latency_ce0="100ms"', "timing.rrc_setup=10ms"))
    for id in range(1, 7):
        assert heard.count(b"+NSONMI:%d,1\r\n" % id) == 1


def test_datagrams_beyond_what_can_wait_for_the_connection_are_refused() -> None:
    async def work(bench: Bench) -> list[str]:
        await prepared(bench, "AT+NSOCR=DGRAM,17,0,0")
        while bench.simulation.ue.radio.connected:
            await asyncio.sleep(1)
        return [(await bench.ask(f"AT+NSOST=1,{ECHO},7,1,41"))[-1] for _ in range(WAITING_LIMIT + 1)]

    slow = ("serial.pacing=false", "timing.command=0s", "timing.rrc_setup=30s")
    answers = on_bench(work, "bc35", overrides=slow)
    assert answers == ["OK"] * WAITING_LIMIT + ["+CME ERROR: 159"]


@pytest.mark.parametrize("command", ["AT+NSOSDEX=1,0,0,1358", "AT+NSOSDEX=1,0x400,0,1358"])
def test_every_byte_value_passes_a_counted_prompt(command: str) -> None:
    data = bytes(range(256)) * 6
    sent = data[:1358]

    async def work(bench: Bench) -> bytes:
        await prepared(bench, "AT+NSOCR=STREAM,6,0,1", f"AT+NSOCO=1,{ECHO},7")
        bench.port.host_write(command.encode() + b"\r")
        await bench.port.host_read_until(b"> ", 5.0)
        bench.port.host_write(sent)
        assert b"1,1358\r\n\r\nOK\r\n" in await bench.port.host_read_until(b"OK\r\n", 30.0)
        return await received(bench, 1, len(sent))

    assert on_bench(work, "bc35") == sent


def test_uncounted_data_goes_out_by_itself_when_it_is_as_long_as_a_message_may_be() -> None:
    async def work(bench: Bench) -> bytes:
        await prepared(bench, "AT+NSOCR=DGRAM,17,0,1")
        bench.port.host_write(f"AT+NSOSTEX=1,{ECHO},7,0\r".encode())
        await bench.port.host_read_until(b"> ", 5.0)
        return await bench.say(b"x" * 1358, quiet=0.2)

    assert on_bench(work, "bc35", overrides=FAST).startswith(b"\r\n1,1358\r\n\r\nOK\r\n")


def test_a_bearer_that_goes_while_data_is_given_refuses_the_data() -> None:
    async def work(bench: Bench) -> bytes:
        await prepared(bench, "AT+NSOCR=STREAM,6,0,1", f"AT+NSOCO=1,{ECHO},7")
        bench.port.host_write(b"AT+NSOSDEX=1,0,0,4\r")
        await bench.port.host_read_until(b"> ", 5.0)
        await bench.simulation.ue.radio.detach()
        assert await bench.port.host_quiet(1.0) == b""  # nothing splits the data
        return await bench.say(b"abcd")

    heard = on_bench(work, "bc35").decode().split("\r\n\r\n")
    assert heard[0].strip() == "+CME ERROR: 516"
    assert heard[1].strip() == "+NSOCLI:1"


def test_a_power_cut_ends_the_prompt() -> None:
    async def work(bench: Bench) -> list[str]:
        await prepared(bench, "AT+NSOCR=DGRAM,17,0,1")
        bench.port.host_write(f"AT+NSOSTEX=1,{ECHO},7,0\r".encode())
        await bench.port.host_read_until(b"> ", 5.0)
        await bench.simulation.power("reset")
        await asyncio.sleep(10)
        await bench.attached()
        return await bench.ask("AT+NSOSTATUS=1")

    assert on_bench(work, "bc35") == ["+NSOSTATUS:1,1", "OK"]


def test_a_bearer_that_goes_while_a_stream_connects_is_told_once() -> None:
    async def work(bench: Bench) -> bytes:
        await prepared(bench, "AT+NSOCR=STREAM,6,0,1", "AT+NSOCO=1,180.101.147.115,81")
        assert (await bench.ask("AT+NSOSD=1,1,41,0,7"))[-1] == "OK"
        await bench.simulation.ue.radio.detach()
        return await bench.port.host_quiet(60.0)

    heard = on_bench(work, "bc28-cnv")
    assert heard.count(b"+NSOCLI: 1") == 1
    assert heard.count(b"+NSOSTR:1,7,0") == 1


def test_closing_waits_while_data_is_repeated_but_not_for_ever() -> None:
    async def work(bench: Bench) -> tuple[float, float, list[str]]:
        await prepared(bench, "AT+NSOCR=STREAM,6,0,1", f"AT+NSOCO=1,{ECHO},7", "AT+NSOCR=DGRAM,17,0,0")
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert (await bench.ask("AT+NSOCL=2"))[-1] == "OK"
        at_once = loop.time() - began
        bench.simulation.network.patch(loss=1.0)
        assert (await bench.ask("AT+NSOSD=1,1,41"))[-1] == "OK"
        began = loop.time()
        assert (await bench.ask("AT+NSOCL=1", 60.0))[-1] == "OK"
        return at_once, loop.time() - began, await bench.ask("AT+NSOCL=1")

    at_once, waited, again = on_bench(work, "bc35")
    assert at_once < 1
    assert 14 < waited < 17
    assert again == ["+CME ERROR: 535"]


def test_a_number_that_has_another_owner_by_now_is_not_reported() -> None:
    async def work(bench: Bench) -> bytes:
        await prepared(bench, "AT+NSOCR=DGRAM,17,0,0")
        while bench.simulation.ue.radio.connected:
            await asyncio.sleep(1)
        for line in (f"AT+NSOST=1,{ECHO},7,1,41,5", "AT+NSOCL=1", "AT+NSOCR=DGRAM,17,0,0"):
            assert (await bench.ask(line))[-1] == "OK"
        return await bench.port.host_quiet(20.0)

    assert b"NSOSTR" not in on_bench(work, "bc35", overrides=("timing.rrc_setup=5s",))


def test_without_the_platform_service_number_0_is_the_hosts() -> None:
    async def work(bench: Bench) -> list[str]:
        await bench.attached()
        return [*await bench.ask("AT+NSOSTATUS=0"), *await bench.ask("AT+NSOCR=DGRAM,17,0"),
                *await bench.ask("AT+NSOSTATUS=0")]  # fmt: skip

    heard = on_bench(work, "bc35", overrides=('settings."+QREGSWT.type".default=2',))
    assert heard == ["+NSOSTATUS:0,1", "OK", "0", "OK", "+NSOSTATUS:0,0", "OK"]


def test_several_addresses_of_a_name_stand_in_one_line() -> None:
    async def work(bench: Bench) -> bytes:
        await prepared(bench)

        async def resolve(host: str, *, cached: bool = True) -> list[str]:
            return ["198.51.100.1", "198.51.100.2"]

        bench.simulation.ue.resolver.resolve = resolve  # type: ignore[method-assign]
        assert await bench.ask("AT+QDNS=0,www.example.test") == ["OK"]
        return await bench.port.host_quiet(1.0)

    assert on_bench(work, "bc35") == b"\r\n+QDNS:198.51.100.1,198.51.100.2\r\n"
