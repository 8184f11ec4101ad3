"""Our packets against a codec that nobody here wrote: what we encode amqtt reads, and writes again octet by octet."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_mqtt_codec import numbers, qos

from modemsim import mqtt
from modemsim.mqtt import Kind

amqtt = pytest.importorskip("amqtt.mqtt", reason="amqtt is not installed")
adapters = pytest.importorskip("amqtt.adapters", reason="amqtt is not installed")

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
"""Texts as MQTT allows them everywhere; amqtt makes up a client identifier for an empty one."""
topics = texts.filter(lambda text: not set(text) & set("#+"))
"""A message has no wildcards in its topic (3.3.2.1), and amqtt insists."""
wills = st.builds(mqtt.Will, topics, st.binary(min_size=1, max_size=40), qos, st.booleans())
users = st.tuples(texts, texts.map(str.encode)) | st.just((None, None))


def connect(names: tuple[str | None, bytes | None], **fields: Any) -> mqtt.Connect:
    """A CONNECT with user and password, or neither."""
    return mqtt.Connect(user=names[0], password=names[1], **fields)


def publish(level: int, number: int, dup: bool, **fields: Any) -> mqtt.Publish:
    """A PUBLISH whose identifier and DUP flag go with its QoS."""
    return mqtt.Publish(qos=level, dup=dup and level > 0, packet_id=number if level else 0, **fields)


filters = st.lists(st.tuples(texts, qos), min_size=1, max_size=5).map(tuple)
packets = st.one_of(
    st.builds(
        connect,
        users,
        client_id=texts,
        keep_alive=st.integers(0, 0xFFFF),
        clean=st.booleans(),
        version=st.sampled_from((3, 4)),
        will=st.none() | wills,
    ),
    st.builds(mqtt.ConnAck, st.integers(0, 5), st.booleans()),
    st.builds(
        publish,
        qos,
        numbers,
        st.booleans(),
        topic=topics,
        payload=st.binary(max_size=20000),
        retain=st.booleans(),
    ),
    st.builds(
        mqtt.Ack,
        st.sampled_from((Kind.PUBACK, Kind.PUBREC, Kind.PUBREL, Kind.PUBCOMP, Kind.UNSUBACK)),
        numbers,
    ),
    st.builds(mqtt.Subscribe, numbers, filters),
    st.builds(
        mqtt.SubAck, numbers, st.lists(st.sampled_from((0, 1, 2, 128)), min_size=1, max_size=5).map(tuple)
    ),
    st.builds(mqtt.Unsubscribe, numbers, st.lists(texts, min_size=1, max_size=5).map(tuple)),
    st.builds(mqtt.Bare, st.sampled_from((Kind.PINGREQ, Kind.PINGRESP, Kind.DISCONNECT))),
)


def read_by_amqtt(encoded: bytes) -> Any:
    """The packet as amqtt sees it."""

    async def read() -> Any:
        reader = adapters.BufferReader(encoded)
        header = await amqtt.MQTTFixedHeader.from_stream(reader)
        return await amqtt.packet_class(header).from_stream(reader, fixed_header=header)

    return asyncio.run(read())


@given(packets)
def test_amqtt_reads_what_we_write_and_writes_the_same(packet: mqtt.Packet) -> None:
    encoded = mqtt.encode(packet)
    again = bytes(read_by_amqtt(encoded).to_bytes())
    assert again == encoded
    assert mqtt.Decoder().feed(again) == [packet]


def test_amqtt_sees_the_fields_that_we_mean() -> None:
    will = mqtt.Will("last", b"words", 2, True)
    seen = read_by_amqtt(mqtt.encode(mqtt.Connect("me", "user", b"secret", 60, False, 4, will)))
    assert (seen.client_id, seen.username, seen.password, seen.keep_alive) == ("me", "user", "secret", 60)
    assert (seen.clean_session_flag, seen.proto_name, seen.proto_level) == (False, "MQTT", 4)
    assert (seen.will_topic, bytes(seen.will_message), seen.will_qos, seen.will_retain_flag) == (
        "last", b"words", 2, True,
    )  # fmt: skip
    seen = read_by_amqtt(mqtt.encode(mqtt.Publish("t", b"\x00\xff", 2, True, True, 7)))
    assert (seen.topic_name, bytes(seen.data), seen.qos, seen.packet_id) == ("t", b"\x00\xff", 2, 7)
    assert (seen.retain_flag, seen.dup_flag) == (True, True)
