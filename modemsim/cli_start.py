"""What the commands that run a simulation begin and end with: options, checks, signals, the trace file."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from modemsim import clock
from modemsim.cli_common import fail, warn
from modemsim.options import OptionError, Options
from modemsim.port import PortError
from modemsim.profile import ProfileError
from modemsim.trace import JsonLines, Record, Trace
from modemsim.ue.nvm import StateError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def make_options(**fields: Any) -> Options:
    """Options of a simulation that shows today's date; raises CliError."""
    try:
        return Options(start=clock.wall_utc(), **fields)
    except OptionError as error:
        fail(str(error))


@contextlib.contextmanager
def one_sentence() -> Iterator[None]:
    """Turn what goes wrong at the start into one sentence and exit code 2."""
    try:
        yield
    except (ProfileError, OptionError, PortError, StateError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"the simulation cannot go on: {error}")


def stop_event() -> asyncio.Event:
    """An event that the first of SIGNALS sets; a hang-up that the caller ignores (nohup) stays ignored.

    A shell starts background jobs with SIGINT ignored; `kill -INT` ends a run all the same.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, stop.set)
    return stop


def write_trace(trace: Trace, path: Path | None, resources: contextlib.ExitStack) -> None:
    """Write every record to a file as JSON lines; a disk that fills up ends the file, not the run."""
    if path is None:
        return
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        fail(f"--trace {path}: cannot be written: {error.strerror or error}")
    resources.callback(_close, file)
    write = JsonLines(file)

    def sink(record: Record) -> None:
        try:
            write(record)
        except OSError as error:
            end()
            warn(f"--trace {path}: ends here: {error.strerror or error}")

    end = trace.subscribe(sink)


def _close(file: IO[str]) -> None:
    """Close a file whose records were written one by one; one that was not has been told of."""
    with contextlib.suppress(OSError):
        file.close()


def check_speed(speed: float) -> None:
    """A --speed that time can run at."""
    if not 0 < speed < float("inf"):
        fail(f"--speed {speed:g}: a speed is a number greater than zero")


def check_folder(folder: Path | None) -> None:
    """A --state folder that can be made and written to."""
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        fail(f"--state {folder}: cannot be written: {error.strerror or error}")


def check_imei(imei: str | None) -> None:
    """Warn of a wrong check digit (3GPP TS 23.003 B.3); other errors are those of Options."""
    if imei is None or len(imei) != 15 or not imei.isdecimal():
        return
    doubled = (int(digit) * (1 + index % 2) for index, digit in enumerate(imei[:14]))
    check = -sum(value // 10 + value % 10 for value in doubled) % 10
    if check != int(imei[14]):
        warn(f"--imei {imei}: the check digit should be {check}; used all the same")
