"""The module's file area: named files in NVM, and some in RAM that a restart forgets."""

from __future__ import annotations

import base64
import contextlib
from fnmatch import fnmatchcase

from modemsim.ue.nvm import Nvm

SECTION = "files"
STORED, VOLATILE = "UFS:", "RAM:"
"""What a name begins with; a name without either is stored."""
LONGEST_NAME = 80


class FileProblem(ValueError):
    """Something cannot be done with a file; `situation` names it."""

    def __init__(self, situation: str) -> None:
        super().__init__(situation)
        self.situation = situation


def full_name(name: str) -> str:
    """A name with its area in front; raises FileProblem for what can be none."""
    area = next((area for area in (STORED, VOLATILE) if name.upper().startswith(area)), "")
    rest = name[len(area) :]
    if not 0 < len(rest) <= LONGEST_NAME or any(char in rest for char in ':/\\"') or not rest.isprintable():
        raise FileProblem("bad_file_name")
    return (area or STORED) + rest


class Files:
    """At most `total` bytes and `most` files, both areas together."""

    def __init__(self, nvm: Nvm, total: int, most: int) -> None:
        self.total = total
        self._most = most
        self._nvm = nvm
        self._files: dict[str, bytes] = {}
        for name, data in nvm.section(SECTION).items():
            with contextlib.suppress(ValueError, TypeError):  # edited by hand: that file is gone
                self._files[full_name(name)] = base64.b64decode(data, validate=True)

    @property
    def free(self) -> int:
        """Bytes that can still be stored."""
        return self.total - sum(map(len, self._files.values()))

    def restart(self) -> None:
        """The power was gone: what was in RAM is lost."""
        self._files = {name: data for name, data in self._files.items() if name.startswith(STORED)}

    def find(self, pattern: str) -> dict[str, bytes]:
        """The files of a name, or of a pattern with `*`; raises FileProblem for what can be neither."""
        wanted = full_name(pattern)
        return {name: data for name, data in sorted(self._files.items()) if fnmatchcase(name, wanted)}

    def read(self, name: str) -> bytes | None:
        """The content of one file; None when it is not there."""
        try:
            return self._files.get(full_name(name))
        except FileProblem:
            return None

    def check_new(self, name: str, size: int) -> None:
        """Raise FileProblem when a new file of that name and size cannot be stored."""
        full = full_name(name)
        if "*" in full or "?" in full or "[" in full:
            raise FileProblem("bad_file_name")
        if full in self._files:
            raise FileProblem("file_exists")
        if size > self.free or len(self._files) >= self._most:
            raise FileProblem("no_space")

    def store(self, name: str, data: bytes) -> None:
        """Keep a new file; raises FileProblem."""
        self.check_new(name, len(data))
        self._files[full_name(name)] = data
        self._save()

    def delete(self, pattern: str) -> int:
        """Delete the files of a name or pattern; returns how many there were."""
        found = self.find(pattern)
        for name in found:
            del self._files[name]
        self._save()
        return len(found)

    def _save(self) -> None:
        kept = {name: data for name, data in self._files.items() if name.startswith(STORED)}
        self._nvm.store(SECTION, {name: base64.b64encode(data).decode() for name, data in kept.items()})
