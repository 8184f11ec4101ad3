"""TLS through AT commands: a megabyte each way, uploads that break off, power and bearer in the middle, limits."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from ue_bench import FAST, Bench, on_bench

from modemsim import mqtt
from modemsim.net.tls_settings import TlsFailure
from modemsim.platforms.authority import Authority
from modemsim.trace import Record

MEGABYTE = 1 << 20
ECHO = "192.0.2.7"


def certificate(bench: Bench) -> bytes:
    """The authority of the platforms in the box, as a host fetches it."""
    authority = bench.simulation.world.authority
    assert authority is not None
    return authority.certificate


def failures(bench: Bench) -> list[str]:
    """Reasons of failed negotiations, as the trace tells them."""
    found: list[str] = []

    def hear(record: Record) -> None:
        if record.event == "tls_failed":
            found.append(record.fields["failure"])

    bench.simulation.trace.subscribe(hear)
    return found


def on_ec800e(work: Callable[[Bench], Awaitable[Any]], **options: Any) -> Any:
    """Play on an EC800E that is attached, booted and echoes nothing."""

    async def main(bench: Bench) -> Any:
        problems: list[Record] = []
        bench.simulation.trace.subscribe(lambda r: problems.append(r) if "internal" in r.event else None)
        await bench.attached()
        await bench.port.host_quiet(10)
        assert (await bench.ask("ATE0"))[-1] == "OK"
        result = await work(bench)
        assert problems == []
        return result

    return on_bench(main, profile="ec800e", **{"overrides": FAST, **options})


async def upload(bench: Bench, name: str, data: bytes) -> bytes:
    bench.port.host_write(b'AT+QFUPL="%s",%d,60\r' % (name.encode(), len(data)))
    await bench.port.host_read_until(b"CONNECT\r\n", 10)
    bench.port.host_write(data)
    return await bench.port.host_read_until(b"OK\r\n", 60)


async def opened(bench: Bench, access: int, id: int = 0) -> None:
    assert await bench.ask(f'AT+QSSLOPEN=1,1,{id},"{ECHO}",443,{access}') == ["OK"]
    await bench.port.host_read_until(b"+QSSLOPEN: %d,0\r\n" % id, 60)


async def send(bench: Bench, data: bytes, id: int = 0) -> bool:
    """Send behind the prompt; True for SEND OK."""
    bench.port.host_write(b"AT+QSSLSEND=%d,%d\r" % (id, len(data)))
    await bench.port.host_read_until(b"> ", 10)
    bench.port.host_write(data)
    heard = b""
    while b"SEND" not in heard:
        heard = await bench.port.host_read_until(b"\r\n", 10)
    return heard == b"SEND OK\r\n"


async def read(bench: Bench, most: int, id: int = 0) -> bytes:
    """One AT+QSSLRECV of raw data."""
    bench.port.host_write(b"AT+QSSLRECV=%d,%d\r" % (id, most))
    await bench.port.host_read_until(b"+QSSLRECV: ", 10)
    count = int(await bench.port.host_read_until(b"\r\n", 10))
    heard = b""
    wanted = count + len(b"\r\n\r\nOK\r\n" if count else b"\r\nOK\r\n")
    while len(heard) < wanted:
        heard += bench.port.host_read() or await bench.port.host_read_until(b"", 10)
        await asyncio.sleep(0)
    return heard[:count]


@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_a_megabyte_through_the_buffer_and_back_is_byte_for_byte_the_same(loss: float) -> None:
    stream = random.Random(5)
    data = stream.randbytes(MEGABYTE // (8 if loss else 1))

    async def work(bench: Bench) -> None:
        await opened(bench, access=0)
        bench.simulation.network.patch(loss=loss)
        rest, got, held = data, bytearray(), 0
        link = bench.simulation.ue.ip.ssl_sockets.get(0)
        assert link is not None
        while len(got) < len(data):
            piece = rest[: stream.randint(1, 1460)]
            if piece and link.sent - len(got) < 30000 and await send(bench, piece):
                rest = rest[len(piece) :]
            else:
                await asyncio.sleep(stream.choice((0.01, 0.1, 1)))
            held = max(held, len(link.buffer))
            if len(link.buffer) > 1000 or not rest:
                got += await read(bench, stream.randint(1, 1500))
        assert got == data
        assert held <= 10240
        assert await bench.ask("AT+QSSLCLOSE=0") == ["OK"]

    on_ec800e(work)


@pytest.mark.parametrize("access", [0, 1, 2])
def test_what_a_server_says_first_comes_behind_the_outcome(access: int) -> None:
    async def main(bench: Bench) -> None:
        authority = bench.simulation.world.authority
        assert authority is not None

        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 welcome\r\n")
            with contextlib.suppress(OSError):
                await reader.read()
            writer.close()

        server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=authority.context)
        port = server.sockets[0].getsockname()[1]
        bench.port.host_write(f'AT+QSSLOPEN=1,1,0,"127.0.0.1",{port},{access}\r'.encode())
        heard = await bench.port.host_quiet(10)
        if access == 2:
            assert heard == b"\r\nCONNECT\r\n220 welcome\r\n"
        else:
            tail = b"0\r\n" if access == 0 else b"0,13\r\n220 welcome\r\n\r\n"
            assert heard == b'\r\nOK\r\n\r\n+QSSLOPEN: 0,0\r\n\r\n+QSSLURC: "recv",' + tail
        server.close()

    on_ec800e(main)


def test_a_pushed_stream_arrives_whole_at_the_pace_of_the_line() -> None:
    data = random.Random(6).randbytes(60000)

    async def work(bench: Bench) -> None:
        await opened(bench, access=1)
        table = bench.simulation.ue.ip.ssl_sockets
        link, rest, heard = table.get(0), data, b""
        assert link is not None
        while rest:
            if table.send(link, rest[:1460]):
                rest = rest[1460:]
            await asyncio.sleep(0.1)
            heard += bench.port.host_read()
        heard += await bench.port.host_quiet(60)
        got = b""
        while b'+QSSLURC: "recv",0,' in heard:
            _, _, behind = heard.partition(b'+QSSLURC: "recv",0,')
            count, _, behind = behind.partition(b"\r\n")
            got, heard = got + behind[: int(count)], behind[int(count) :]
        assert got == data

    on_ec800e(work, overrides=("timing.inactivity=1h",))


def test_a_module_before_network_time_refuses_what_is_valid_and_takes_it_once_it_knows_the_date() -> None:
    async def work(bench: Bench) -> None:
        reasons = failures(bench)
        await upload(bench, "ca.pem", certificate(bench))
        for line in ('"seclevel",1,1', '"cacert",1,"ca.pem"', '"ignorelocaltime",1,0'):
            assert await bench.ask(f"AT+QSSLCFG={line}") == ["OK"]
        clock = bench.simulation.ue.calendar
        real = clock.now_utc()
        clock.set(datetime(2000, 1, 1, tzinfo=UTC), 0)
        assert await bench.ask(f'AT+QSSLOPEN=1,1,0,"{ECHO}",443') == ["OK"]
        await bench.port.host_read_until(b"+QSSLOPEN: 0,566\r\n", 60)
        assert reasons == [TlsFailure.NOT_YET_VALID]
        clock.set(real, 0)
        await opened(bench, access=0)

    on_ec800e(work)


def test_every_failure_is_named_in_the_trace() -> None:
    async def work(bench: Bench) -> None:
        reasons = failures(bench)
        stranger = Authority(bench.simulation.network.now_utc, ("stranger.test",))
        await upload(bench, "other.pem", stranger.certificate)
        await upload(bench, "ca.pem", certificate(bench))
        await upload(bench, "none.pem", b"none")
        for setting, value, reason in (
            ("seclevel", "1", TlsFailure.CREDENTIALS),
            ("cacert", '"none.pem"', TlsFailure.CREDENTIALS),
            ("cacert", '"other.pem"', TlsFailure.UNTRUSTED),
            ("cacert", '"ca.pem"', None),
            ("seclevel", "2", TlsFailure.CREDENTIALS),
            ("seclevel", "1", None),
            ("ciphersuite", "0X0004", TlsFailure.REFUSED),
            ("ciphersuite", "0XC009", None),
            ("sslversion", "0", TlsFailure.REFUSED),
            ("sslversion", "2", TlsFailure.CLOSED),
            ("sslversion", "3", None),
        ):
            assert await bench.ask(f'AT+QSSLCFG="{setting}",1,{value}') == ["OK"]
            assert await bench.ask(f'AT+QSSLOPEN=1,1,0,"{ECHO}",443') == ["OK"]
            outcome = 566 if reason else 0
            await bench.port.host_read_until(b"+QSSLOPEN: 0,%d\r\n" % outcome, 60)
            assert reasons == ([reason] if reason else []), setting
            reasons.clear()
            assert await bench.ask("AT+QSSLCLOSE=0") == ["OK"]

    on_ec800e(work)


@pytest.mark.parametrize("instant", [0.001, 0.05, 0.1, 0.15, 0.2, 0.3])
@pytest.mark.parametrize("action", ["AT+QSSLCLOSE=0", "AT+CFUN=0", "AT+QIDEACT=1", "cut", "outage"])
def test_whatever_happens_in_the_middle_of_a_negotiation_leaves_a_module_that_works(
    action: str, instant: float
) -> None:
    async def work(bench: Bench) -> None:
        bench.port.host_write(f'AT+QSSLOPEN=1,1,0,"{ECHO}",443,1\r'.encode())
        await bench.port.host_read_until(b"OK\r\n", 10)
        await asyncio.sleep(instant)
        simulation = bench.simulation
        if action == "cut":
            await simulation.power("cut")
            await simulation.power("on")
            await bench.attached()
        elif action == "outage":
            simulation.network.patch(outage=True)
            await asyncio.sleep(1000)
            simulation.network.patch(outage=False)
            await bench.attached()
        else:
            assert (await bench.ask(action, 150))[-1] == "OK"
            await bench.ask("AT+CFUN=1", 60)
            await bench.port.host_quiet(30)
            await bench.ask("AT+QIACT=1", 150)
        await bench.port.host_quiet(700)
        await bench.ask("ATE0")
        assert (await bench.ask("AT+QSSLCLOSE=0"))[-1] == "OK"
        await asyncio.sleep(100)
        assert not simulation.ue.bearer.streams
        await opened(bench, access=1)

    on_ec800e(work, overrides=("timing.inactivity=1h",))


def test_mqtt_whose_records_cannot_be_deciphered_ends_with_status_10() -> None:
    async def main(bench: Bench) -> None:
        authority = bench.simulation.world.authority
        assert authority is not None

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            decoder = mqtt.Decoder()
            with contextlib.suppress(OSError):
                while not decoder.feed(await reader.read(1000)):
                    pass
                writer.write(mqtt.encode(mqtt.ConnAck(0)))
                await asyncio.sleep(5)
                # past the TLS layer of the server: what it wraps
                raw = writer.transport._ssl_protocol._transport  # type: ignore[attr-defined]
                raw.write(b"\x17\x03\x03\x00\x20" + bytes(32))
                await asyncio.sleep(50)

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=authority.context)
        port = server.sockets[0].getsockname()[1]
        for line in ('"ssl",0,1,1', '"version",0,4'):
            assert await bench.ask(f"AT+QMTCFG={line}") == ["OK"]
        assert await bench.ask(f'AT+QMTOPEN=0,"127.0.0.1",{port}') == ["OK"]
        await bench.port.host_read_until(b"+QMTOPEN: 0,0\r\n", 60)
        assert await bench.ask('AT+QMTCONN=0,"id"') == ["OK"]
        await bench.port.host_read_until(b"+QMTCONN: 0,0,0\r\n", 60)
        await bench.port.host_read_until(b"+QMTSTAT: 0,10\r\n", 60)
        assert await bench.ask("AT+QMTCONN?") == ["OK"]
        server.close()

    on_ec800e(main)


@pytest.mark.parametrize("form", ["as it is", "one line", "hex"])
def test_a_sim7020_checks_its_server_with_the_authority_it_was_given(form: str) -> None:
    async def store(bench: Bench, content: bytes) -> None:
        text = content.decode()
        if form == "hex":
            text = content.hex()
        elif form == "one line":
            text = text.replace("\n", "")
        else:
            text = text.replace("\n", "\\n")
        total = len(content) if form == "hex" else len(text)
        pieces = [text[at : at + 400] for at in range(0, len(text), 400)]
        for at, piece in enumerate(pieces, 1):
            line = f'AT+CSETCA=0,{total},{int(at < len(pieces))},{int(form == "hex")},"{piece}"'
            assert await bench.ask(line) == ["OK"]

    async def work(bench: Bench) -> None:
        await bench.attached()
        await bench.port.host_quiet(10)
        await bench.ask("ATE0")
        reasons = failures(bench)
        await store(bench, Authority(bench.simulation.network.now_utc, ("x.test",)).certificate)
        new = 'AT+CMQTTSNEW="mqtt.ctwing.cn","8883",12000,1024'
        assert await bench.ask(new, 135) == ["ERROR"]
        assert reasons == [TlsFailure.UNTRUSTED]
        assert await bench.ask('AT+CSETCA=0,1,0,0,"too much"') == ["ERROR"]
        await store(bench, certificate(bench))
        assert await bench.ask(new, 135) == ["+CMQTTSNEW: 0", "OK"]
        assert await bench.ask("AT+CMQDISCON=0") == ["OK"]

    on_bench(work, profile="sim7020")


def test_with_the_quirk_a_sim7020_wants_its_clock_set() -> None:
    async def work(bench: Bench) -> None:
        await bench.attached()
        await bench.port.host_quiet(10)
        await bench.ask("ATE0")
        reasons = failures(bench)
        text = certificate(bench).decode().replace("\n", "\\n")
        assert await bench.ask(f'AT+CSETCA=0,{len(text)},0,0,"{text}"') == ["OK"]
        new = 'AT+CMQTTSNEW="mqtt.ctwing.cn","8883",12000,1024'
        bench.simulation.ue.calendar.set(datetime(2000, 1, 1, tzinfo=UTC), 0)
        assert await bench.ask(new, 135) == ["ERROR"]
        assert reasons == [TlsFailure.NOT_YET_VALID]
        bench.simulation.ue.calendar.set(bench.simulation.network.now_utc(), 0)
        assert await bench.ask(new, 135) == ["+CMQTTSNEW: 0", "OK"]

    on_bench(work, profile="sim7020", overrides=("quirks.tls_checks_time=true",))


@pytest.mark.parametrize("profile", ["bc260y", "bc35", "bc28", "bc95"])
@pytest.mark.parametrize("line", ['AT+QSSLCFG="seclevel",1,1', "AT+QSSLOPEN=?", 'AT+QFUPL="x",1'])
def test_modules_without_tls_answer_as_to_any_unknown_command(profile: str, line: str) -> None:
    async def work(bench: Bench) -> tuple[list[str], list[str]]:
        await bench.attached()
        await bench.port.host_quiet(10)
        return await bench.ask(line), await bench.ask("AT+NONSENSE=1")

    said, unknown = on_bench(work, profile=profile)
    assert said[-1] == unknown[-1]
    assert said[-1] != "OK"


@pytest.mark.parametrize(
    ("mode", "timeout", "longest"), [(0, "", 10.1), (0, ",3", 3.1), (1, ",500", 0.6), (0, ",0", 0.1)]
)
def test_closing_waits_for_the_peer_as_long_as_the_host_says(mode: int, timeout: str, longest: float) -> None:
    async def work(bench: Bench) -> None:
        loop = asyncio.get_running_loop()
        assert await bench.ask(f'AT+QSSLCFG="closetimemode",1,{mode}') == ["OK"]
        await opened(bench, access=1)
        started = loop.time()
        assert await bench.ask(f"AT+QSSLCLOSE=0{timeout}") == ["OK"]
        assert loop.time() - started < min(longest, 0.5)
        await opened(bench, access=1)
        bench.simulation.network.patch(loss=1.0)
        started = loop.time()
        assert await bench.ask(f"AT+QSSLCLOSE=0{timeout}") == ["OK"]
        assert longest - 0.2 < loop.time() - started < longest
        assert await bench.ask("AT+QSSLSTATE") == ["OK"]

    on_ec800e(work)
