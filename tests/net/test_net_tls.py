"""TLS over loopback on virtual time: every way a negotiation fails, data both ways, every way it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from test_net_bearer import Bench, play

from modemsim.net.crossing import CrossingFailed, Loss
from modemsim.net.tcp import FLIGHT
from modemsim.net.tls import RECORD, TlsSocket, make_stream, open_stream
from modemsim.net.tls_settings import TlsFailed, TlsFailure, TlsSettings
from modemsim.platforms.authority import Authority

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAME = "server.test"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def authority(now: datetime = NOW, *names: str) -> Authority:
    return Authority(lambda: now, names or (NAME,))


def wishes(trusted: Authority, **more: Any) -> TlsSettings:
    """A client that checks everything."""
    given = {
        "verify": True,
        "ca": trusted.certificate,
        "server_name": NAME,
        "now": lambda: NOW,
        "limit": 30.0,
    }
    return TlsSettings(**{**given, **more})


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def server(serve: Serve = echo, context: ssl.SSLContext | None = None) -> Any:
    """A server of the test on a port of this machine; without a context it speaks no TLS by itself."""
    writers: list[asyncio.StreamWriter] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(OSError):
            await serve(reader, writer)

    patience = None if context is None else 600
    made = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context, ssl_handshake_timeout=patience)
    try:
        yield made.sockets[0].getsockname()[:2]
    finally:
        made.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)


def reach(bench: Bench, where: Any) -> None:
    """Let the bench reach a server, which runs on the same virtual time."""
    bench.routes.offline = False
    bench.builtin["test"] = where


async def refused(bench: Bench, settings: TlsSettings, where: Any) -> TlsFailure:
    """The reason for which a connection with these settings is not secured."""
    reach(bench, where)
    tls = make_stream(bench.bearer, settings)
    with pytest.raises(TlsFailed) as caught:
        await open_stream(tls, where)
    assert tls.closed
    await asyncio.sleep(100)
    assert not bench.bearer.streams
    return caught.value.failure


async def opened(bench: Bench, settings: TlsSettings, where: Any, **owner: Any) -> TlsSocket:
    reach(bench, where)
    tls = TlsSocket(bench.bearer, settings)
    for name, value in owner.items():
        setattr(tls, name, value)
    await open_stream(tls, where)
    return tls


def check(reason: TlsFailure, trusted: Authority, shown: Authority | None = None, **more: Any) -> None:
    """A server with a certificate of `shown` is refused for this reason by a client that trusts `trusted`."""

    async def body(bench: Bench) -> None:
        async with server(context=(shown or trusted).context) as where:
            assert await refused(bench, wishes(trusted, **more), where) is reason

    play(body)


def test_a_server_of_another_authority_is_not_trusted() -> None:
    check(TlsFailure.UNTRUSTED, authority(), authority())


def test_a_name_that_is_not_in_the_certificate_is_refused() -> None:
    check(TlsFailure.NAME, authority(), server_name="other.test")


def test_an_address_that_is_not_in_the_certificate_is_refused() -> None:
    check(TlsFailure.NAME, authority(), server_name="192.0.2.1")


def test_a_name_that_is_no_name_is_refused() -> None:
    check(TlsFailure.NAME, authority(), server_name=".")


def test_dates_are_those_of_the_modules_calendar() -> None:
    check(TlsFailure.NOT_YET_VALID, authority(), now=lambda: datetime(2000, 1, 1, tzinfo=UTC))
    check(TlsFailure.EXPIRED, authority(), now=lambda: datetime(2050, 1, 1, tzinfo=UTC))


def test_what_is_expired_for_this_machine_is_valid_for_a_module_of_that_time() -> None:
    async def body(bench: Bench) -> None:
        old = authority(datetime(1995, 1, 1, tzinfo=UTC))
        async with server(context=old.context) as where:
            tls = await opened(bench, wishes(old, now=lambda: datetime(1996, 1, 1, tzinfo=UTC)), where)
            tls.abort()
            assert await refused(bench, wishes(old), where) is TlsFailure.EXPIRED
            tls = await opened(bench, wishes(old, now=None), where)
            tls.abort()

    play(body)


@pytest.mark.parametrize(
    "ca", [None, b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----"]
)
def test_a_file_of_an_authority_that_is_missing_or_none_is_found_out_before_anything_is_sent(
    ca: bytes,
) -> None:
    check(TlsFailure.CREDENTIALS, authority(), ca=ca)


def test_an_authority_is_read_as_der_too() -> None:
    async def body(bench: Bench) -> None:
        trusted = authority()
        der = ssl.PEM_cert_to_DER_cert(trusted.certificate.decode())
        async with server(context=trusted.context) as where:
            tls = await opened(bench, wishes(trusted, ca=der), where)
            tls.abort()

    play(body)


def test_versions_and_suites_without_anything_in_common_are_refused() -> None:
    check(TlsFailure.CLOSED, authority(), oldest="1.1", newest="1.1")  # this server closes without a word
    check(TlsFailure.REFUSED, authority(), oldest="3.0", newest="3.0")
    check(TlsFailure.REFUSED, authority(), ciphers="RC4-MD5")


def test_an_alert_of_the_peer_is_a_refusal() -> None:
    async def alert(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"\x15\x03\x03\x00\x02\x02\x28")  # fatal, handshake_failure (RFC 5246, 7.2)
        await reader.read()

    async def body(bench: Bench) -> None:
        async with server(alert) as where:
            assert await refused(bench, wishes(authority()), where) is TlsFailure.REFUSED

    play(body)


def test_a_peer_that_speaks_something_else_is_a_refusal() -> None:
    async def body(bench: Bench) -> None:
        async with server(echo) as where:
            assert await refused(bench, wishes(authority()), where) is TlsFailure.REFUSED

    play(body)


@pytest.mark.parametrize("rudely", [False, True])
def test_a_peer_that_closes_meanwhile_is_told_apart(rudely: bool) -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.transport.abort() if rudely else writer.close()

    async def body(bench: Bench) -> None:
        async with server(close) as where:
            assert await refused(bench, wishes(authority()), where) is TlsFailure.CLOSED

    play(body)


def test_a_silent_peer_is_given_up_after_the_time_of_the_negotiation() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def body(bench: Bench) -> None:
        async with server(silent) as where:
            reach(bench, where)
            tls = make_stream(bench.bearer, wishes(authority()))
            started = asyncio.get_running_loop().time()
            with pytest.raises(TlsFailed) as caught:
                await open_stream(tls, where)
            assert caught.value.failure is TlsFailure.TIMEOUT
            assert 30.0 < asyncio.get_running_loop().time() - started < 31.0

    play(body)


def test_a_bearer_that_goes_meanwhile_is_not_a_matter_of_tls() -> None:
    async def body(bench: Bench) -> None:
        async with server(context=authority().context) as where:
            reach(bench, where)
            tls = make_stream(bench.bearer, wishes(authority()))
            asyncio.get_running_loop().call_later(0.25, setattr, bench.radio, "ip", None)
            with pytest.raises(CrossingFailed) as caught:
                await open_stream(tls, where)
            assert caught.value.loss is Loss.NO_BEARER

    play(body)


def test_a_server_that_asks_for_a_certificate_of_the_client() -> None:
    async def body(bench: Bench) -> None:
        trusted, client = authority(), authority(NOW, "client.test")
        certificate, key = client.issue(ec.generate_private_key(ec.SECP256R1()))
        context = trusted.context
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=client.certificate.decode())
        shown = {"shows_certificate": True, "certificate": certificate, "key": key}
        async with server(context=context) as where:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            tls = await opened(bench, wishes(trusted, **shown), where)
            tls.abort()
            assert await refused(bench, wishes(trusted), where) is TlsFailure.CLOSED
            for broken in (
                {"key": None},
                {"key": b"x"},
                {"certificate": None},
                {"certificate": client.certificate},
            ):
                reason = await refused(bench, wishes(trusted, **{**shown, **broken}), where)
                assert reason is TlsFailure.CREDENTIALS

    play(body)


@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_a_megabyte_crosses_both_ways_in_pieces_of_any_size(loss: float) -> None:
    stream = random.Random(3)
    data = stream.randbytes((1 << 20) // (8 if loss else 1))

    async def body(bench: Bench) -> None:
        trusted, heard = authority(), bytearray()
        bench.radio.lost = lambda: stream.random() < loss  # type: ignore[method-assign]
        async with server(context=trusted.context) as where:
            tls = await opened(bench, wishes(trusted), where)
            tls.on_data = heard.extend
            tls.room = lambda: limit - len(heard)
            rest, limit = data, 0
            while rest or len(heard) < len(data):
                piece = rest[: stream.choice((1, 2, 100, 1460, 1460, RECORD, RECORD + 1, 40000))]
                tls.send(piece)
                rest = rest[len(piece) :]
                await asyncio.sleep(stream.random())
                assert tls._incoming.pending <= 2 * FLIGHT
                limit = len(heard) + stream.choice((0, 1, 1000, 20000, 100000))
                tls.read_on()
                assert 0 <= tls.acked <= tls.sent
                assert len(heard) <= limit
            assert bytes(heard) == data
            await asyncio.sleep(500)
            assert (tls.sent, tls.acked, tls.unacked) == (len(data), len(data), 0)
            tls.close()
            await asyncio.sleep(500)
            assert not bench.bearer.streams

    play(body)


async def ended(bench: Bench, serve: Serve, data: bytes = b"") -> tuple[bytes, list[Loss]]:
    """What a client hears of a server, and how the connection ends."""
    trusted = authority()
    async with server(serve, trusted.context) as where:
        heard, ends = bytearray(), []
        tls = await opened(bench, wishes(trusted), where, on_data=heard.extend, on_end=ends.append)
        tls.send(data)
        await asyncio.sleep(100)
        assert tls.closed
        tls.send(b"nowhere")
        tls.close()
        tls.abort()
        return bytes(heard), ends


def test_the_peer_closes_with_its_last_bytes() -> None:
    async def last(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"last")
        writer.close()

    async def body(bench: Bench) -> None:
        assert await ended(bench, last) == (b"last", [Loss.CLOSED])

    play(body)


def test_an_end_without_the_closing_alert_is_an_end() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"cut")
        await writer.drain()
        await asyncio.sleep(1)
        writer.transport.get_extra_info("socket").shutdown(1)
        await asyncio.sleep(50)

    async def body(bench: Bench) -> None:
        assert await ended(bench, cut) == (b"cut", [Loss.CLOSED])

    play(body)


def test_a_reset_is_a_reset() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    async def body(bench: Bench) -> None:
        heard, ends = await ended(bench, reset, b"x" * 100_000)
        assert heard == b""
        assert ends in ([Loss.RESET], [Loss.CLOSED])

    play(body)


def test_a_record_that_nobody_can_decipher_ends_the_connection() -> None:
    async def garble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1)
        with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as raw:
            raw.send(b"\x17\x03\x03\x00\x20" + bytes(32))
        await asyncio.sleep(50)

    async def body(bench: Bench) -> None:
        assert await ended(bench, garble) == (b"", [Loss.SECURITY])

    play(body)


def test_what_the_peer_sent_before_it_closed_waits_for_room() -> None:
    async def last(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(20000))
        writer.close()

    async def body(bench: Bench) -> None:
        trusted, heard, ends = authority(), bytearray(), []
        async with server(last, trusted.context) as where:
            tls = TlsSocket(bench.bearer, wishes(trusted))
            tls.room, tls.on_data, tls.on_end = lambda: limit - len(heard), heard.extend, ends.append
            limit = 100
            reach(bench, where)
            await open_stream(tls, where)
            await asyncio.sleep(100)
            assert (len(heard), ends) == (100, [])
            while limit < 20100:
                limit += 1000
                tls.read_on()
                await asyncio.sleep(1)
            assert (len(heard), ends) == (20000, [Loss.CLOSED])

    play(body)


def test_closing_while_the_negotiation_runs_ends_both() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def body(bench: Bench) -> None:
        async with server(silent) as where:
            reach(bench, where)
            tls = make_stream(bench.bearer, wishes(authority()))
            task = asyncio.create_task(open_stream(tls, where))
            await asyncio.sleep(5)
            tls.send(b"too early")
            task.cancel()
            tls.close()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await asyncio.sleep(5)
            assert not bench.bearer.streams
            assert tls.sent == 0

    play(body)


def test_a_server_name_is_sent_only_where_it_is_wished() -> None:
    async def body(bench: Bench) -> None:
        trusted, names = authority(), []
        context = trusted.context
        context.sni_callback = lambda inner, name, outer: names.append(name)
        async with server(context=context) as where:
            for name in (NAME, None):
                tls = await opened(bench, wishes(trusted, server_name=name), where)
                tls.abort()
        assert names == [NAME, None]

    play(body)


def test_a_protocol_is_offered_where_it_is_wished() -> None:
    async def body(bench: Bench) -> None:
        trusted, chosen = authority(), []
        context = trusted.context
        context.set_alpn_protocols(["mqtt", "http/1.1"])

        async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            chosen.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
            await echo(reader, writer)

        async with server(note, context) as where:
            for alpn in ("mqtt", ""):
                tls = await opened(bench, wishes(trusted, alpn=alpn), where)
                tls.abort()
                await asyncio.sleep(1)
        assert chosen == ["mqtt", None]

    play(body)


def test_a_talkative_owner_leaves_nothing_behind() -> None:
    async def body(bench: Bench) -> None:
        trusted = authority()
        async with server(context=trusted.context) as where:
            tls = await opened(bench, wishes(trusted), where)
            for _ in range(200):
                tls.send(b"x")
                await asyncio.sleep(1)
            assert len(tls._marks) < 3

    play(body)


def test_an_authority_keeps_its_certificates_and_covers_its_names() -> None:
    one = authority(NOW, "a.test", "*.b.test", "192.0.2.7")
    assert one.certificate is one.certificate
    assert one.context is one.context

    async def body(bench: Bench) -> None:
        async with server(context=one.context) as where:
            for name in ("a.test", "x.b.test", "192.0.2.7"):
                tls = await opened(
                    bench, wishes(one, server_name=name, ciphers="ECDHE-ECDSA-AES128-SHA"), where
                )
                tls.abort()
            tls = await opened(bench, wishes(one, server_name="a.test", ciphers="AES128-SHA"), where)
            tls.abort()

    play(body)
