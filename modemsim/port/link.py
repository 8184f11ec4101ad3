"""The stable name of a pseudo-terminal: a symbolic link that one live run owns by a lock file beside it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from modemsim.port.base import PortError, PortTaken


class Link:
    """`path` leads to a pseudo-terminal while this run holds `path`.lock (flock; process id and start)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock_path = path.with_name(path.name + ".lock")
        self._lock: int | None = None
        self._target: str | None = None

    def acquire(self) -> None:
        """Take the lock; raises PortTaken if another run lives, PortError if something else is in the way."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = self._locked()
            if os.path.lexists(self.path) and not self._is_ours():
                raise PortError(f"{self.path} exists and is no link of an earlier run; choose another --link")
        except OSError as error:
            self.release()
            raise PortError(f"{self.path} cannot be made: {error.strerror}") from None
        except PortError:
            self.release()
            raise

    def point(self, target: str) -> None:
        """Let the link lead to `target`, in one step: a host sees the old or the new one, never none."""
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(target)
            os.replace(temporary, self.path)
        except OSError as error:
            raise PortError(f"{self.path} cannot be made: {error.strerror}") from None
        self._target = target

    def release(self) -> None:
        """Remove link and lock, as far as they are ours."""
        with contextlib.suppress(OSError):
            if self._target is not None and os.readlink(self.path) == self._target:
                self.path.unlink()
        self._target = None
        if self._lock is not None:
            self._lock_path.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def _locked(self) -> int:
        while True:
            file = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.read(file, 64).decode("ascii", "replace").split() or ["unknown"]
                os.close(file)
                raise PortTaken(
                    f"{self.path} is held by the run with process id {holder[0]}; "
                    "stop it or choose another --link"
                ) from None
            if self._is_lock(file):
                os.ftruncate(file, 0)
                os.write(file, f"{os.getpid()} {_process_start()}\n".encode())
                return file
            os.close(file)  # its holder has removed it meanwhile: take the file that is there now

    def _is_lock(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), os.stat(self._lock_path))
        except FileNotFoundError:
            return False

    def _is_ours(self) -> bool:
        return self.path.is_symlink() and os.readlink(self.path).startswith("/dev/pts/")


def _process_start() -> str:
    """When this process started, in clock ticks since boot (proc(5), stat field 22); "0" where not known."""
    try:
        return Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "0"
