"""A pseudo-terminal with a stable name: what a host opens as a serial port.

While no host has it open the module keeps the slave side open itself, else the master would report a hang-up
for ever. When a host opens it (seen by inotify) the module lets go, so that the hang-up tells exactly when
the last host has closed it. Where inotify is missing a host counts as always there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import select
import termios
import tty
from pathlib import Path

from modemsim.port.base import PortBase, PortError
from modemsim.port.link import Link
from modemsim.port.opens import OpenWatch

READ_SIZE = 4096
_RATES = {
    getattr(termios, name): int(name[1:])
    for name in dir(termios)
    if name[0] == "B" and name[1:].isdecimal() and name != "B0"
}
"""Rates by their termios numbers; B0 is none of them: it asks for a hang-up (termios(3))."""


class PtyPort(PortBase):
    """A pseudo-terminal behind the symbolic link `link`; raises PortTaken or PortError at `start`.

    A host that does not read has the system's buffer (about 19 kB); what comes on top is not written. What a
    host has not read when it closes is gone: the next one starts with an empty buffer.
    """

    def __init__(self, link: Path) -> None:
        super().__init__()
        self.name = str(link)
        self.device = ""
        self._link = Link(link)
        self._master = -1
        self._slave: int | None = None
        self._watch: OpenWatch | None = None

    async def start(self) -> None:
        """Open the pseudo-terminal and let the link lead to it."""
        self._link.acquire()
        try:
            self._open()
            self._link.point(self.device)
        except OSError as error:
            await self.stop()
            raise PortError(f"no pseudo-terminal for {self.name}: {error.strerror}") from None
        except PortError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Remove the link and close the pseudo-terminal."""
        self._link.release()
        self._close()

    def _close(self) -> None:
        loop = asyncio.get_running_loop()
        if self._watch is not None:
            loop.remove_reader(self._watch.fd)
            self._watch.close()
            self._watch = None
        if self._slave is not None:
            os.close(self._slave)
            self._slave = None
        if self._master >= 0:
            loop.remove_reader(self._master)
            os.close(self._master)
            self._master = -1

    def write(self, data: bytes) -> int:
        """Give bytes to the host; fewer are taken when it does not read."""
        if self._master < 0 or not self._host_there():
            return len(data)
        try:
            return os.write(self._master, data)
        except BlockingIOError:
            return 0
        except OSError:  # the host has just closed it
            return len(data)

    def rate(self) -> int | None:
        """The rate the host has set on its side; None for B0 and for one that has no name."""
        if self._master < 0:
            return None
        return _RATES.get(termios.tcgetattr(self._master)[5])

    def _open(self) -> None:
        loop = asyncio.get_running_loop()
        self._master, slave = pty.openpty()
        self.device = os.ttyname(slave)
        self._slave = slave
        tty.setraw(slave)
        os.set_blocking(self._master, False)
        loop.add_reader(self._master, self._readable)
        try:
            self._watch = OpenWatch(self.device)
        except OSError as error:
            self.note("no_open_watch", reason=str(error))
            self.on_host(True)
        else:
            loop.add_reader(self._watch.fd, self._opened)

    def _host_there(self) -> bool:
        if self._slave is not None:
            self._opened()
        return self._slave is None or self._watch is None

    def _opened(self) -> None:
        if self._watch is not None and self._watch.opened():
            self._let_go()

    def _let_go(self) -> None:
        """Close our slave side if a host has it open as well, so that its going is seen."""
        if self._slave is None or self._watch is None:
            return
        os.close(self._slave)
        self._slave = None
        if self._hung_up():
            self._hold()
        else:
            self.on_host(True)

    def _readable(self) -> None:
        try:
            data = os.read(self._master, READ_SIZE)
        except BlockingIOError:
            return
        except OSError:  # EIO: the last host has closed it
            self._hold()
            self.on_host(False)
            return
        if self._slave is not None:  # somebody must have opened it, seen or not
            self._let_go()
        self.receiver(data)

    def _hung_up(self) -> bool:
        poll = select.poll()
        poll.register(self._master, 0)
        return bool(poll.poll(0))

    def _hold(self) -> None:
        """Keep the slave side open ourselves, raw and empty for the next host."""
        try:
            self._slave = os.open(self.device, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:  # EBUSY: the last host has locked it for good (ioctl_tty(2), TIOCEXCL)
            self.note("renewed", reason=str(error))
            self._close()
            self._open()
            self._link.point(self.device)
            return
        tty.setraw(self._slave)
        with contextlib.suppress(termios.error):
            termios.tcflush(self._slave, termios.TCIFLUSH)
        if self._watch is not None:
            self._watch.opened()  # that was us
