"""Received data that the module deals with itself: what the host wants ignored, and what wakes the chip."""

from __future__ import annotations

from collections.abc import Callable

from modemsim.ue.socket_options import SocketOptions


class SocketFilter:
    """Keeps data from the host as its settings say; `wake` ends the sleep of the chip."""

    def __init__(
        self, options: SocketOptions, publish: Callable[..., None], wake: Callable[[str], None]
    ) -> None:
        self._options = options
        self._publish = publish
        self._wake = wake

    def takes(self, id: int, data: bytes) -> bool:
        """Whether this data of a socket goes no further."""
        ignored = self._options.ignored(id)
        if ignored is not None and ignored.fits(data):
            self._publish("socket.ignored", id=id, length=len(data))
            return True
        known = self._options.wake_up(id)
        if known is None:
            return False
        if known.fits(data):
            self._wake("network")
            self._publish("socket.woken", id=id)
            return True
        if self._options.asleep():
            self._publish("socket.ignored", id=id, length=len(data))
            return True
        return False
