"""Noticing that somebody opens a file: inotify(7) through ctypes."""

from __future__ import annotations

import ctypes
import os

_IN_OPEN = 0x20
_EVENTS = 4096


class OpenWatch:
    """Watches one file: `fd` becomes readable when somebody opens it. Raises OSError where impossible."""

    def __init__(self, path: str) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        try:
            self.fd = int(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
            if self.fd < 0:
                raise OSError(ctypes.get_errno(), "inotify_init1 failed")
            if libc.inotify_add_watch(self.fd, os.fsencode(path), _IN_OPEN) < 0:
                os.close(self.fd)
                raise OSError(ctypes.get_errno(), "inotify_add_watch failed")
        except AttributeError:
            raise OSError("this system has no inotify") from None

    def opened(self) -> bool:
        """Whether the file was opened since the last call; never blocks."""
        try:
            return bool(os.read(self.fd, _EVENTS))
        except BlockingIOError:
            return False

    def close(self) -> None:
        """End the watch."""
        os.close(self.fd)
