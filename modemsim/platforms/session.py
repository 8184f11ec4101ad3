"""One registration of one device: the timers and the observation that live and end with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from modemsim.coap.endpoint import Observation
from modemsim.platforms.downlinks import DownlinkQueue
from modemsim.platforms.questions import Questioner
from modemsim.platforms.store import Device


class Session:
    """What a platform keeps while a device is registered; `location` is its id below /rd."""

    def __init__(self, device: Device, location: str, queue: DownlinkQueue) -> None:
        self.device = device
        self.location = location
        self.queue = queue
        self.observation: Observation | None = None
        self.questioner: Questioner | None = None
        self._deadline: float | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._timers: set[asyncio.TimerHandle] = set()

    def refresh(self, expired: Callable[[Session], None]) -> None:
        """Start the lifetime again; `expired` is called when it is over (never for lifetime 0)."""
        lifetime = self.device.lifetime
        self._deadline = asyncio.get_running_loop().time() + lifetime if lifetime else None
        self.resume(expired)

    def resume(self, expired: Callable[[Session], None]) -> None:
        """Watch the lifetime that is already running, also after the platform was stopped meanwhile."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if self._deadline is not None:
            self._expiry = asyncio.get_running_loop().call_at(self._deadline, expired, self)

    def after(self, delay: float, action: Callable[[], None]) -> None:
        """Do something `delay` seconds from now, unless the session is suspended before."""

        def due() -> None:
            self._timers.discard(timer)
            action()

        timer = asyncio.get_running_loop().call_later(delay, due)
        self._timers.add(timer)

    def forget_observation(self) -> None:
        """Drop the observation without telling the device, whose next notification is answered with RST."""
        self.device.observed = False
        self.queue.close()
        if self.observation is not None:
            self.observation.cancel()
            self.observation = None
        if self.questioner is not None:
            self.questioner.forget()

    def suspend(self) -> None:
        """Stop every timer and forget the observation; the registration itself stays."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.forget_observation()
