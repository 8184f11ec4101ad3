"""A port whose host lives in the same program: for tests and transcripts, on any clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from modemsim.port.base import PortBase


class MemoryPort(PortBase):
    """The host's end is this object: `host_write` types, `host_read` takes what has come.

    `heard`, if set, gets each piece of module output at its instant instead of the buffer.
    """

    name = "memory"

    def __init__(self) -> None:
        super().__init__()
        self.heard: Callable[[bytes], None] | None = None
        self._output = bytearray()
        self._arrived: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """The host is there from the beginning."""
        self.on_host(True)

    async def stop(self) -> None:
        """The host goes."""
        self.on_host(False)

    def write(self, data: bytes) -> int:
        """The module's bytes; all have room."""
        if self.heard is not None:
            self.heard(data)
            return len(data)
        self._output += data
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)
        return len(data)

    def host_write(self, data: bytes) -> None:
        """Bytes from the host."""
        self.receiver(data)

    def host_read(self) -> bytes:
        """Everything the module has sent since the last reading."""
        data = bytes(self._output)
        self._output.clear()
        return data

    async def host_read_until(self, mark: bytes, timeout: float) -> bytes:
        """Everything up to and including `mark`; raises TimeoutError (simulated seconds) with what came."""
        try:
            async with asyncio.timeout(timeout):
                while mark not in self._output:
                    await self._more()
        except TimeoutError:
            raise TimeoutError(f"no {mark!r} within {timeout:g} s, only {bytes(self._output)!r}") from None
        end = self._output.index(mark) + len(mark)
        data = bytes(self._output[:end])
        del self._output[:end]
        return data

    async def host_quiet(self, seconds: float) -> bytes:
        """Wait until the module has been silent for `seconds`, then everything it has sent."""
        while True:
            try:
                async with asyncio.timeout(seconds):
                    await self._more()
            except TimeoutError:
                return self.host_read()

    async def _more(self) -> None:
        self._arrived = asyncio.get_running_loop().create_future()
        await self._arrived
