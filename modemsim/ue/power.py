"""Power of the module: one table of states, and what each way in and out of the powered state does."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""What the calendar shows at power-on, before the network gave the time."""

EPOCH_ZONE = 8
"""The zone it shows then, in quarters of an hour."""


class Power(StrEnum):
    """Power state of the module."""

    OFF = "off"
    BOOTING = "booting"
    ON = "on"
    STOPPING = "stopping"


class PowerEvent(StrEnum):
    """What changes the power state: keys and supply from outside, the end of a phase from inside."""

    SWITCH_ON = "on"
    SWITCH_OFF = "off"
    RESET = "reset"
    CUT = "cut"
    BOOTED = "booted"
    STOPPED = "stopped"


TRANSITIONS: Mapping[tuple[Power, PowerEvent], Power] = {
    (Power.OFF, PowerEvent.SWITCH_ON): Power.BOOTING,
    (Power.BOOTING, PowerEvent.BOOTED): Power.ON,
    (Power.BOOTING, PowerEvent.SWITCH_OFF): Power.STOPPING,
    (Power.BOOTING, PowerEvent.RESET): Power.BOOTING,
    (Power.BOOTING, PowerEvent.CUT): Power.OFF,
    (Power.ON, PowerEvent.SWITCH_OFF): Power.STOPPING,
    (Power.ON, PowerEvent.RESET): Power.BOOTING,
    (Power.ON, PowerEvent.CUT): Power.OFF,
    (Power.STOPPING, PowerEvent.STOPPED): Power.OFF,
    (Power.STOPPING, PowerEvent.CUT): Power.OFF,
}
"""Every permitted change; an event that is not listed for a state has no effect."""


def next_state(state: Power, event: PowerEvent) -> Power | None:
    """The state after `event`, or None when it has no effect in `state`."""
    return TRANSITIONS.get((state, event))


def boot_noise(stream: random.Random, most: int) -> bytes:
    """What a host sees of a boot ROM that talks at another rate: 1 to `most` bytes, none of them CR or LF."""
    return bytes(stream.choice(_NOISE) for _ in range(stream.randint(1, most)))


_NOISE = bytes([0x00, 0x80, 0xE0, 0xF0, 0xF8, 0xFE, 0xFF])
"""Stop and start bits of a faster line, read at a slower rate."""
