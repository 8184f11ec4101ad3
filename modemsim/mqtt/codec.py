"""Bytes of MQTT packets and back (MQTT 3.1.1, OASIS standard, chapters 2 and 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from modemsim.mqtt.packets import (
    Ack,
    Bare,
    ConnAck,
    Connect,
    Kind,
    Packet,
    Publish,
    SubAck,
    Subscribe,
    Unsubscribe,
    Will,
)

PROTOCOLS: Mapping[int, str] = {3: "MQIsdp", 4: "MQTT"}
"""Protocol names of the versions (3.1.2.1; MQTT 3.1 for the first)."""
TEXTS = "utf-8"
"""How texts are written (1.5.3)."""
OCTETS = "latin-1"
"""For a client that passes on octets as its host gives them, whatever they mean: each character is one."""
_LENGTH_BYTES = 4
_MUST_BE_2 = (Kind.PUBREL, Kind.SUBSCRIBE, Kind.UNSUBSCRIBE)
_ACKS = (Kind.PUBACK, Kind.PUBREC, Kind.PUBREL, Kind.PUBCOMP, Kind.UNSUBACK)


class MqttError(ValueError):
    """The bytes are no MQTT; the connection must be closed (4.8)."""


# ---------------------------------------------------------------- writing


def encode(packet: Packet, texts: str = TEXTS) -> bytes:
    """A packet as bytes, texts in that encoding; raises ValueError for a text or packet that is too long."""
    kind, flags, body = _body(packet, partial(_text, texts))
    return bytes([kind << 4 | flags]) + _length(len(body)) + body


def _body(packet: Packet, text: Callable[[str], bytes]) -> tuple[Kind, int, bytes]:
    match packet:
        case Connect():
            return Kind.CONNECT, 0, _connect(packet, text)
        case ConnAck(code, present):
            return Kind.CONNACK, 0, bytes([int(present), code])
        case Publish(topic, payload, qos, retain, dup, packet_id):
            number = _number(packet_id) if qos else b""
            return Kind.PUBLISH, dup << 3 | qos << 1 | retain, text(topic) + number + payload
        case Ack(kind, packet_id):
            return kind, 2 if kind is Kind.PUBREL else 0, _number(packet_id)
        case Subscribe(packet_id, topics):
            filters = b"".join(text(topic) + bytes([qos]) for topic, qos in topics)
            return Kind.SUBSCRIBE, 2, _number(packet_id) + filters
        case SubAck(packet_id, codes):
            return Kind.SUBACK, 0, _number(packet_id) + bytes(codes)
        case Unsubscribe(packet_id, names):
            return Kind.UNSUBSCRIBE, 2, _number(packet_id) + b"".join(map(text, names))
        case Bare(kind):
            return kind, 0, b""


def _connect(packet: Connect, text: Callable[[str], bytes]) -> bytes:
    flags, payload = packet.clean << 1, text(packet.client_id)
    if packet.will is not None:
        flags |= 4 | packet.will.qos << 3 | packet.will.retain << 5
        payload += text(packet.will.topic) + _data(packet.will.payload)
    if packet.user is not None:
        flags |= 128
        payload += text(packet.user)
    if packet.password is not None:
        flags |= 64
        payload += _data(packet.password)
    head = text(PROTOCOLS[packet.version]) + bytes([packet.version, flags])
    return head + _number(packet.keep_alive) + payload


def _number(value: int) -> bytes:
    return value.to_bytes(2, "big")


def _data(data: bytes) -> bytes:
    if len(data) > 0xFFFF:
        raise ValueError("a field of an MQTT packet has at most 65535 bytes")
    return _number(len(data)) + data


def _text(texts: str, text: str) -> bytes:
    return _data(text.encode(texts))


def _length(value: int) -> bytes:
    out = bytearray()
    while True:
        value, low = divmod(value, 128)
        out.append(low | (128 if value else 0))
        if not value:
            break
    if len(out) > _LENGTH_BYTES:
        raise ValueError("an MQTT packet has at most 268435455 bytes")
    return bytes(out)


# ---------------------------------------------------------------- reading


class Decoder:
    """Cuts a stream into packets; `limit` is the longest packet taken, in bytes, `texts` their encoding."""

    def __init__(self, limit: int = 1 << 20, texts: str = TEXTS) -> None:
        self._buffer = bytearray()
        self._limit = limit
        self._texts = texts

    def feed(self, data: bytes) -> list[Packet]:
        """The packets that are complete with these bytes; raises MqttError."""
        self._buffer += data
        packets: list[Packet] = []
        while (packet := self._next()) is not None:
            packets.append(packet)
        return packets

    def _next(self) -> Packet | None:
        if self._buffer:
            _kind(self._buffer[0])
        length, at = 0, 1
        while True:
            if at >= len(self._buffer):
                return None
            byte = self._buffer[at]
            length |= (byte & 127) << 7 * (at - 1)
            at += 1
            if not byte & 128:
                break
            if at > _LENGTH_BYTES:
                raise MqttError("the length of the packet has more than four bytes")
        if length > self._limit:
            raise MqttError(f"a packet of {length} bytes is too long")
        if len(self._buffer) < at + length:
            return None
        first, body = self._buffer[0], bytes(self._buffer[at : at + length])
        del self._buffer[: at + length]
        return _packet(first, _Reader(body, self._texts))


class _Reader:
    """Fields of a packet's body, one after another."""

    def __init__(self, body: bytes, texts: str) -> None:
        self._body = body
        self._texts = texts
        self._at = 0

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._body):
            raise MqttError("the packet is shorter than its fields")
        taken, self._at = self._body[self._at : end], end
        return taken

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def data(self) -> bytes:
        return self.take(self.number())

    def text(self) -> str:
        try:
            return self.data().decode(self._texts)
        except UnicodeDecodeError:
            raise MqttError("a text that is not UTF-8") from None

    def rest(self) -> bytes:
        return self.take(len(self._body) - self._at)

    @property
    def more(self) -> bool:
        return self._at < len(self._body)


