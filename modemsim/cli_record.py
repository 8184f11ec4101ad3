"""`modemsim record`: stands between a host and the serial port of a module and writes a transcript."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import typer

from modemsim import clock
from modemsim.cli_common import fail
from modemsim.cli_start import one_sentence, stop_event
from modemsim.port import PtyPort
from modemsim.profile import load
from modemsim.testing.recorder import Recorder
from modemsim.testing.serial_host import PortUnusable, SerialHost, opened

LINK = Path("/tmp/modemsim/record")


@dataclass(frozen=True)
class Recording:
    """The options of `modemsim record`."""

    port: str
    out: Path
    profile: str
    baud: int | None = None
    link: Path = LINK


def record(wanted: Recording) -> None:
    """Record until a signal ends it; raises CliError."""
    with one_sentence():
        baud = wanted.baud or load(wanted.profile).serial.baud
        try:
            clock.run(_record(wanted, baud))
        except PortUnusable as error:
            fail(str(error))


async def _record(wanted: Recording, baud: int) -> None:
    async with opened(wanted.port, baud) as module:
        with _file(wanted.out) as file:
            recorder = Recorder(file.write, asyncio.get_running_loop().time)
            recorder.header("Recorded from a serial port.", wanted.profile, f"a recording of {wanted.port}")
            host = PtyPort(wanted.link)
            _join(host, module, recorder)
            await host.start()
            typer.echo(f"recording  {wanted.port} ({baud} baud) into {wanted.out}")
            typer.echo(f"port       {host.name}: point the host here; Ctrl-C ends the recording")
            try:
                await _until_stopped(wanted.port, module)
            finally:
                await host.stop()


def _file(path: Path) -> TextIO:
    try:
        return path.open("x", encoding="utf-8", buffering=1)
    except FileExistsError:
        fail(f"--out {path}: exists already; name a new file")
    except OSError as error:
        fail(f"--out {path}: cannot be written: {error.strerror or error}")


async def _until_stopped(port: str, module: SerialHost) -> None:
    """Carry what the module says until a signal; raises PortUnusable when the port is lost."""
    stop = asyncio.ensure_future(stop_event().wait())
    reading = asyncio.ensure_future(module.poll())
    await asyncio.wait((stop, reading), return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if reading.done():
        raise PortUnusable(f"the port {port} was lost: {reading.exception()}")
    reading.cancel()


def _join(host: PtyPort, module: SerialHost, recorder: Recorder) -> None:
    """Every byte goes through, and the recorder sees it."""

    def from_host(data: bytes) -> None:
        recorder.host(data)
        module.send(data)

    def from_module(data: bytes) -> None:
        recorder.module(data)
        host.write(data)

    host.receiver, module.receiver = from_host, from_module
