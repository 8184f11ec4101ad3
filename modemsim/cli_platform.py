"""`modemsim platform`: the built-in platforms alone, for modules and simulators elsewhere."""

from __future__ import annotations

import contextlib
import difflib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modemsim import clock
from modemsim.cli_common import fail, parse_address
from modemsim.cli_serve import ControlApi, finish
from modemsim.cli_start import make_options, one_sentence, stop_event, write_trace
from modemsim.cli_view import ConsoleSink, Output
from modemsim.world import World

if TYPE_CHECKING:
    from fastapi import FastAPI


@dataclass(frozen=True)
class Alone:
    """The options of `modemsim platform`."""

    listen: tuple[str, ...] = ()
    strict_devices: bool = False
    psk: tuple[str, ...] = ()
    trace: Path | None = None
    control: str | None = None
    control_token: str | None = None


def run_platforms(wanted: Alone) -> None:
    """Serve until a signal; raises CliError for what cannot be started."""
    clock.run(_serve(wanted))


async def _serve(wanted: Alone) -> None:
    stop = stop_event()
    output = Output(sys.stdout)
    with one_sentence(), contextlib.ExitStack() as resources:
        control = ControlApi(wanted.control, wanted.control_token, resources)
        world = World.build(make_options(profile="", strict_devices=wanted.strict_devices, psk=wanted.psk))
        _place(world, wanted.listen)
        write_trace(world.trace, wanted.trace, resources)
        try:
            await world.start()
            for line in (*_banner(world), *control.banner(), ""):
                output.line(line)
            world.trace.subscribe(ConsoleSink(output))
            control.start(lambda token: _app(world, token))
            await stop.wait()
        finally:
            await finish(world.stop, control)


def _place(world: World, listen: tuple[str, ...]) -> None:
    """Give services the addresses of --listen; CliError for one that there is not."""
    for text in listen:
        name, equals, address = text.partition("=")
        if not equals:
            fail(f"--listen {text}: write NAME=HOST:PORT, for example ct-iot=127.0.0.1:5683")
        if name not in world.addresses:
            near = difflib.get_close_matches(name, world.addresses, 1)
            meant = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(world.addresses)}"
            fail(f"--listen {text}: there is no platform {name!r}{meant}")
        world.place(name, parse_address("--listen", address))


def _banner(world: World) -> Iterator[str]:
    width = max(map(len, world.addresses))
    for name, (host, port) in world.addresses.items():
        yield f"{name:<{width}}  {host}:{port}"
    host, port = world.addresses["ct-iot"]
    yield "A module of this simulator finds them with"
    yield f"  modemsim run bc260y --platform none --route 180.101.147.115:5683={host}:{port}"


def _app(world: World, token: str | None) -> FastAPI:
    from modemsim.control.app import create_platform_app

    return create_platform_app(world, token)
