"""Plays transcripts against the simulator, by default on virtual time; the way tests use them.

from modemsim.testing import play
play("ct-iot.at", seed=7, overrides=("serial.pacing=false",)).check()
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from modemsim import clock
from modemsim.at.syntax import parse as parse_line
from modemsim.commands.catalogue import catalogue
from modemsim.options import Options
from modemsim.port.memory_port import MemoryPort
from modemsim.profile import Profile
from modemsim.simulation import Simulation
from modemsim.testing.actions import ActionFailed, Stage, find
from modemsim.testing.player import RESPONSE_LIMIT, Player
from modemsim.testing.report import Failure, Result
from modemsim.testing.transcript import Transcript, load
from modemsim.trace import Record
from modemsim.ue.language import dialect

SETTLE = 3.0
"""Seconds after the attach that a module is left alone before a transcript that wants it running begins."""
ATTACH_LIMIT = 60.0
"""Seconds a module that cannot attach is given all the same."""


class MemoryHost:
    """The host's side of a MemoryPort."""

    def __init__(self, port: MemoryPort) -> None:
        self.receiver: Callable[[bytes], None] = lambda data: None
        self._port = port
        port.heard = lambda data: self.receiver(data)

    def send(self, data: bytes) -> None:
        """Put bytes on the line towards the module."""
        self._port.host_write(data)


def play(
    path: Path | str,
    *,
    seed: int | None = None,
    overrides: Iterable[str] = (),
    speed: float | None = None,
    **options: Any,
) -> Result:
    """Play a file once on virtual time, or `speed` times as fast as the wall clock.

    `seed` and `overrides` go over the header of the file, `options` are further fields of `Options`. Raises
    TranscriptError, ProfileError and OptionError for what cannot be played.
    """
    transcript = load(path)
    wanted = options_for(transcript, Options(profile=transcript.profile, **options), seed, overrides)
    return clock.run(play_transcript(transcript, wanted), virtual=speed is None, speed=speed or 1.0)


def options_for(
    transcript: Transcript, base: Options, seed: int | None = None, overrides: Iterable[str] = ()
) -> Options:
    """The options of one play: those of the file's header, over them what the caller asks for.

    A profile file is looked for beside the transcript.
    """
    profile = transcript.profile
    if profile.endswith(".toml"):
        profile = str(Path(transcript.name).parent / profile)
    return dataclasses.replace(
        base,
        profile=profile,
        seed=seed if seed is not None else transcript.seed or 0,
        overrides=(*transcript.overrides, *base.overrides, *overrides),
    )


async def play_transcript(transcript: Transcript, options: Options) -> Result:
    """Play on the running loop against a simulation of its own."""
    loop = asyncio.get_running_loop()
    simulation = Simulation(options)
    port = MemoryPort()
    problems = _watch(loop, simulation)
    player = Player(
        transcript, MemoryHost(port), stage=Stage(simulation), limits=response_limits(simulation.profile)
    )
    await simulation.start(port)
    try:
        await _prepare(simulation, transcript)
        player.forget()
        started = loop.time()
        failure = await player.play()
        seconds = loop.time() - started
    finally:
        await simulation.stop()
    if problems:
        inside = f"the simulator failed inside: {problems[0]}"
        failure = failure or Failure(transcript.steps[-1], "every step held")
        failure = dataclasses.replace(failure, problem=f"{failure.problem}; {inside}")
    return Result(transcript, options.seed, seconds, failure, tuple(player.log))


async def _prepare(simulation: Simulation, transcript: Transcript) -> None:
    """Leave the module without power for a transcript that switches it on, else booted and attached."""
    if transcript.starts_unpowered:
        await simulation.power("cut")
        return
    try:
        await find("wait attached").run(Stage(simulation), ATTACH_LIMIT)
    except ActionFailed:
        return
    await asyncio.sleep(SETTLE)


def _watch(loop: asyncio.AbstractEventLoop, simulation: Simulation) -> list[str]:
    """The list that gathers what must never happen: exceptions nobody caught, inside tasks and handlers."""
    problems: list[str] = []

    def sink(record: Record) -> None:
        if record.event in ("internal", "internal_error"):
            problems.append(str(record.fields))

    def uncaught(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        problems.append(f"{context['message']}: {context.get('exception')!r}")

    simulation.trace.subscribe(sink)
    loop.set_exception_handler(uncaught)
    return problems


def response_limits(profile: Profile) -> Callable[[str], float | None]:
    """The maximum response time of a command line of that module, in seconds, by its declarations."""
    commands, spelling = catalogue(profile), dialect(profile)

    def limit(line: str) -> float | None:
        found = [commands.find(request.name) for request in parse_line(line, spelling)]
        return sum(RESPONSE_LIMIT if command is None else command.max_response for command in found) or None

    return limit
