"""The host's say in a firmware update: what it was asked, and until when it may answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from modemsim.lwm2m.firmware import FirmwareEvent


class Consent:
    """One open question to the host at most; `declined` is called when time is up."""

    def __init__(self, declined: Callable[[], None]) -> None:
        self._declined = declined
        self._timer: asyncio.TimerHandle | None = None
        self.offer: FirmwareEvent | None = None
        """What was asked: BEGIN a download, EXECUTE an update; None: nothing."""
        self.uri = ""

    def ask(self, event: FirmwareEvent, uri: str, seconds: float | None) -> None:
        """Begin to wait for an answer, for so long if not for ever."""
        self.drop()
        self.offer, self.uri = event, uri
        if seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._declined)

    def drop(self) -> None:
        """There is no question any more."""
        self.offer = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
