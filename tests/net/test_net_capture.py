"""The capture file, taken apart again."""

from __future__ import annotations

import io
import struct
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from modemsim.net.capture import Capture

NOW = datetime(2026, 1, 2, 3, 4, 5, 250000, tzinfo=UTC)
PEER = ("192.0.2.7", 7)


class Packet(NamedTuple):
    """One packet of a file, its checksums checked."""

    source: bytes
    target: bytes
    protocol: int
    body: bytes


class Tape:
    """A capture and its file in memory."""

    def __init__(self, ip: str | None = "10.0.0.2") -> None:
        self.file = io.BytesIO()
        self.capture = Capture(self.file, lambda: NOW, lambda: ip)

    def packets(self) -> list[Packet]:
        data = self.file.getvalue()
        assert struct.unpack("<IHHiIII", data[:24]) == (0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
        found, at = [], 24
        while at < len(data):
            seconds, micros, kept, length = struct.unpack("<IIII", data[at : at + 16])
            assert (seconds, micros) == (int(NOW.timestamp()), 250000)
            assert kept == length
            found.append(taken_apart(data[at + 16 : at + 16 + length]))
            at += 16 + length
        return found


def total(data: bytes) -> int:
    """The ones' complement sum, 0xFFFF over data with its checksum (RFC 1071)."""
    value = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while value >> 16:
        value = (value & 0xFFFF) + (value >> 16)
    return value


def taken_apart(packet: bytes) -> Packet:
    if packet[0] >> 4 == 4:
        head, body, protocol = packet[:20], packet[20:], packet[9]
        assert total(head) == 0xFFFF
        assert struct.unpack("!H", head[2:4])[0] == len(packet)
        source, target = head[12:16], head[16:20]
    else:
        head, body, protocol = packet[:40], packet[40:], packet[6]
        assert struct.unpack("!H", head[4:6])[0] == len(body)
        source, target = head[8:24], head[24:40]
    pseudo = source + target + struct.pack("!IBBBB", len(body), 0, 0, 0, protocol)
    assert total(pseudo + body) == 0xFFFF
    return Packet(source, target, protocol, body)


@pytest.mark.parametrize("data", [b"", b"x", b"hello", bytes(range(256)) * 5, b"\xff" * 33])
def test_a_datagram_each_way(data: bytes) -> None:
    tape = Tape()
    tape.capture.datagram(40000, PEER, data, downlink=False)
    tape.capture.datagram(40000, PEER, data, downlink=True)
    up, down = tape.packets()
    assert (up.source, up.target, up.protocol) == (bytes([10, 0, 0, 2]), bytes([192, 0, 2, 7]), 17)
    assert (down.source, down.target) == (up.target, up.source)
    assert struct.unpack("!HHH", up.body[:6]) == (40000, 7, 8 + len(data))
    assert struct.unpack("!HHH", down.body[:6]) == (7, 40000, 8 + len(data))
    assert up.body[8:] == down.body[8:] == data


@pytest.mark.parametrize("ip", ["10.0.0.2", "2001:db8::2", None])
def test_a_peer_with_ipv6(ip: str | None) -> None:
    tape = Tape(ip)
    tape.capture.datagram(40000, ("2001:db8::7", 5683), b"abc", downlink=False)
    (packet,) = tape.packets()
    assert len(packet.source) == len(packet.target) == 16
    assert packet.body[8:] == b"abc"


def test_a_connection_is_opened_by_its_first_bytes_and_closed_once() -> None:
    tape = Tape()
    tape.capture.segment(50000, PEER, b"hello", downlink=False)
    tape.capture.segment(50000, PEER, b"hi", downlink=True)
    tape.capture.segment(50000, PEER, b"!", downlink=False)
    tape.capture.closed(50000, PEER)
    tape.capture.closed(50000, PEER)
    rows = [(*struct.unpack("!HHIIBB", packet.body[:14]), packet.body[20:]) for packet in tape.packets()]
    header = 5 << 4
    assert rows == [
        (50000, 7, 0, 0, header, 2, b""),
        (7, 50000, 0, 1, header, 18, b""),
        (50000, 7, 1, 1, header, 16, b""),
        (50000, 7, 1, 1, header, 24, b"hello"),
        (7, 50000, 1, 6, header, 24, b"hi"),
        (50000, 7, 6, 3, header, 24, b"!"),
        (50000, 7, 7, 3, header, 17, b""),
        (7, 50000, 3, 8, header, 17, b""),
    ]


def test_a_second_connection_between_the_same_ports_begins_anew() -> None:
    tape = Tape()
    for _ in range(2):
        tape.capture.segment(50000, PEER, b"x", downlink=False)
        tape.capture.closed(50000, PEER)
    flags = [packet.body[13] for packet in tape.packets()]
    assert flags == [2, 18, 16, 24, 17, 17] * 2


def test_a_disk_that_is_full_is_told() -> None:
    class Full(io.BytesIO):
        def write(self, data: object, /) -> int:
            if self.tell() >= 24:
                raise OSError(28, "No space left on device")
            return super().write(data)

    capture = Capture(Full(), lambda: NOW, lambda: "10.0.0.2")
    failures: list[OSError] = []
    capture.on_failure = failures.append
    capture.datagram(1, PEER, b"x", downlink=False)
    assert [failure.errno for failure in failures] == [28]
