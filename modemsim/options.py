"""What a run is made of, as `modemsim run` asks for it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from modemsim.radio.network import DEFAULT_START

PLATFORMS = ("builtin", "none")


class OptionError(ValueError):
    """A run cannot be set up as asked; the message is one sentence."""


@dataclass(frozen=True)
class Options:
    """What a run is made of; the fields are those of `modemsim run`."""

    profile: str
    seed: int = 0
    platform: str = "builtin"
    routes: tuple[str, ...] = ()
    offline: bool = False
    imei: str | None = None
    imsi: str | None = None
    state_dir: Path | None = None
    overrides: tuple[str, ...] = ()
    strict_devices: bool = False
    psk: tuple[str, ...] = ()
    """Pre-shared keys that the platforms know, each "IMEI=HEX"."""
    keylog: Path | None = None
    """File that gets the secrets of the module's DTLS sessions in the format of NSS, for dissectors."""
    scenario: Path | None = None
    baud_check: bool = False
    """Whether a host at another rate than the module's gets garbage, where the port knows its rate."""
    start: datetime = DEFAULT_START
    """The network's date at the start, which NITZ tells the module; a fixed one makes runs repeatable."""

    def __post_init__(self) -> None:
        if self.platform not in PLATFORMS:
            near = difflib.get_close_matches(self.platform, PLATFORMS, 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise OptionError(f"--platform {self.platform}: choose builtin or none{meant}")
        for name in ("imei", "imsi"):
            value = getattr(self, name)
            if value is not None and not (value.isascii() and value.isdigit() and len(value) == 15):
                raise OptionError(f"--{name} {value}: an {name.upper()} has 15 digits")


def parse_psk(text: str) -> tuple[str, bytes]:
    """Identity and key of "IMEI=HEX"; raises OptionError."""
    endpoint, equals, digits = text.partition("=")
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        key = b""
    if not endpoint or not equals or not key:
        raise OptionError(f"--psk {text}: write IMEI=HEX with the key as hex digits")
    return endpoint, key
