"""What is a message, and what is reset or dropped instead (RFC 7252 sections 3 and 4)."""

from __future__ import annotations

import contextlib

import pytest
from aiocoap import GET, Code, Message
from coap_fakes import ACK, CON, NON, RST, SERVER, datagram
from hypothesis import given
from hypothesis import strategies as st

from modemsim.coap.codec import Malformed, Peer, decode, describe, error_code

PEER = Peer(SERVER, lambda: ("192.0.2.7", 40000))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "shorter than a header"),
        (b"\x40\x01\x00", "shorter than a header"),
        (b"\x00\x01\x00\x01", "unknown version"),
        (b"\x80\x01\x00\x01", "unknown version"),
        (datagram(NON, 0x01, 1, rest=b"\xff"), "payload marker without payload"),
        (datagram(ACK, 0x01, 1), "ACK cannot carry this code"),
        (datagram(RST, 0x45, 1), "RST cannot carry this code"),
        (datagram(NON, 0x00, 1, b"\x01"), "empty message with content"),
    ],
)
def test_dropped_without_an_answer(data: bytes, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        decode(data, PEER)
    assert str(caught.value) == reason
    assert caught.value.reset is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x49\x01\x12\x34" + b"t" * 9, "token length"),
        (b"\x44\x01\x12\x34tok", "token length"),
        (datagram(CON, 0x01, 0x1234, rest=b"\xff"), "payload marker without payload"),
        (datagram(CON, 0x00, 0x1234, rest=b"x"), "empty message with content"),
        (datagram(CON, 0x21, 0x1234), "reserved code class"),
        (datagram(CON, 0xE1, 0x1234), "reserved code class"),
        (datagram(CON, 0x01, 0x1234, rest=b"\xf0"), "reserved option length or delta"),
        (datagram(CON, 0x01, 0x1234, rest=b"\xbf"), "reserved option length or delta"),
        (datagram(CON, 0x01, 0x1234, rest=b"\xb3rd"), "option cut short"),
        (datagram(CON, 0x01, 0x1234, rest=b"\xbd"), "option header cut short"),
        (datagram(CON, 0x01, 0x1234, rest=b"\xbe\x00"), "option header cut short"),
        (datagram(CON, 0x01, 0x1234, rest=b"\xb1\xff"), "option value: 'utf-8' codec can't decode"),
    ],
)
def test_confirmable_ones_are_reset(data: bytes, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        decode(data, PEER)
    assert str(caught.value).startswith(reason)
    assert caught.value.reset == 0x1234


def test_long_options_and_payload() -> None:
    path = b"a" * 300
    rest = b"\xbe" + (300 - 269).to_bytes(2, "big") + path + b"\xff" + b"\xff\xff"
    message = decode(datagram(CON, 0x02, 7, b"tokn", rest), PEER)
    assert message.opt.uri_path == (path.decode(),)
    assert message.payload == b"\xff\xff"


@pytest.mark.parametrize(
    ("data", "code", "kind"),
    [
        (datagram(CON, 0x02, 7, b"\xab", b"\xb2rd\x02ab"), "POST", "CON"),
        (datagram(ACK, 0x44, 7), "2.04", "ACK"),
        (datagram(RST, 0x00, 7), "EMPTY", "RST"),
        (datagram(NON, 0x1F, 7), "0.31", "NON"),
    ],
)
def test_what_a_trace_shows(data: bytes, code: str, kind: str) -> None:
    shown = describe(decode(data, PEER))
    assert (shown["code"], shown["type"], shown["mid"]) == (code, kind, 7)
    assert shown["peer"] == "192.0.2.1:5683"
    if code == "POST":
        assert (shown["token"], shown["path"]) == ("ab", "/rd/ab")


@given(st.binary(max_size=60))
def test_any_octets_are_a_message_or_malformed(data: bytes) -> None:
    reset = None
    try:
        describe(decode(data, PEER))
    except Malformed as problem:
        reset = problem.reset
    assert reset is None or reset == int.from_bytes(data[2:4], "big")


@given(
    st.integers(0, 3),
    st.sampled_from([0x01, 0x02, 0x45, 0x84]),
    st.lists(st.tuples(st.integers(0, 15), st.binary(max_size=20)), max_size=6),
    st.binary(max_size=8),
)
def test_any_options_are_a_message_or_malformed(
    mtype: int, code: int, options: list[tuple[int, bytes]], payload: bytes
) -> None:
    rest = b"".join(bytes([delta << 4 | min(len(value), 15)]) + value for delta, value in options)
    with contextlib.suppress(Malformed):
        describe(decode(datagram(mtype, code, 1, rest=rest + (b"\xff" + payload if payload else b"")), PEER))


def test_a_peer_is_its_address() -> None:
    same = Peer(SERVER, lambda: ("192.0.2.7", 40000))
    assert same == PEER
    assert hash(PEER) == hash(same)
    assert Peer(("192.0.2.1", 5684), lambda: SERVER) != PEER
    assert PEER.uri_base == "coap://192.0.2.1:5683"
    assert PEER.uri_base_local == "coap://192.0.2.7:40000"
    assert repr(PEER) == "<Peer 192.0.2.1:5683>"
    assert PEER.as_response_address() is PEER
    message = Message(code=GET)
    message.remote = PEER
    assert message.get_request_uri() == "coap://192.0.2.1:5683/"


@given(st.text("0123456789.x\u0664 ", max_size=5) | st.text())
def test_error_codes_are_read_as_they_are_written(text: str) -> None:
    """Whatever is read is a code of class 4 or 5 and is written as it was."""
    with contextlib.suppress(ValueError):
        code = error_code(text)
        assert (f"{code >> 5}.{code & 31:02}", code >> 5 in (4, 5)) == (text, True)


def test_every_error_code_there_is_can_be_read() -> None:
    codes = [code for code in Code if code >> 5 in (4, 5)]
    assert [error_code(code.dotted) for code in codes] == codes
