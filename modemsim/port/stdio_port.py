"""Standard input and output as the serial line: raw bytes, for pipes and process supervisors."""

from __future__ import annotations

import asyncio
import os
import select

from modemsim.port.base import PortBase

READ_SIZE = 1024
WRITE_SLICE = 256  # bytes a ready terminal or pipe takes without blocking (tty(4), pipe(7))


class StdioPort(PortBase):
    """The host is whoever feeds standard input and reads standard output; it goes at end of file.

    The descriptors keep their mode, since they may be shared with the caller's shell; so output is written in
    slices only while the other side has room.
    """

    name = "stdio"

    def __init__(self, input_fd: int = 0, output_fd: int = 1) -> None:
        super().__init__()
        self._input = input_fd
        self._output = output_fd
        self._open = False
        self._next: asyncio.Handle | None = None
        self._poll = select.poll()

    async def start(self) -> None:
        """Begin to read."""
        loop = asyncio.get_running_loop()
        self._open = True
        self._poll.register(self._output, select.POLLOUT)
        self.on_host(True)
        try:
            loop.add_reader(self._input, self._readable)
        except PermissionError:  # a file or the null device is always readable
            self._next = loop.call_soon(self._read_on)

    async def stop(self) -> None:
        """Read no more; the descriptors stay open."""
        self._ended()

    def write(self, data: bytes) -> int:
        """Write to standard output what it takes without blocking."""
        written = 0
        while written < len(data):
            events = self._poll.poll(0)
            if not events or events[0][1] & (select.POLLERR | select.POLLNVAL):
                break
            try:
                written += os.write(self._output, data[written : written + WRITE_SLICE])
            except OSError:
                break
        return written

    def _readable(self) -> bool:
        try:
            data = os.read(self._input, READ_SIZE)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            self._ended()
            return False
        self.receiver(data)
        return True

    def _read_on(self) -> None:
        self._next = None
        if self._readable() and self._open:
            self._next = asyncio.get_running_loop().call_soon(self._read_on)

    def _ended(self) -> None:
        if not self._open:
            return
        self._open = False
        if self._next is not None:
            self._next.cancel()
            self._next = None
        asyncio.get_running_loop().remove_reader(self._input)
        self.on_host(False)
