"""The binary payloads of AEP's devices: data report, event report, command and command response.

One octet for the kind, two for the service id, two for the task id of commands and their responses, two for
the length of what follows, then the fields. A field of variable length carries its own two octets of length
(SIM7020 AEP guide, CTM2MSEND and CTM2MRECV).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

LARGEST = 0xFFFF


class CodecError(ValueError):
    """Octets that are no AEP payload, or values that make none; the message says why."""


class Kind(IntEnum):
    """What a payload is: its first octet."""

    DATA_REPORT = 0x02
    COMMAND = 0x06
    EVENT_REPORT = 0x07
    COMMAND_RESPONSE = 0x86

    @property
    def label(self) -> str:
        """The name in traces and in the control API."""
        return self.name.lower()

    @property
    def has_task(self) -> bool:
        """Whether a task id follows the service id."""
        return self in (Kind.COMMAND, Kind.COMMAND_RESPONSE)


@dataclass(frozen=True, slots=True)
class Frame:
    """One payload; `body` is its fields as octets, `task_id` is None where the kind has none."""

    kind: Kind
    service_id: int
    body: bytes
    task_id: int | None = None

    def encode(self) -> bytes:
        """The octets; raises CodecError for numbers out of range or a task id that is missing or too much."""
        if self.kind.has_task is not (self.task_id is not None):
            raise CodecError(f"a {self.kind.label} has {'a' if self.kind.has_task else 'no'} task id")
        numbers = [self.service_id, *([] if self.task_id is None else [self.task_id]), len(self.body)]
        if any(not 0 <= number <= LARGEST for number in numbers):
            raise CodecError(f"service id, task id and length go up to {LARGEST}")
        head = b"".join(number.to_bytes(2, "big") for number in numbers)
        return bytes([self.kind]) + head + self.body


def decode(payload: bytes) -> Frame:
    """The frame in a payload; raises CodecError for anything that is not exactly one."""
    if not payload or payload[0] not in tuple(Kind):
        raise CodecError("the first octet is none of 02, 06, 07 and 86")
    kind = Kind(payload[0])
    start = 7 if kind.has_task else 5
    if len(payload) < start:
        raise CodecError(f"a {kind.label} has at least {start} octets")
    numbers = [int.from_bytes(payload[at : at + 2], "big") for at in range(1, start, 2)]
    body = payload[start:]
    if numbers[-1] != len(body):
        raise CodecError(f"the length says {numbers[-1]} octets, there are {len(body)}")
    return Frame(kind, numbers[0], body, numbers[1] if kind.has_task else None)


Layout = Sequence[int | None]
"""The fields of a service: the length in octets of each, None for one of variable length."""


def pack(values: Sequence[bytes], layout: Layout) -> bytes:
    """Field values as the body of a frame; raises CodecError when they do not fit their lengths."""
    if len(values) != len(layout):
        raise CodecError(f"{len(layout)} fields want as many values, not {len(values)}")
    body = b""
    for value, length in zip(values, layout, strict=True):
        if len(value) > LARGEST or (length is not None and len(value) != length):
            raise CodecError(f"{len(value)} octets in a field of {LARGEST if length is None else length}")
        body += value if length is not None else len(value).to_bytes(2, "big") + value
    return body


def unpack(body: bytes, layout: Layout) -> list[bytes]:
    """The field values in the body of a frame; raises CodecError when it does not have this layout."""
    values, at = [], 0
    for fixed in layout:
        length = fixed
        if length is None:
            length = int.from_bytes(body[at : at + 2], "big")
            at += 2
        if at + length > len(body):
            raise CodecError("the body ends within a field")
        values.append(body[at : at + length])
        at += length
    if at != len(body):
        raise CodecError(f"{len(body) - at} octets are left behind the last field")
    return values


def variable(body: bytes) -> bytes | None:
    """The value when the body is exactly one field of variable length; None otherwise."""
    try:
        return unpack(body, (None,))[0]
    except CodecError:
        return None