def _kind(first: int) -> Kind:
    """What a packet with that first byte is, which is told before the rest has come."""
    try:
        kind = Kind(first >> 4)
    except ValueError:
        raise MqttError(f"there is no packet type {first >> 4}") from None
    flags = first & 15
    if kind is not Kind.PUBLISH and flags != (2 if kind in _MUST_BE_2 else 0):
        raise MqttError(f"{kind.name} has flags {flags}")
    return kind


def _packet(first: int, reader: _Reader) -> Packet:
    kind = _kind(first)
    if kind is Kind.PUBLISH:
        packet: Packet = _read_publish(first & 15, reader)
    elif kind in _ACKS:
        packet = Ack(kind, reader.number())
    else:
        packet = _READERS[kind](reader)
    if reader.more:
        raise MqttError(f"{kind.name} is longer than its fields")
    return packet


def _read_publish(flags: int, reader: _Reader) -> Publish:
    qos = flags >> 1 & 3
    if qos == 3:
        raise MqttError("PUBLISH with QoS 3")
    topic = reader.text()
    packet_id = reader.number() if qos else 0
    return Publish(topic, reader.rest(), qos, bool(flags & 1), bool(flags & 8), packet_id)


def _read_connect(reader: _Reader) -> Connect:
    name, version, flags = reader.text(), reader.byte(), reader.byte()
    if name not in PROTOCOLS.values() or flags & 1:
        raise MqttError("not a CONNECT of MQTT")
    keep_alive, client_id = reader.number(), reader.text()
    will = None
    if flags & 4:
        will = Will(reader.text(), reader.data(), flags >> 3 & 3, bool(flags & 32))
    user = reader.text() if flags & 128 else None
    password = reader.data() if flags & 64 else None
    return Connect(client_id, user, password, keep_alive, bool(flags & 2), version, will)


def _read_connack(reader: _Reader) -> ConnAck:
    present, code = reader.byte(), reader.byte()
    return ConnAck(code, bool(present & 1))


def _read_subscribe(reader: _Reader) -> Subscribe:
    packet_id, topics = reader.number(), []
    while reader.more:
        topics.append((reader.text(), reader.byte()))
    return Subscribe(packet_id, tuple(topics))


def _read_suback(reader: _Reader) -> SubAck:
    return SubAck(reader.number(), tuple(reader.rest()))


def _read_unsubscribe(reader: _Reader) -> Unsubscribe:
    packet_id, topics = reader.number(), []
    while reader.more:
        topics.append(reader.text())
    return Unsubscribe(packet_id, tuple(topics))


_READERS: Mapping[Kind, Callable[[_Reader], Packet]] = {
    Kind.CONNECT: _read_connect,
    Kind.CONNACK: _read_connack,
    Kind.SUBSCRIBE: _read_subscribe,
    Kind.SUBACK: _read_suback,
    Kind.UNSUBSCRIBE: _read_unsubscribe,
    Kind.PINGREQ: lambda reader: Bare(Kind.PINGREQ),
    Kind.PINGRESP: lambda reader: Bare(Kind.PINGRESP),
    Kind.DISCONNECT: lambda reader: Bare(Kind.DISCONNECT),
}
