"""What every port has in common: bytes both ways, and whether a host is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable


class PortError(Exception):
    """The port cannot be had; the message is one sentence for the person who started the run."""


class PortTaken(PortError):
    """Another live run has the port."""


class Port(Protocol):
    """A place where one host can plug in.

    `name` is what a person types into his program, valid after `start`. `receiver` gets the host's bytes,
    `on_host` True when a host opens the port and False when it goes, `note` (event, fields) what is worth a
    trace line.
    """

    name: str
    receiver: Callable[[bytes], None]
    on_host: Callable[[bool], None]
    note: Callable[..., None]

    async def start(self) -> None:
        """Open the port; raises PortError with one sentence."""

    async def stop(self) -> None:
        """Close the port and leave nothing behind."""

    def write(self, data: bytes) -> int:
        """Give bytes to the host and return how many had room; never blocks.

        Without a host the bytes are gone, as on an open wire, and count as written.
        """


class PortBase:
    """The three callbacks of a port, doing nothing until somebody sets them."""

    def __init__(self) -> None:
        self.receiver: Callable[[bytes], None] = _nobody
        self.on_host: Callable[[bool], None] = _nobody
        self.note: Callable[..., None] = _nobody


@runtime_checkable
class HasRate(Protocol):
    """A port that knows the rate its host has chosen."""

    def rate(self) -> int | None:
        """The host's rate in baud, greater than zero; None when it is not known."""


@runtime_checkable
class HasLines(Protocol):
    """A port with control lines."""

    on_line: Callable[[str, Any], None]

    def set_line(self, name: str, on: bool) -> None:
        """Change a line towards the host."""


def _nobody(*args: object, **fields: object) -> None:
    """The callback of a port nobody listens to yet."""
