"""The command line. Exit codes: 0 done, 1 something asked for did not hold, 2 it could not be tried.

Every command imports what it needs when it runs, so that `modemsim run` has its port ready in well under a
second.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modemsim.cli_common import CliError
from modemsim.cli_ctl import app as ctl_app
from modemsim.cli_firmware import app as firmware_app

if TYPE_CHECKING:
    from modemsim.options import Options

STANDARD_ERROR = 2
"""The highest of the three standard descriptors (POSIX)."""

app = typer.Typer(
    name="modemsim",
    help="A virtual NB-IoT module: real AT dialogue, real CoAP/LwM2M packets, a platform in the box.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(ctl_app, name="ctl")
app.add_typer(firmware_app, name="firmware")

Profile = Annotated[str, typer.Argument(help="A shipped profile (modemsim profiles) or a .toml file.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the profile; may be repeated."),
]
Link = Annotated[Path | None, typer.Option(help="Path of the pseudo-terminal [default: /tmp/modemsim/NAME].")]
Tcp = Annotated[str | None, typer.Option(metavar="H:P", help="Serve the port over TCP instead.")]
Rfc2217 = Annotated[
    str | None, typer.Option("--rfc2217", metavar="H:P", help="Serve the port with DTR, RTS, RI (RFC 2217).")
]
BaudCheck = Annotated[
    bool, typer.Option("--baud-check", help="A host at another rate than the module's gets garbage.")
]
Stdio = Annotated[bool, typer.Option("--stdio", help="Use standard input and output as the port.")]
Speed = Annotated[float, typer.Option(help="Simulated seconds in a real second.")]
Seed = Annotated[int, typer.Option(help="Chooses every delay and loss.")]
PlatformChoice = Annotated[str, typer.Option(help="builtin: platforms in the box; none: no platform.")]
Route = Annotated[
    list[str] | None, typer.Option(metavar="A:P=B:Q", help="Send packets for A:P to B:Q; may be repeated.")
]
Offline = Annotated[bool, typer.Option("--offline", help="Let nothing leave that is not routed.")]
Strict = Annotated[
    bool, typer.Option("--strict-devices", help="Platforms refuse devices they were not told of.")
]
Psk = Annotated[
    list[str] | None,
    typer.Option(metavar="IMEI=HEX", help="A pre-shared key the platforms know; may be repeated."),
]
KeyLogFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write DTLS secrets to FILE, to decrypt captures with.")
]
Imei = Annotated[str | None, typer.Option(help="IMEI in place of the profile's.")]
Imsi = Annotated[str | None, typer.Option(help="IMSI in place of the profile's.")]
State = Annotated[Path | None, typer.Option(metavar="DIR", help="Keep the module's NVM in DIR.")]
ScenarioFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Let happen what the scenario FILE (TOML) says.")
]
TraceFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write everything that happens to FILE as JSON lines.")
]
PcapFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write what the module sends and receives to FILE.")
]
RecordFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write the dialogue to FILE as a transcript.")
]
Air = Annotated[bool, typer.Option("--air", help="Show packets and states as well.")]
Control = Annotated[
    str | None, typer.Option(metavar="H:P", help="Serve the control API, for example 127.0.0.1:7001.")
]
Token = Annotated[
    str | None,
    typer.Option(
        envvar="MODEMSIM_CONTROL_TOKEN",
        help="Bearer token of the control API; made up off loopback.",
    ),
]


def _options(
    profile: str,
    seed: int,
    platform: str,
    route: list[str] | None,
    offline: bool,
    psk: list[str] | None,
    imei: str | None,
    imsi: str | None,
    state: Path | None,
    scenario: Path | None,
    overrides: list[str] | None,
    **more: Any,
) -> Options:
    """The options of a simulation, from those of a command that runs one."""
    from modemsim.cli_start import make_options

    lists = {"routes": tuple(route or ()), "psk": tuple(psk or ()), "overrides": tuple(overrides or ())}
    return make_options(
        profile=profile, seed=seed, platform=platform, offline=offline, imei=imei, imsi=imsi,
        state_dir=state, scenario=scenario, **lists, **more,
    )  # fmt: skip


@app.command()
def run(
    profile: Profile,
    link: Link = None,
    tcp: Tcp = None,
    rfc2217: Rfc2217 = None,
    stdio: Stdio = False,
    baud_check: BaudCheck = False,
    speed: Speed = 1.0,
    seed: Seed = 0,
    platform: PlatformChoice = "builtin",
    route: Route = None,
    offline: Offline = False,
    strict_devices: Strict = False,
    psk: Psk = None,
    keylog: KeyLogFile = None,
    imei: Imei = None,
    imsi: Imsi = None,
    state: State = None,
    scenario: ScenarioFile = None,
    trace: TraceFile = None,
    pcap: PcapFile = None,
    control: Control = None,
    control_token: Token = None,
    overrides: Overrides = None,
) -> None:
    """Run one module on a serial port until Ctrl-C, SIGTERM or SIGHUP (exit code 0)."""
    from modemsim.cli_run import Run, run_module

    options = _options(
        profile, seed, platform, route, offline, psk, imei, imsi, state, scenario, overrides,
        strict_devices=strict_devices, keylog=keylog, baud_check=baud_check,
    )  # fmt: skip
    run_module(options, Run(link, tcp, rfc2217, stdio, speed, trace, pcap, control, control_token))


@app.command()
def console(
    profile: Profile,
    speed: Speed = 1.0,
    seed: Seed = 0,
    platform: PlatformChoice = "builtin",
    route: Route = None,
    offline: Offline = False,
    psk: Psk = None,
    imei: Imei = None,
    imsi: Imsi = None,
    state: State = None,
    scenario: ScenarioFile = None,
    trace: TraceFile = None,
    record: RecordFile = None,
    air: Air = False,
    overrides: Overrides = None,
) -> None:
    """Run one module and talk to it by hand: completion, and what its lines mean; Ctrl-D ends it."""
    from modemsim.cli_console import Wanted, run_console

    options = _options(profile, seed, platform, route, offline, psk, imei, imsi, state, scenario, overrides)
    run_console(options, Wanted(speed, trace, record, air))


@app.command()
def profiles() -> None:
    """List the modules that can be simulated."""
    from modemsim.cli_reference import show_profiles

    show_profiles()


@app.command()
def commands(
    profile: Profile,
    command: Annotated[str | None, typer.Argument(help="One command, for example +NMGS or AT+NMGS.")] = None,
    overrides: Overrides = None,
) -> None:
    """List the AT commands of a module, or show the manual page of one."""
    from modemsim.cli_reference import show_command, show_commands

    if command is None:
        show_commands(profile, tuple(overrides or ()))
    else:
        show_command(profile, command, tuple(overrides or ()))


@app.command()
def play(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Transcripts (*.at).")],
    seed: Annotated[int | None, typer.Option(help="Play with this seed [default: the file's, or 0].")] = None,
    seeds: Annotated[int | None, typer.Option(help="Play each file with the seeds 0 to N-1.")] = None,
    speed: Annotated[
        float | None, typer.Option(help="Simulated seconds in a real second [default: virtual time].")
    ] = None,
    port: Annotated[
        str | None, typer.Option(metavar="PATH|URL", help="Play against a module on a serial port instead.")
    ] = None,
    baud: Annotated[int | None, typer.Option(help="Rate of the port [default: the profile's].")] = None,
    overrides: Overrides = None,
) -> None:
    """Play transcripts; exit code 1 when one failed, 2 when one cannot be played."""
    from modemsim.cli_play import Play, play_files

    play_files(files, Play(seed, seeds, speed, port, baud, tuple(overrides or ())))


@app.command()
def platform(
    listen: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=H:P", help="Where one of them listens; may be repeated."),
    ] = None,
    strict_devices: Strict = False,
    psk: Psk = None,
    trace: TraceFile = None,
    control: Control = None,
    control_token: Token = None,
) -> None:
    """Run the built-in platforms alone, for modules elsewhere, until Ctrl-C."""
    from modemsim.cli_platform import Alone, run_platforms

    run_platforms(Alone(tuple(listen or ()), strict_devices, tuple(psk or ()), trace, control, control_token))


@app.command()
def record(
    port: Annotated[str, typer.Option(metavar="PATH|URL", help="The module's serial port.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The transcript; must not exist yet.")],
    profile: Annotated[str, typer.Option(help="The module it is, for the header and the rate.")],
    baud: Annotated[int | None, typer.Option(help="Rate of the port [default: the profile's].")] = None,
    link: Annotated[Path | None, typer.Option(help="Where the host plugs in.")] = None,
) -> None:
    """Record the dialogue of a host with a real or simulated module as a transcript, until Ctrl-C."""
    from modemsim.cli_record import LINK, Recording
    from modemsim.cli_record import record as record_port

    record_port(Recording(port, out, profile, baud, link or LINK))


def main() -> None:
    """Entry point: errors become one sentence on standard error and an exit code."""
    _fill_standard_descriptors()
    try:
        app()
    except CliError as error:
        if sys.stderr is not None:
            print(f"modemsim: {error}", file=sys.stderr)
        sys.exit(error.code)


def _fill_standard_descriptors() -> None:
    """Open the null device where a standard stream is closed, so that no socket of ours gets its number."""
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > STANDARD_ERROR:
            os.close(descriptor)
            return
