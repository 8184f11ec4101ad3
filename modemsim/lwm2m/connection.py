"""What an LwM2M client knows of the connection below it, where that is secured."""

from __future__ import annotations

from typing import Protocol


class Secured(Protocol):
    """A connection with a session of its own (DTLS)."""

    def renew(self) -> None:
        """Make a new session before the next datagram."""

    def shutdown(self) -> None:
        """Say goodbye to the server."""
