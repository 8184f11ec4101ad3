"""`modemsim play`: transcripts against the simulator, with any number of seeds, or a real serial port."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from modemsim import clock
from modemsim.cli_common import FAILED, CliError, fail
from modemsim.options import OptionError
from modemsim.profile import ProfileError
from modemsim.testing.report import Result
from modemsim.testing.serial_host import PortUnusable, play_on_port
from modemsim.testing.simulated import play
from modemsim.testing.transcript import TranscriptError, load


@dataclass(frozen=True)
class Play:
    """The options of `modemsim play`."""

    seed: int | None = None
    seeds: int | None = None
    speed: float | None = None
    port: str | None = None
    baud: int | None = None
    overrides: tuple[str, ...] = ()


def play_files(files: Sequence[Path], wanted: Play) -> None:
    """Play each file as often as there are seeds; raises CliError when one failed or cannot be played."""
    _check(wanted)
    for path in files:
        _usable(path)
    failed = played = 0
    try:
        for path in files:
            for result in _results(path, wanted):
                typer.echo(result.report())
                played += 1
                failed += not result.passed
    except (TranscriptError, ProfileError, OptionError, PortUnusable) as error:
        fail(str(error))
    if failed:
        raise CliError(f"{failed} of {played} failed", FAILED)


def _check(wanted: Play) -> None:
    if wanted.seed is not None and wanted.seeds is not None:
        fail("--seed and --seeds exclude each other")
    if wanted.seeds is not None and wanted.seeds < 1:
        fail(f"--seeds {wanted.seeds}: play with at least one seed")
    if wanted.speed is not None and not 0 < wanted.speed < float("inf"):
        fail(f"--speed {wanted.speed:g}: a speed is a number greater than zero")
    if wanted.port is None and wanted.baud is not None:
        fail("--baud needs --port")
    if wanted.port is not None and (wanted.seed, wanted.seeds, wanted.speed) != (None, None, None):
        fail("--port plays against a real module, which has neither seed nor speed")


def _usable(path: Path) -> None:
    try:
        load(path)
    except TranscriptError as error:
        fail(str(error))


def _results(path: Path, wanted: Play) -> Iterator[Result]:
    if wanted.port is not None:
        yield clock.run(play_on_port(load(path), wanted.port, wanted.baud))
        return
    for seed in (wanted.seed,) if wanted.seeds is None else range(wanted.seeds):
        yield play(path, seed=seed, overrides=wanted.overrides, speed=wanted.speed)
