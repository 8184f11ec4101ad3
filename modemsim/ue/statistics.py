"""Time on the air since the start, as AT+NUESTATS tells it."""

from __future__ import annotations

import asyncio


class AirTime:
    """How long the signalling connection stood; milliseconds."""

    def __init__(self) -> None:
        self._total = 0.0
        self._since: float | None = None

    def connected(self, on: bool) -> None:
        """The signalling connection was set up or ended."""
        now = asyncio.get_running_loop().time()
        if self._since is not None:
            self._total += now - self._since
        self._since = now if on else None

    @property
    def milliseconds(self) -> int:
        """The sum up to now."""
        running = 0.0 if self._since is None else asyncio.get_running_loop().time() - self._since
        return round((self._total + running) * 1000)
