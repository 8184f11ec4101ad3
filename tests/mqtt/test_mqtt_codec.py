"""MQTT packets: known bytes, round trips of anything, nonsense that is refused, any split of a stream."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemsim import mqtt
from modemsim.mqtt import Kind, MqttError

numbers = st.integers(1, 0xFFFF)
texts = st.text(max_size=40).filter(lambda text: not any(0xD800 <= ord(c) <= 0xDFFF for c in text))
qos = st.integers(0, 2)
wills = st.none() | st.builds(mqtt.Will, texts, st.binary(max_size=40), qos, st.booleans())
packets = st.one_of(
    st.builds(
        mqtt.Connect,
        texts,
        st.none() | texts,
        st.none() | st.binary(max_size=40),
        st.integers(0, 0xFFFF),
        st.booleans(),
        st.sampled_from((3, 4)),
        wills,
    ),
    st.builds(mqtt.ConnAck, st.integers(0, 5), st.booleans()),
    st.builds(
        lambda topic, data, level, retain, dup, number: mqtt.Publish(
            topic, data, level, retain, dup, number if level else 0
        ),
        texts, st.binary(max_size=300), qos, st.booleans(), st.booleans(), numbers,
    ),
    st.builds(
        mqtt.Ack,
        st.sampled_from((Kind.PUBACK, Kind.PUBREC, Kind.PUBREL, Kind.PUBCOMP, Kind.UNSUBACK)),
        numbers,
    ),
    st.builds(mqtt.Subscribe, numbers, st.lists(st.tuples(texts, qos), min_size=1, max_size=4).map(tuple)),
    st.builds(mqtt.SubAck, numbers, st.lists(st.sampled_from((0, 1, 2, 128)), max_size=4).map(tuple)),
    st.builds(mqtt.Unsubscribe, numbers, st.lists(texts, min_size=1, max_size=4).map(tuple)),
    st.builds(mqtt.Bare, st.sampled_from((Kind.PINGREQ, Kind.PINGRESP, Kind.DISCONNECT))),
)  # fmt: skip


@pytest.mark.parametrize(
    ("packet", "encoded"),
    [
        (mqtt.Connect("a", "u", b"p", 60), "101300044d51545404c2003c000161000175000170"),
        (mqtt.Connect("a", clean=False, version=3), "100f00064d514973647003000000000161"),
        (mqtt.ConnAck(5), "20020005"),
        (mqtt.Publish("t", b"hi"), "300500017468 69"),
        (mqtt.Publish("t", b"", 1, True, True, 258), "3b05000174 0102"),
        (mqtt.Ack(Kind.PUBREL, 1), "62020001"),
        (mqtt.Subscribe(1, (("t", 2),)), "82060001000174 02"),
        (mqtt.SubAck(1, (128,)), "9003000180"),
        (mqtt.Unsubscribe(1, ("t",)), "a2050001000174"),
        (mqtt.Bare(Kind.PINGREQ), "c000"),
    ],
)
def test_known_bytes(packet: mqtt.Packet, encoded: str) -> None:
    assert mqtt.encode(packet) == bytes.fromhex(encoded)
    assert mqtt.Decoder().feed(bytes.fromhex(encoded)) == [packet]


def test_long_packets_have_long_lengths() -> None:
    for size, head in ((127 - 3, "307f"), (128 - 3, "308001"), (16384 - 3, "30808001")):
        packet = mqtt.Publish("t", bytes(size))
        encoded = mqtt.encode(packet)
        assert encoded.startswith(bytes.fromhex(head))
        assert mqtt.Decoder().feed(encoded) == [packet]


@given(st.lists(packets, max_size=5), st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_whatever_is_sent_arrives_in_any_split(sent: list[mqtt.Packet], steps: list[int]) -> None:
    stream = b"".join(map(mqtt.encode, sent))
    decoder, got, at, turn = mqtt.Decoder(), [], 0, 0
    while at < len(stream):
        step = steps[turn % len(steps)]
        got += decoder.feed(stream[at : at + step])
        at, turn = at + step, turn + 1
    assert got == sent


@given(st.text(st.characters(max_codepoint=255), max_size=40))
def test_a_client_that_passes_on_octets_changes_none(text: str) -> None:
    packet = mqtt.Publish(text, b"")
    encoded = mqtt.encode(packet, mqtt.OCTETS)
    assert encoded[4:] == text.encode("latin-1")
    assert mqtt.Decoder(texts=mqtt.OCTETS).feed(encoded) == [packet]


@given(st.binary(max_size=200))
def test_any_bytes_give_packets_or_are_refused(data: bytes) -> None:
    with contextlib.suppress(MqttError):
        mqtt.Decoder(1000).feed(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("0000", "no packet type 0"),
        ("36050001740001", "QoS 3"),
        ("60020001", "PUBREL has flags 0"),
        (b"HTTP/1.1 400 Bad".hex(), "PUBACK has flags 8"),
        ("4003000100", "longer than its fields"),
        ("400100", "shorter than its fields"),
        ("3004000 2fffe".replace(" ", ""), "UTF-8"),
        ("30ffffffff01", "more than four bytes"),
        ("30ffffff7f", "too long"),
        ("100a00044d51545404010000".ljust(24, "0"), "not a CONNECT"),
    ],
)
def test_nonsense_is_refused(data: str, message: str) -> None:
    with pytest.raises(MqttError, match=message):
        mqtt.Decoder().feed(bytes.fromhex(data))


def test_what_does_not_fit_is_not_sent() -> None:
    with pytest.raises(ValueError, match="65535"):
        mqtt.encode(mqtt.Publish("t" * 70000, b""))
