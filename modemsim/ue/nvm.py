"""The module's non-volatile memory: one JSON document, written atomically, never fatal when it is damaged."""

from __future__ import annotations

import json
import os
from enum import IntEnum
from pathlib import Path
from typing import Any, TypeVar

from modemsim.trace import Trace

VERSION = 1
_Number = TypeVar("_Number", bound=IntEnum)


class StateError(ValueError):
    """The state directory cannot be used; the message says why and what to do."""


class Nvm:
    """Sections of values that survive power-off; kept in memory only when no folder is given."""

    def __init__(self, folder: Path | None, owner: str, trace: Trace) -> None:
        self._file = folder / "nvm.json" if folder else None
        self._owner = owner
        self._trace = trace
        self._sections: dict[str, dict[str, Any]] = {}
        if self._file is not None:
            self._prepare(self._file)
            self._sections = self._load(self._file)

    @property
    def folder(self) -> Path | None:
        """Where it is kept; None: in memory only."""
        return self._file.parent if self._file else None

    def section(self, name: str) -> dict[str, Any]:
        """A copy of one section; empty when nothing was stored."""
        return dict(self._sections.get(name, {}))

    def number(self, section: str, key: str, kind: type[_Number]) -> _Number:
        """A stored number that has a meaning; any other value is traced and counts as absent, which is 0."""
        value = self._sections.get(section, {}).get(key, 0)
        try:
            return kind(value)
        except ValueError:
            self._trace.emit("nvm", "unknown", section=section, key=key, value=value, used=0)
            return kind(0)

    def store(self, name: str, values: dict[str, Any]) -> None:
        """Replace one section; a power cut leaves either the old or the new document."""
        if self._sections.get(name, {}) == values:
            return
        self._sections[name] = dict(values)
        if self._file is not None:
            self._write(self._file)

    def _prepare(self, file: Path) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(f"the state directory {file.parent} cannot be made: {error.strerror}") from None
        if not os.access(file.parent, os.W_OK):
            raise StateError(
                f"the state directory {file.parent} is not writable; choose another with --state"
            )

    def _load(self, file: Path) -> dict[str, dict[str, Any]]:
        if not file.exists():
            return {}
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            if document["version"] != VERSION:
                raise ValueError(f"version {document['version']} is not known")
            sections = {str(name): dict(values) for name, values in document["sections"].items()}
            owner = str(document["profile"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._set_aside(file, error)
            return {}
        if owner != self._owner:
            raise StateError(f"{file.parent} holds the state of a {owner}, not of a {self._owner}; "
                             "choose another directory with --state")  # fmt: skip
        return sections

    def _set_aside(self, file: Path, error: Exception) -> None:
        """Keep a damaged document for the curious and go on with factory settings."""
        number = 1
        while (kept := file.with_name(f"nvm.corrupt-{number}.json")).exists():
            number += 1
        os.replace(file, kept)
        self._trace.emit("nvm", "corrupt", kept=str(kept), reason=str(error), used="factory settings")

    def _write(self, file: Path) -> None:
        document = {"version": VERSION, "profile": self._owner, "sections": self._sections}
        part = file.with_suffix(".part")
        with part.open("w", encoding="utf-8") as handle:
            json.dump(document, handle, indent=1, sort_keys=True)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(part, file)
