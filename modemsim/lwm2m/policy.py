"""What differs between the LwM2M clients of modules: a profile's choice, fixed while a client lives."""

from __future__ import annotations

from dataclasses import dataclass

from modemsim.lwm2m.content import OPAQUE, SENML_JSON, TEXT
from modemsim.lwm2m.model import Path

_UNKNOWN = 65535
"""A content format that nobody uses (RFC 7252 12.3, reserved)."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How a client registers, keeps its registration and notifies."""

    version: str = "1.0"
    """The `lwm2m` parameter of a registration."""
    binding: str = "U"
    """The `b` parameter of a registration."""
    root: str = '</>;rt="oma.lwm2m"'
    """The first link of a registration; empty: none."""
    links: tuple[str, ...] = ()
    """Objects and instances ("1/0", "2") in the order in which they are listed; empty: all, by id."""
    lifetime_in_register: bool = True
    """Whether a lifetime other than 0 is told as `lt`."""
    update_at: float = 0.9
    """When the registration is updated by itself, as a fraction of the lifetime."""
    refresh: tuple[tuple[int, float, float], ...] = ()
    """When instead, in pieces (from this lifetime on, seconds, seconds for each second of lifetime above)."""
    automatic_update: bool = True
    """Whether the registration is updated by itself at all."""
    reregister_on_failed_update: bool = True
    """Whether a refused or unanswered update leads to a new registration."""
    keep_on_failed_update: bool = False
    """Without a new registration: whether the client stays registered and updates again when it is due."""
    keep_on_unanswered_deregister: bool = False
    """Whether a deregistration that nobody answers leaves the client registered."""
    data_path: Path = (19, 0, 0)
    """The resource whose notifications are the host's data."""
    observe_answer: bytes = b"\x00"
    """The payload of the answer to an Observe of `data_path`."""
    observe_format: int = OPAQUE
    """The content format of that answer."""
    notify_observe_option: bool = True
    """Whether notifications carry the Observe option; Hi2115 modules leave it out."""
    single_format: int = TEXT
    """The format of one value read without Accept; opaque values are then sent as they are."""
    confirmable_values: bool = True
    """Whether notifications of changed values are confirmable."""
    disable: bool = False
    """Whether the server may disable the client (object 1, resources 4 and 5)."""

    def binding_parameter(self, binding: str) -> str:
        """A binding as registrations tell it: 1.1 tells queue mode apart from it (TS 1.1.1, 6.2.1)."""
        return binding if self.version == "1.0" else binding.replace("Q", "")

    def tells_queue_mode(self, binding: str) -> bool:
        """Whether a registration carries the bare parameter Q."""
        return self.version != "1.0" and "Q" in binding

    def understood(self, content_format: int | None) -> int | None:
        """A content format as this version knows it: SenML came with 1.1, before it is an unknown number."""
        return _UNKNOWN if content_format == SENML_JSON and self.version == "1.0" else content_format

    def update_after(self, lifetime: int) -> float:
        """Seconds from a registration or update of that lifetime to the next update."""
        for start, seconds, slope in sorted(self.refresh, reverse=True):
            if lifetime >= start:
                return seconds + (lifetime - start) * slope
        return lifetime * self.update_at
