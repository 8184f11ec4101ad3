"""The control packets of MQTT 3.1.1 (OASIS standard, chapter 3) as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Kind(IntEnum):
    """Type of a packet (2.2.1)."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


@dataclass(frozen=True)
class Will:
    """What the server publishes when the connection breaks."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


@dataclass(frozen=True)
class Connect:
    """A client introduces itself; `version` 3 is MQTT 3.1, 4 is 3.1.1, `keep_alive` is in seconds."""

    client_id: str
    user: str | None = None
    password: bytes | None = None
    keep_alive: int = 0
    clean: bool = True
    version: int = 4
    will: Will | None = None


@dataclass(frozen=True)
class ConnAck:
    """The server's answer; `code` 0 accepted, 1 version, 2 identifier, 3 server, 4 credentials, 5 refused."""

    code: int
    session_present: bool = False


@dataclass(frozen=True)
class Publish:
    """A message; `packet_id` is 0 with QoS 0."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    dup: bool = False
    packet_id: int = 0


@dataclass(frozen=True)
class Ack:
    """PUBACK, PUBREC, PUBREL, PUBCOMP or UNSUBACK."""

    kind: Kind
    packet_id: int


@dataclass(frozen=True)
class Subscribe:
    """Topic filters with the wanted QoS."""

    packet_id: int
    topics: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class SubAck:
    """The granted QoS of each filter; 128 is a refusal."""

    packet_id: int
    codes: tuple[int, ...]


@dataclass(frozen=True)
class Unsubscribe:
    """Topic filters to forget."""

    packet_id: int
    topics: tuple[str, ...]


@dataclass(frozen=True)
class Bare:
    """PINGREQ, PINGRESP or DISCONNECT."""

    kind: Kind


Packet = Connect | ConnAck | Publish | Ack | Subscribe | SubAck | Unsubscribe | Bare
