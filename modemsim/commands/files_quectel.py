"""The file area of Quectel's LTE modules: QFUPL, QFDWL, QFLST, QFDEL, QFLDS."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from modemsim.at.command import Command
from modemsim.at.data_mode import DataMode
from modemsim.at.dialect import to_text
from modemsim.at.params import Choice, Int, Text
from modemsim.at.result import Final, Refusal
from modemsim.ue.files import STORED, FileProblem, Files
from modemsim.ue.module import Ue

MANUAL = "Quectel BG96 FILE manual 1.0"
LOG = "EG800K live test of 2026"
PIECE = 1024
"""Bytes behind which the module sends `A` where the host asked for it."""


def checksum(data: bytes) -> int:
    """The exclusive or of its 16-bit words, high byte first; a last odd byte is a high one (FILE manual)."""
    padded = data + bytes(len(data) % 2)
    low = high = 0
    for first, second in zip(padded[::2], padded[1::2], strict=True):
        high, low = high ^ first, low ^ second
    return high << 8 | low


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """A problem of the file area as a refusal."""
    try:
        yield
    except FileProblem as problem:
        raise Refusal(problem.situation) from None


def _files(ue: Ue) -> Files:
    return ue.ip.files


class Qfupl(Command):
    """Take a file behind CONNECT, byte for byte, and keep it."""

    name, source, provenance, group = "+QFUPL", f"{MANUAL}; {LOG}", "log", "files"
    max_response = 5.0
    errors = ("bad_file_name", "file_exists", "no_space", "upload_timeout")
    data_mode = DataMode(prompt="CONNECT\r\n", length="size", timed_out="upload_timeout")
    file = Text(84, min_length=1, doc="name; RAM: in front keeps it in RAM only")
    size = Int(1, 0x7FFFFFFF, default=10240, doc="bytes of the file")
    timeout = Int(1, 65535, default=5, doc="seconds without a byte after which it is given up")
    acknowledge = Choice(0, 1, default=0, doc="1: the module sends A after every 1024 bytes")

    def test(self, ue: Ue) -> str:
        return f"+QFUPL: <filename>[,(1-{_files(ue).free})[,(1-65535)[,(0,1)]]]"

    def data_input(self, ue: Ue, values: Mapping[str, Any]) -> DataMode | None:
        """A file that could not be kept is refused before CONNECT."""
        with _refusing():
            _files(ue).check_new(values["file"], values["size"])
        assert self.data_mode is not None
        acknowledge = PIECE if values["acknowledge"] else None
        return dataclasses.replace(self.data_mode, patience=float(values["timeout"]), acknowledge=acknowledge)

    def write(self, ue: Ue, file: str, size: int, timeout: int, acknowledge: int, data: bytes) -> str:
        with _refusing():
            _files(ue).store(file, data)
        return f"+QFUPL: {len(data)},{checksum(data):x}"


class Qfdwl(Command):
    """Send a file to the host behind CONNECT."""

    name, source, provenance, group = "+QFDWL", MANUAL, "inferred", "files"
    max_response = 5.0
    errors = ("file_not_found",)
    test_reply = "+QFDWL: <filename>"
    file = Text(84, min_length=1, doc="name of the file")

    def write(self, ue: Ue, file: str) -> list[str]:
        data = _files(ue).read(file)
        if data is None:
            raise Refusal("file_not_found")
        return [Final.CONNECT.text, to_text(data), f"+QFDWL: {len(data)},{checksum(data):x}"]


class Qflst(Command):
    """List the files of a name or pattern, without one all of them."""

    name, source, provenance, group = "+QFLST", f"{MANUAL}; {LOG}", "log", "files"
    errors = ("bad_file_name", "file_not_found")
    test_reply = ""
    write_reply = execute_reply = '+QFLST: "{file}",{size}'
    pattern = Text(84, min_length=1, doc="name, or * in place of it or of a part")

    def execute(self, ue: Ue) -> Any:
        return self._listed(ue, "*")

    def write(self, ue: Ue, pattern: str) -> Any:
        found = self._listed(ue, pattern)
        if not found and "*" not in pattern:
            raise Refusal("file_not_found")
        return found

    def _listed(self, ue: Ue, pattern: str) -> list[dict[str, Any]]:
        with _refusing():
            found = _files(ue).find(pattern)
        return [{"file": name, "size": len(data)} for name, data in found.items()]


class Qfdel(Command):
    """Delete a file, or those of a pattern."""

    name, source, provenance, group = "+QFDEL", MANUAL, "inferred", "files"
    errors = ("bad_file_name", "file_not_found")
    test_reply = "+QFDEL: <filename>"
    pattern = Text(84, min_length=1, doc="name, or * in place of it or of a part")

    def write(self, ue: Ue, pattern: str) -> None:
        with _refusing():
            deleted = _files(ue).delete(pattern)
        if not deleted and "*" not in pattern:
            raise Refusal("file_not_found")


class Qflds(Command):
    """Tell the room of the file area; without an area how much is used by how many files."""

    name, source, provenance, group = "+QFLDS", MANUAL, "inferred", "files"
    test_reply = ""
    write_reply = "+QFLDS: {free},{total}"
    execute_reply = "+QFLDS: {used},{count}"
    area = Choice(STORED.rstrip(":"), doc="the area")

    def write(self, ue: Ue, area: str) -> dict[str, int]:
        files = _files(ue)
        return {"free": files.free, "total": files.total}

    def execute(self, ue: Ue) -> dict[str, int]:
        stored = _files(ue).find(STORED + "*")
        return {"used": sum(map(len, stored.values())), "count": len(stored)}
