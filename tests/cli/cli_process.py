"""A command of modemsim that goes on until it is stopped, for tests from outside."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMIT = 60.0
AWAKE = ("--set", "timing.inactivity=1h")
"""For a host that may be slow to speak: without it a BC260Y sleeps by then."""


class Running:
    """The process and what it has printed; `rest` goes on to the line that begins with a word."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.seen = ""

    def rest(self, word: bytes) -> str:
        """Read up to a line that begins with `word`; returns it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.seen += line.decode()
            if line.startswith(word):
                return line.decode().rstrip("\n")
        raise AssertionError(f"no line begins with {word!r} in {self.seen!r}")


@contextlib.contextmanager
def modemsim(*arguments: object, ready: bytes) -> Iterator[Running]:
    """A running command, from the line that says it is ready to an orderly end."""
    command = [sys.executable, "-m", "modemsim", *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        running = Running(process)
        try:
            running.rest(ready)
            yield running
        finally:
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=LIMIT)
        assert (process.returncode, errors) == (0, b"")
