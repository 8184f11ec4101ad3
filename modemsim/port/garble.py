"""What a UART makes of characters that were sent at another rate: it samples their bits at its own."""

from __future__ import annotations

TOLERANCE = 0.04
"""Share by which two rates may differ and still be understood (half a bit in ten, less the sampling)."""


def garbled(data: bytes, sent_at: float, read_at: float) -> bytes:
    """The bytes a receiver at `read_at` baud gets from `data` sent back to back at `sent_at` baud.

    Both rates are greater than zero.
    A character whose stop bit is missing counts too, as receivers that ignore framing errors do.
    """
    if abs(sent_at - read_at) <= TOLERANCE * max(sent_at, read_at):
        return data
    wire = [bit for byte in data for bit in (0, *(byte >> place & 1 for place in range(8)), 1)]
    step = sent_at / read_at
    received = bytearray()
    at = 0.0
    while (start := _falling(wire, at)) is not None:
        bits = [_level(wire, start + (place + 1.5) * step) for place in range(8)]
        received.append(sum(bit << place for place, bit in enumerate(bits)))
        at = start + 9.5 * step
    return bytes(received)


def _level(wire: list[int], instant: float) -> int:
    """The line at an instant, in bits of the sender; idle behind the last character."""
    place = int(instant)
    return wire[place] if place < len(wire) else 1


def _falling(wire: list[int], after: float) -> float | None:
    """When the next start bit begins: at once while the line is low."""
    if _level(wire, after) == 0:
        return after
    for place in range(int(after) + 1, len(wire)):
        if wire[place] == 0:
            return float(place)
    return None
