"""The part of the module's flash that takes a firmware package; it survives power-off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from modemsim.lwm2m.firmware import DownloadFailed, UpdateResult

ERASED = b""


class Flash:
    """A package on its way in: in a file of the state folder, else in memory; `limit` octets at most."""

    def __init__(self, folder: Path | None, limit: int) -> None:
        self._file = folder / "firmware.part" if folder else None
        self._limit = limit
        self.appended: Callable[[int], None] = lambda length: None
        """Called with the octets kept when some were added."""
        self._etag = ERASED
        self._data = bytearray()
        if self._file is not None and self._file.exists():
            size, _, rest = self._file.read_bytes().partition(b"\n")
            self._etag, self._data = bytes.fromhex(size.decode("ascii", "ignore")), bytearray(rest)

    @property
    def length(self) -> int:
        """Octets kept."""
        return len(self._data)

    @property
    def etag(self) -> bytes:
        """What the server called the package; empty: nothing."""
        return self._etag

    @property
    def data(self) -> bytes:
        """What is kept."""
        return bytes(self._data)

    def begin(self, etag: bytes, total: int | None) -> None:
        """Erase, for a package of `total` octets; raises DownloadFailed for one that does not fit."""
        self.erase()
        self._etag = etag
        if total is not None and total > self._limit:
            raise DownloadFailed(UpdateResult.NO_STORAGE, f"{total} octets do not fit in {self._limit}")
        self._write()

    def append(self, data: bytes, *, quietly: bool = False) -> None:
        """Keep what follows; raises DownloadFailed when it does not fit."""
        if len(self._data) + len(data) > self._limit:
            raise DownloadFailed(UpdateResult.NO_STORAGE, f"more than {self._limit} octets")
        self._data += data
        if self._file is not None:
            with self._file.open("ab") as file:
                file.write(data)
        if not quietly:
            self.appended(len(self._data))

    def truncate(self, length: int) -> None:
        """Forget what is behind `length`."""
        if length < len(self._data):
            del self._data[length:]
            self._write()

    def erase(self) -> None:
        """Forget everything."""
        self._data.clear()
        self._etag = ERASED
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def _write(self) -> None:
        if self._file is not None:
            self._file.write_bytes(self._etag.hex().encode() + b"\n" + bytes(self._data))
