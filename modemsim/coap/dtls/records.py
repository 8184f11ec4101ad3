"""The outside of DTLS 1.2: records and handshake headers, as far as flights, traces and filters need them.

Source: RFC 6347 4.1, 4.2.2 and 4.3; RFC 5246 7.2 for the alerts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

HEADER = 13
"""Octets of a record header."""

HANDSHAKE_HEADER = 12
"""Octets of the header of a handshake message."""

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
"""Content types."""

CLIENT_HELLO, HELLO_VERIFY_REQUEST, CLIENT_KEY_EXCHANGE = 1, 3, 16
"""The handshake messages that something depends on."""

FATAL, BAD_RECORD_MAC = 2, 20
"""Alert level and description that something depends on."""

LARGEST_FLIGHT_DATAGRAM = 1152
"""Octets of handshake records that go into one datagram: less than the 1280 every IPv6 link carries."""

_LARGEST_RECORD = 2**14 + 2048
_HIGHEST_MESSAGE = 31
_VERSIONS = (b"\xfe\xff", b"\xfe\xfd")
_CLIENT_RANDOM = slice(HEADER + HANDSHAKE_HEADER + 2, HEADER + HANDSHAKE_HEADER + 34)

MESSAGES: Mapping[int, str] = {
    0: "HelloRequest",
    1: "ClientHello",
    2: "ServerHello",
    3: "HelloVerifyRequest",
    4: "NewSessionTicket",
    12: "ServerKeyExchange",
    14: "ServerHelloDone",
    16: "ClientKeyExchange",
    20: "Finished",
}
"""Handshake messages of the pre-shared key suites (RFC 5246 7.4, RFC 4279)."""

ALERTS: Mapping[int, str] = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    22: "record_overflow",
    40: "handshake_failure",
    47: "illegal_parameter",
    50: "decode_error",
    51: "decrypt_error",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    90: "user_canceled",
    100: "no_renegotiation",
    110: "unsupported_extension",
    115: "unknown_psk_identity",
}
"""Alert descriptions by number."""


def alert_name(number: int) -> str:
    """The name of an alert, or its number."""
    return ALERTS.get(number, str(number))


def split(data: bytes) -> Iterator[bytes]:
    """The well-formed records at the start of a datagram; what follows the first malformed one is left
    out."""
    at = 0
    while at + HEADER <= len(data):
        length = int.from_bytes(data[at + 11 : at + 13], "big")
        end = at + HEADER + length
        known = CHANGE_CIPHER_SPEC <= data[at] <= APPLICATION_DATA and data[at + 1 : at + 3] in _VERSIONS
        if not known or end > len(data) or not 0 < length <= _LARGEST_RECORD:
            return
        yield data[at:end]
        at = end


def epoch(record: bytes) -> int:
    """0 before ChangeCipherSpec, 1 behind it."""
    return int.from_bytes(record[3:5], "big")


def sequence(record: bytes) -> int:
    """The number of a record within its epoch."""
    return int.from_bytes(record[5:11], "big")


def numbered(record: bytes, number: int) -> bytes:
    """The same record with another sequence number; only epoch 0 bears that, nothing protects it."""
    return record[:5] + number.to_bytes(6, "big") + record[11:]


def message(record: bytes) -> int | None:
    """The type of the (first) handshake message in a record that can be read, else None."""
    return record[HEADER] if record[0] == HANDSHAKE and epoch(record) == 0 else None


def message_number(record: bytes) -> int:
    """The message_seq of the (first) handshake message of a plain record."""
    return int.from_bytes(record[HEADER + 4 : HEADER + 6], "big")


def client_random(record: bytes) -> bytes:
    """The 32 octets that tell one ClientHello's handshake from another's; empty when it is cut short."""
    return record[_CLIENT_RANDOM]


def plausible(record: bytes, from_server: bool) -> bool:
    """Whether a plain record could belong to a handshake with pre-shared keys; all else is discarded unread.

    A library that is handed such a record with nonsense inside gives the whole handshake up (RFC 6347 4.1.2.7
    lets an implementation ignore it).
    """
    body = record[HEADER:]
    if record[0] == CHANGE_CIPHER_SPEC:
        return body == b"\x01"
    if record[0] == ALERT:
        return len(body) == 2 and body[0] in (1, FATAL) and body[1] in ALERTS
    if record[0] != HANDSHAKE:
        return False
    return all(_plausible_message(part, from_server) for part in _messages(body))


def _messages(body: bytes) -> Iterator[bytes | None]:
    """The handshake messages (or fragments) of a record; None for octets that are none."""
    at = 0
    while at < len(body):
        end = at + HANDSHAKE_HEADER + int.from_bytes(body[at + 9 : at + 12], "big")
        if at + HANDSHAKE_HEADER > len(body) or end > len(body):
            yield None
            return
        yield body[at:end]
        at = end


def _plausible_message(part: bytes | None, from_server: bool) -> bool:
    if part is None:
        return False
    length, number, offset, size = (
        int.from_bytes(part[a:b], "big") for a, b in ((1, 4), (4, 6), (6, 9), (9, 12))
    )
    by_client = part[0] in (CLIENT_HELLO, CLIENT_KEY_EXCHANGE)
    fits = offset + size <= length <= _LARGEST_RECORD and number <= _HIGHEST_MESSAGE
    return fits and part[0] in MESSAGES and part[0] != 20 and by_client != from_server


def pack(records: Iterable[bytes], size: int = LARGEST_FLIGHT_DATAGRAM) -> list[bytes]:
    """Records as datagrams of at most `size` octets, unless one record is longer by itself."""
    datagrams: list[bytes] = []
    for record in records:
        if datagrams and len(datagrams[-1]) + len(record) <= size:
            datagrams[-1] += record
        else:
            datagrams.append(record)
    return datagrams


def describe(datagram: bytes) -> str:
    """What a trace shows of a datagram: "ClientKeyExchange, ChangeCipherSpec, application data"."""
    return ", ".join(_describe(record) for record in split(datagram)) or "not a DTLS record"


def _describe(record: bytes) -> str:
    kind, plain = record[0], epoch(record) == 0
    if kind == HANDSHAKE:
        name = MESSAGES.get(record[HEADER], f"message {record[HEADER]}")
        return name if plain else "encrypted handshake message"
    if kind == ALERT:
        return f"alert {alert_name(record[-1])}" if plain else "encrypted alert"
    return "ChangeCipherSpec" if kind == CHANGE_CIPHER_SPEC else "application data"


def alert(description: int, number: int) -> bytes:
    """A fatal alert as a plain record with a sequence number."""
    return (
        bytes((ALERT,))
        + _VERSIONS[1]
        + bytes(2)
        + number.to_bytes(6, "big")
        + bytes((0, 2, FATAL, description))
    )
