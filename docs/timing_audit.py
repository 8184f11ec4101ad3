"""Recorded instants of real modules beside what the profiles produce over a thousand seeds."""

from __future__ import annotations

import statistics
import tomllib
from dataclasses import dataclass
from pathlib import Path

from modemsim.profile import load
from modemsim.timing import Timing

FILE = Path(__file__).with_name("recordings.toml")
SEEDS = 1000
BITS = 10


@dataclass(frozen=True)
class Recording:
    """One entry of recordings.toml; times in seconds."""

    profile: str
    what: str
    seconds: list[float]
    delays: list[str]
    source: str
    after: float = 0.0
    characters: int = 0
    rate: int = 9600
    resolution: float = 0.0
    outside: str = ""

    def produced(self) -> list[float]:
        """What the profile makes of it, seed by seed, sorted."""
        delays = load(self.profile).delays
        fixed = self.after + self.characters * BITS / self.rate
        runs = (Timing(delays, seed) for seed in range(SEEDS))
        return sorted(fixed + sum(timing.draw(name) for name in self.delays) for timing in runs)

    def covers(self, produced: list[float]) -> bool:
        """Whether every recorded value lies between the least and the most of what is produced."""
        low, high = produced[0] - self.resolution, produced[-1] + self.resolution
        return all(low <= value <= high for value in self.seconds)


def recordings() -> list[Recording]:
    """Every recording there is."""
    return [Recording(**entry) for entry in tomllib.loads(FILE.read_text(encoding="utf-8"))["recording"]]


def page() -> str:
    """The table for the docs."""
    lines = [
        "# Timing: recorded and produced",
        "",
        f"Each delta that a recording of a real module shows, beside what its profile produces over {SEEDS} "
        "seeds, in seconds. `tests/test_timing_audit.py` fails when one is outside and no reason is given.",
        "",
        "| module | what | recorded | min | median | max | recording |",
        "|---|---|---|---|---|---|---|",
    ]
    for entry in recordings():
        made = entry.produced()
        shown = ", ".join(f"{value:g}" for value in entry.seconds)
        note = f"; outside: {entry.outside}" if entry.outside else ""
        figures = " | ".join(f"{value:.3g}" for value in (made[0], statistics.median(made), made[-1]))
        lines.append(f"| {entry.profile} | {entry.what} | {shown} | {figures} | {entry.source}{note} |")
    return "\n".join(lines) + "\n"
