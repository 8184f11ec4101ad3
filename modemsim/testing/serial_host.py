"""The host's side of a real serial port or a pyserial URL: transcripts against a module on the desk."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Protocol, cast

import serial

from modemsim.profile import load as load_profile
from modemsim.testing import actions
from modemsim.testing.player import Player
from modemsim.testing.report import Result
from modemsim.testing.transcript import Kind, Transcript, TranscriptError

POLL = 0.005
"""Seconds between two looks at the port; instants are as exact as this."""
WRITE_LIMIT = 5.0
"""Seconds after which a port that takes no bytes is given up."""


class _Serial(Protocol):
    """What is used of pyserial's port."""

    in_waiting: int

    def read(self, size: int) -> bytes: ...
    def write(self, data: bytes) -> int: ...
    def close(self) -> None: ...


class PortUnusable(Exception):
    """The serial port cannot be opened or was lost; the message is one sentence."""


class SerialHost:
    """A serial port read by polling, which works for every kind of pyserial port."""

    def __init__(self, port: _Serial) -> None:
        self.receiver: Callable[[bytes], None] = lambda data: None
        self._port = port

    def send(self, data: bytes) -> None:
        """Put bytes on the line towards the module."""
        self._port.write(data)

    async def poll(self) -> None:
        """Hand over what arrives, for ever; ends with an exception of pyserial when the port is lost."""
        while True:
            waiting = self._port.in_waiting
            if waiting:
                self.receiver(self._port.read(waiting))
            await asyncio.sleep(POLL)


def check_playable(transcript: Transcript) -> None:
    """Raise TranscriptError for a file whose actions only a simulator can do."""
    for step in transcript.steps:
        if step.kind is Kind.ACTION and actions.find(step.text).action.simulation_only:
            raise TranscriptError(
                f"{transcript.name}:{step.number}: '{step}' needs the simulator; a real module cannot do it"
            )


async def play_on_port(transcript: Transcript, url: str, baud: int | None = None) -> Result:
    """Play once in real time; the rate is the profile's unless `baud` is given. Raises PortUnusable."""
    from modemsim.testing.simulated import response_limits

    check_playable(transcript)
    profile = load_profile(transcript.profile, transcript.overrides)
    loop = asyncio.get_running_loop()
    async with opened(url, baud or profile.serial.baud) as host:
        player = Player(transcript, host, limits=response_limits(profile))
        started = loop.time()
        playing = loop.create_task(player.play())
        polling = loop.create_task(host.poll())
        tasks = (playing, polling)
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        lost = next((task.exception() for task in done if task.exception() is not None), None)
        if lost is not None:
            raise PortUnusable(f"the port {url} was lost: {lost}")
        return Result(transcript, 0, loop.time() - started, playing.result(), tuple(player.log))


@contextlib.asynccontextmanager
async def opened(url: str, baud: int) -> AsyncIterator[SerialHost]:
    """A port that is open for a while; raises PortUnusable."""
    try:
        port = serial.serial_for_url(url, baudrate=baud, timeout=0, write_timeout=WRITE_LIMIT)
    except (serial.SerialException, OSError, ValueError) as error:
        raise PortUnusable(f"the port {url} cannot be opened: {error}") from None
    try:
        port.reset_input_buffer()
        yield SerialHost(cast(_Serial, port))
    finally:
        port.close()
