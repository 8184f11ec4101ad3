"""The negotiation of TLS over loopback on virtual time: every way it fails, and what is sent and shown in it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from test_net_bearer import Bench, play
from tls_bench import NAME, NOW, authority, echo, opened, reach, refused, server, wishes

from modemsim.net.crossing import CrossingFailed, Loss
from modemsim.net.tls import TlsSocket, make_stream, open_stream
from modemsim.net.tls_settings import TlsFailed, TlsFailure
from modemsim.platforms.authority import Authority


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


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=600), max_size=6), st.booleans())
def test_whatever_a_server_says_first_is_a_refusal_and_no_crash(said: list[bytes], closes: bool) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in said:
            writer.write(piece)
            await asyncio.sleep(0.3)
        if closes:
            writer.close()
        else:
            await reader.read()

    async def body(bench: Bench) -> None:
        async with server(nonsense) as where:
            assert await refused(bench, wishes(authority()), where) in (
                TlsFailure.REFUSED,
                TlsFailure.CLOSED,
                TlsFailure.TIMEOUT,
            )

    play(body)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=30))
def test_a_negotiation_in_pieces_of_any_size_is_one(sizes: list[int]) -> None:
    async def body(bench: Bench) -> None:
        trusted, wanted = authority(), cycle(sizes)
        tls = TlsSocket(bench.bearer, wishes(trusted))
        arrived = tls._arrived

        def in_pieces(data: bytes) -> None:
            while data:
                size = next(wanted)
                arrived(data[:size])
                data = data[size:]

        tls._tcp.on_data = in_pieces
        heard = bytearray()
        tls.on_data = heard.extend
        async with server(context=trusted.context) as where:
            reach(bench, where)
            await open_stream(tls, where)
            tls.send(bytes(1000))
            await asyncio.sleep(5)
            assert heard == bytes(1000)
            tls.abort()

    play(body)
