"""Timer values as AT commands write them: bits of unit and count (3GPP TS 24.008 10.5.7.3, 10.5.7.4a)."""

from __future__ import annotations

DEACTIVATED = 7
MOST = 31
_ACTIVE_UNITS = {0: 2, 1: 60, 2: 360}
_PERIODIC_UNITS = {3: 2, 4: 30, 5: 60, 0: 600, 1: 3600, 2: 36000, 6: 1152000}
_UNKNOWN_ACTIVE = 60  # every other unit of T3324 counts in minutes (24.008 10.5.7.3)
_UNKNOWN_PERIODIC = 3600

EDRX_CYCLES = {2: 20.48, 3: 40.96, 5: 81.92, 9: 163.84, 10: 327.68, 11: 655.36, 12: 1310.72, 13: 2621.44,
               14: 5242.88, 15: 10485.76}  # fmt: skip
"""Seconds of an NB-S1 eDRX cycle by its four bits (3GPP TS 24.008 10.5.5.32)."""
EDRX_WINDOW = 2.56
"""Seconds one step of the NB-S1 paging time window stands for; the bits count from one (10.5.5.32)."""


def active_seconds(bits: str) -> float | None:
    """T3324 in seconds; None when the bits say that it is deactivated; ValueError for anything but 8 bits."""
    unit, count = _split(bits)
    return None if unit == DEACTIVATED else float(count * _ACTIVE_UNITS.get(unit, _UNKNOWN_ACTIVE))


def periodic_seconds(bits: str) -> float | None:
    """T3412 extended in seconds; None when the bits say that it is deactivated."""
    unit, count = _split(bits)
    return None if unit == DEACTIVATED else float(count * _PERIODIC_UNITS.get(unit, _UNKNOWN_PERIODIC))


def active_bits(seconds: float) -> str:
    """T3324 in the longest unit that gives it exactly, else in the finest that holds it, rounded up."""
    return _join(seconds, _ACTIVE_UNITS)


def periodic_bits(seconds: float) -> str:
    """T3412 extended, in the same way."""
    return _join(seconds, _PERIODIC_UNITS)


def cycle_bits(seconds: float) -> str:
    """The shortest eDRX cycle that is not shorter than `seconds`, as four bits."""
    return f"{next((bits for bits, cycle in EDRX_CYCLES.items() if cycle >= seconds - 0.01), 15):04b}"


def window_bits(seconds: float) -> str:
    """A paging time window as four bits."""
    return f"{min(15, max(0, round(seconds / EDRX_WINDOW) - 1)):04b}"


def cycle_seconds(bits: str) -> float:
    """An eDRX cycle in seconds; bits that are reserved stand for the shortest one."""
    return EDRX_CYCLES.get(int(bits, 2), 20.48)


def window_seconds(bits: str) -> float:
    """A paging time window in seconds."""
    return (int(bits, 2) + 1) * EDRX_WINDOW


def _split(bits: str) -> tuple[int, int]:
    if len(bits) != 8 or set(bits) - {"0", "1"}:
        raise ValueError(f"{bits!r} is not a timer value of eight bits")
    return int(bits[:3], 2), int(bits[3:], 2)


def _join(seconds: float, units: dict[int, int]) -> str:
    whole = round(seconds)
    by_length = sorted(units.items(), key=lambda item: item[1])
    for unit, length in reversed(by_length):
        if whole % length == 0 and 0 < whole // length <= MOST:
            return f"{unit:03b}{whole // length:05b}"
    for unit, length in by_length:
        if (count := -(-whole // length)) <= MOST:
            return f"{unit:03b}{count:05b}"
    return f"{by_length[-1][0]:03b}{MOST:05b}"
