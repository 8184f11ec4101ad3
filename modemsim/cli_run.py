"""`modemsim run`: one module on a serial port until SIGINT, SIGTERM or SIGHUP, which end it with exit code 0.

Order matters for the time to the first AT: what is slow to import (the framework of the control API) comes
after the port is ready, and in a thread, so that the module answers meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from modemsim import clock
from modemsim.cli_common import fail, parse_address, warn
from modemsim.cli_serve import STOP_LIMIT, ControlApi, finish
from modemsim.cli_start import check_folder, check_imei, check_speed, one_sentence, stop_event, write_trace
from modemsim.cli_view import ConsoleSink, Output
from modemsim.net.capture import Capture
from modemsim.options import Options
from modemsim.port import Port, PtyPort, StdioPort, TcpPort
from modemsim.simulation import Simulation
from modemsim.trace import Record

if TYPE_CHECKING:
    from fastapi import FastAPI

LINK_FOLDER = Path("/tmp/modemsim")


@dataclass(frozen=True)
class Run:
    """The options of `modemsim run` that do not concern the module itself."""

    link: Path | None = None
    tcp: str | None = None
    rfc2217: str | None = None
    stdio: bool = False
    speed: float = 1.0
    trace: Path | None = None
    pcap: Path | None = None
    control: str | None = None
    control_token: str | None = None


def run_module(options: Options, run: Run) -> None:
    """Run until a signal ends it; raises CliError for what cannot be started."""
    check_speed(run.speed)
    if sum((run.link is not None, run.tcp is not None, run.rfc2217 is not None, run.stdio)) > 1:
        fail("--link, --tcp, --rfc2217 and --stdio exclude each other: a module has one serial port")
    check_imei(options.imei)
    check_folder(options.state_dir)
    clock.run(_run(options, run), speed=run.speed)


async def _run(options: Options, run: Run) -> None:
    stop = stop_event()
    output = Output(sys.stderr if run.stdio else sys.stdout)
    with one_sentence(), contextlib.ExitStack() as resources:
        control = ControlApi(run.control, run.control_token, resources)
        simulation = Simulation(options)
        write_trace(simulation.trace, run.trace, resources)
        port = _port(run, simulation.profile.name)
        try:
            await simulation.start(port)
            _capture(simulation, run.pcap, resources)
            for line in _banner(simulation, port, control):
                output.line(line)
            simulation.trace.subscribe(ConsoleSink(output))
            if run.stdio:
                simulation.trace.subscribe(lambda record: _end_with_host(record, stop))
            control.start(partial(_app, simulation))
            await stop.wait()
            output.line(_energy(simulation))
        finally:
            await finish(simulation.stop, control, STOP_LIMIT * run.speed)


def _app(simulation: Simulation, token: str | None) -> FastAPI:
    from modemsim.control.app import create_app

    return create_app(simulation, token)


def _end_with_host(record: Record, stop: asyncio.Event) -> None:
    """The end of standard input is the end of the run."""
    if (record.layer, record.event) == ("serial", "closed"):
        stop.set()


# ------------------------------------------------------------------ pieces of the start


def _port(run: Run, profile: str) -> Port:
    if run.tcp is not None:
        return TcpPort(*parse_address("--tcp", run.tcp))
    if run.rfc2217 is not None:
        from modemsim.port.rfc2217_port import Rfc2217Port

        return Rfc2217Port(*parse_address("--rfc2217", run.rfc2217))
    if run.stdio:
        return StdioPort()
    return PtyPort(run.link or LINK_FOLDER / profile)


def _energy(simulation: Simulation) -> str:
    """What the module has taken, for the end of a run."""
    used = simulation.energy()
    days = "" if used["days"] is None else f"; {used['battery_mah']:g} mAh would last {used['days']:g} days"
    return f"energy     {used['mah']:.4g} mAh in {used['seconds'] / 3600:.3g} h{days}"


def _capture(simulation: Simulation, path: Path | None, resources: contextlib.ExitStack) -> None:
    """Write what the module sends and receives to a file; a disk that fills up ends the file, not the run."""
    if path is None:
        return
    bearer = simulation.ue.bearer

    def end(error: OSError) -> None:
        bearer.tap = None
        warn(f"--pcap {path}: ends here: {error.strerror or error}")

    try:
        file = resources.enter_context(path.open("wb", buffering=0))
        capture = Capture(file, simulation.network.now_utc, lambda: bearer.ip)
    except OSError as error:
        fail(f"--pcap {path}: cannot be written: {error.strerror or error}")
    capture.on_failure = end
    bearer.tap = capture


def _banner(simulation: Simulation, port: Port, control: ControlApi) -> Iterator[str]:
    """Port, platforms and three lines to paste."""
    profile = simulation.profile
    baud = f"{profile.serial.baud} baud" if profile.serial.baud else "any rate"
    yield f"{profile.name}: {profile.title}, process {os.getpid()}"
    yield f"port       {port.name}  ({baud})"
    reached = [f"{name} {address[0]}:{address[1]}" for name, address in simulation.world.addresses.items()]
    yield f"platforms  {', '.join(reached) or 'none'}"
    yield from control.banner()
    if profile.paste.lines:
        yield "Open the port in a terminal and paste, one after another:"
        yield from (f"  {line}" for line in profile.paste.filled(simulation.ue.identity.imei))
        yield profile.paste.hint
    yield ""
