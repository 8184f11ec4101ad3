"""A capture file of what a module sends and receives, as if one had listened at its antenna."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from modemsim.net.routes import Address

LINKTYPE_RAW = 101
"""Packets begin with their IP header (pcap link types, tcpdump.org)."""
SNAPLEN = 65535
_UDP, _TCP = 17, 6
_FIN, _SYN, _PSH, _ACK = 1, 2, 8, 16
_WINDOW = 65535
_HOPS = 64


class _File(Protocol):
    """An unbuffered file."""

    def write(self, data: bytes, /) -> object: ...


class Capture:
    """Writes the pcap format of libpcap; a `Tap` of the bearer.

    `now` dates the packets, `ip` is the module's address. Datagrams are those that arrived. TCP runs over a
    connection of the system, so handshake, numbers and ends of its segments are made up to fit the data.
    """

    def __init__(self, file: _File, now: Callable[[], datetime], ip: Callable[[], str | None]) -> None:
        self.on_failure: Callable[[OSError], None] = lambda error: None
        """Called when a packet cannot be written."""
        self._file = file
        self._now = now
        self._ip = ip
        self._next: dict[tuple[int, Address], list[int]] = {}  # next byte of uplink and downlink
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAPLEN, LINKTYPE_RAW))

    def datagram(self, port: int, peer: Address, data: bytes, *, downlink: bool) -> None:
        """A UDP datagram between a port of the module and a peer."""
        ends = _order(port, peer[1], downlink)
        head = struct.pack("!HHH", *ends, 8 + len(data))
        self._packet(_UDP, head, data, peer[0], downlink)

    def segment(self, port: int, peer: Address, data: bytes, *, downlink: bool) -> None:
        """Bytes of a TCP connection, which is opened by the first of them."""
        if (port, peer) not in self._next:
            self._next[port, peer] = [0, 0]
            for flags, answer in ((_SYN, False), (_SYN | _ACK, True), (_ACK, False)):
                self._tcp(port, peer, b"", flags, downlink=answer)
        self._tcp(port, peer, data, _PSH | _ACK, downlink=downlink)

    def closed(self, port: int, peer: Address) -> None:
        """A TCP connection has ended."""
        if (port, peer) in self._next:
            for downlink in (False, True):
                self._tcp(port, peer, b"", _FIN | _ACK, downlink=downlink)
            del self._next[port, peer]

    def _tcp(self, port: int, peer: Address, data: bytes, flags: int, *, downlink: bool) -> None:
        numbers = self._next[port, peer]
        mine, theirs = numbers[downlink], numbers[not downlink] if flags & _ACK else 0
        head = struct.pack("!HHIIBBH", *_order(port, peer[1], downlink), mine, theirs, 5 << 4, flags, _WINDOW)
        self._packet(_TCP, head, b"\0\0" + data, peer[0], downlink)
        numbers[downlink] = (mine + len(data) + bool(flags & (_SYN | _FIN))) & 0xFFFFFFFF

    def _packet(self, protocol: int, head: bytes, rest: bytes, peer: str, downlink: bool) -> None:
        """Put a checksum between head and rest, an IP header in front, and write it."""
        ips = [ipaddress.ip_address(self._ip() or "0.0.0.0"), ipaddress.ip_address(peer)]
        if ips[0].version != ips[1].version:
            ips[0] = ipaddress.ip_address("::ffff:" + str(ips[0]))
        source, target = (ip.packed for ip in (reversed(ips) if downlink else ips))
        body = head + b"\0\0" + rest
        pseudo = source + target + struct.pack("!IBBBB", len(body), 0, 0, 0, protocol)
        body = head + struct.pack("!H", _checksum(pseudo + body) or 0xFFFF) + rest
        packet = _ip_header(source, target, len(body), protocol) + body
        seconds = self._now().timestamp()
        stamp = struct.pack("<IIII", int(seconds), int(seconds % 1 * 1e6), len(packet), len(packet))
        try:
            self._file.write(stamp + packet)
        except OSError as error:
            self.on_failure(error)


def _order(module: int, peer: int, downlink: bool) -> tuple[int, int]:
    return (peer, module) if downlink else (module, peer)


def _ip_header(source: bytes, target: bytes, length: int, protocol: int) -> bytes:
    if len(source) == 16:
        return struct.pack("!IHBB", 6 << 28, length, protocol, _HOPS) + source + target
    head = struct.pack("!BBHHHBB", 0x45, 0, 20 + length, 0, 0, _HOPS, protocol)
    return head + struct.pack("!H", _checksum(head + source + target)) + source + target


def _checksum(data: bytes) -> int:
    """The checksum of the internet protocols (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
