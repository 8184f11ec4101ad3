"""The USIM: identity, presence and PIN state as the module sees them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class SimState(StrEnum):
    """What AT+CPIN? tells (3GPP TS 27.007 8.3)."""

    READY = "READY"
    PIN = "SIM PIN"
    PUK = "SIM PUK"
    ABSENT = "NOT INSERTED"


@dataclass
class Usim:
    """One card; `on_change` is told when it is inserted, removed or unlocked."""

    imsi: str
    iccid: str
    state: SimState = SimState.READY
    pin: str = "1234"
    puk: str = "12345678"
    pin_tries: int = 3
    pin_required: bool = False
    """Whether the PIN is asked for at power-on (AT+CLCK)."""
    parked: SimState | None = None
    """What the card is while the module uses its other slot."""
    card: object = field(default=None, repr=False)
    """What answers APDUs, made when the first one comes."""
    on_change: Callable[[SimState], None] = field(default=lambda state: None, repr=False)

    @property
    def ready(self) -> bool:
        """True when identity can be read and the network be used."""
        return self.state is SimState.READY

    def unlock(self, code: str, new_pin: str | None) -> bool:
        """Enter the PIN, or PUK and new PIN; a third wrong PIN blocks it (3GPP TS 31.101 11.1.9)."""
        if self.state is SimState.PUK:
            if code != self.puk or new_pin is None:
                return False
            self.pin = new_pin
        elif code != self.pin:
            self.pin_tries -= 1
            if self.pin_tries == 0:
                self.change(SimState.PUK)
            return False
        self.pin_tries = 3
        self.change(SimState.READY)
        return True

    def unblock(self, puk: str, new_pin: str) -> bool:
        """Give the card a new PIN by its PUK, whether the PIN is blocked or not; False for a wrong PUK."""
        if puk != self.puk:
            return False
        self.pin, self.pin_tries = new_pin, 3
        self.change(SimState.READY)
        return True

    def require_pin(self, required: bool, code: str) -> bool:
        """Have the PIN asked for at power-on, or no longer; False for a wrong PIN (the third blocks it)."""
        if code != self.pin:
            self.pin_tries -= 1
            if self.pin_tries == 0:
                self.change(SimState.PUK)
            return False
        self.pin_tries = 3
        self.pin_required = required
        return True

    def use_slot(self, other: bool) -> None:
        """Use the module's other slot, which is empty, or the one that this card is in."""
        if other and self.parked is None:
            parked = self.state
            self.change(SimState.ABSENT)
            self.parked = parked
        elif not other and self.parked is not None:
            state, self.parked = self.parked, None
            self.change(state)

    def power_up(self) -> None:
        """The card starts with the module, which uses the first slot."""
        self.card = None
        if self.parked is not None:
            self.state, self.parked = self.parked, None
        if self.state is SimState.READY and self.pin_required:
            self.state = SimState.PIN

    def change(self, state: SimState) -> None:
        """Insert, remove, lock or unlock the card."""
        if self.parked is not None:
            self.parked = state
        elif state is not self.state:
            self.state = state
            self.on_change(state)
