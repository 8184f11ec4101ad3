"""Benchmarks: one table, each figure beside its yardstick from the same run. `--quick` runs fewer rounds.

Exit code 1 when a goal is missed by more than the slack a busy machine needs (`SLACK`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import serial
from bench_dtls import installed, measure_handshake, measure_request
from bench_firmware import libcoap_server, platform_server
from bench_firmware import measure as measure_download
from bench_ip import measure_mqtt, measure_tcp, measure_tls, measure_udp
from bench_modules import SECURED, measure_modules
from bench_urcs import measure_urc_error
from rich.console import Console
from rich.table import Table

from modemsim.profile import available

SLACK = 4.0
"""Factor over a goal that still passes: shared machines stall."""

FAST = ["--set", "serial.pacing=false", "--set", "timing.command=0s"]


@dataclass(frozen=True)
class Figure:
    """One row: what, measured value, yardstick, goal; `within` is None where there is no goal."""

    what: str
    value: str
    yardstick: str = ""
    goal: str = ""
    ratio: float | None = None
    """Measured over goal; at most 1 meets it."""


def percentile(values: list[float], share: float) -> float:
    """The value below which that share of `values` lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def round_trips(path: str, rounds: int) -> list[float]:
    """Seconds from AT to OK, as a host with pyserial sees them."""
    taken = []
    with serial.Serial(path, 115200, timeout=5) as host:
        for index in range(rounds + 200):
            started = time.perf_counter()
            host.write(b"AT\r")
            answer = host.read_until(b"OK\r\n")
            if not answer.endswith(b"OK\r\n"):
                raise RuntimeError(f"no OK but {answer!r}")
            if index >= 200:
                taken.append(time.perf_counter() - started)
    return taken


def bare_echo() -> tuple[str, Callable[[], None]]:
    """The yardstick: a process whose loop answers each line on a pty with itself and OK, nothing else."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        asyncio.run(_echo(write_end))
    os.close(write_end)
    name = os.read(read_end, 100).decode()
    os.close(read_end)

    def stop() -> None:
        os.kill(child, 15)
        os.waitpid(child, 0)

    return name, stop


async def _echo(report: int) -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    pending = bytearray()

    def readable() -> None:
        pending.extend(os.read(master, 4096))
        while (end := pending.find(b"\r")) >= 0:
            line = bytes(pending[: end + 1])
            del pending[: end + 1]
            os.write(master, line + b"\r\nOK\r\n")

    asyncio.get_running_loop().add_reader(master, readable)
    os.write(report, os.ttyname(slave).encode())
    await asyncio.Event().wait()


def start_module(folder: Path, profile: str = "bc260y") -> tuple[subprocess.Popen[str], str, float]:
    """A module with pacing and delays off: the process, its port, seconds until the port was there."""
    link = folder / profile
    command = [sys.executable, "-m", "modemsim", "run", profile, "--link", str(link), *FAST]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, text=True)
    while not link.exists():
        if process.poll() is not None or time.perf_counter() - started > 30:
            raise RuntimeError("the module did not start")
        time.sleep(0.002)
    return process, str(link), time.perf_counter() - started


def at_figures(rounds: int) -> list[Figure]:
    """AT round trip against the bare echo, taken in turns so that both see the same machine."""
    name, stop_echo = bare_echo()
    with tempfile.TemporaryDirectory() as folder:
        process, port, start_up = start_module(Path(folder))
        try:
            time.sleep(4)
            ours: list[float] = []
            bare: list[float] = []
            for _ in range(5):
                bare += round_trips(name, rounds)
                ours += round_trips(port, rounds)
        finally:
            process.terminate()
            process.wait(10)
            stop_echo()
    figures = []
    for share, label, goal in ((0.5, "p50", 3.0), (0.99, "p99", 5.0)):
        mine, yard = percentile(ours, share), percentile(bare, share)
        figures.append(Figure(f"AT round trip {label}", f"{mine * 1e6:.0f} us", f"bare pty echo {yard * 1e6:.0f} us",
                              f"{mine / yard:.2f}x, goal {goal:g}x", mine / yard / goal))  # fmt: skip
    return [*figures, Figure("start-up to port", f"{start_up * 1e3:.0f} ms", f"python -c pass {_bare_start():.0f} ms",
                             "goal 1000 ms", start_up)]  # fmt: skip


def profile_figures(rounds: int) -> list[Figure]:
    """AT round trip of every profile without echo, taken in turns, beside the fastest one."""
    taken: dict[str, list[float]] = {name: [] for name in available()}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        ports = {}
        for name in taken:
            process, ports[name], _ = start_module(Path(folder), name)
            running.callback(process.wait, 10)
            running.callback(process.terminate)
        time.sleep(8)
        for port in ports.values():
            with serial.Serial(port, 115200, timeout=5) as host:
                host.write(b"AT\rATE0\r")
                host.read_until(b"OK\r\n")
                host.read_until(b"OK\r\n")
        for _ in range(5):
            for name, port in ports.items():
                taken[name].append(percentile(round_trips(port, rounds), 0.5))
    typical = {name: min(medians) for name, medians in taken.items()}  # the round nothing else disturbed
    fastest = min(typical.values())
    return [
        Figure(f"AT round trip of {name}", f"p50 {mine * 1e6:.0f} us", f"fastest profile {fastest * 1e6:.0f} us",
               f"{mine / fastest:.2f}x, goal 1.2x", mine / fastest / 1.2)
        for name, mine in typical.items()
    ]  # fmt: skip


def _bare_start() -> float:
    """Milliseconds an empty Python process takes."""
    taken = []
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        taken.append((time.perf_counter() - started) * 1e3)
    return statistics.median(taken)


def urc_figures(rounds: int) -> list[Figure]:
    errors = measure_urc_error(rounds)
    p50, p99 = percentile(errors, 0.5), percentile(errors, 0.99)
    return [Figure("URC instant against drawn delay", f"p50 {p50 * 1e3:.2f} ms, p99 {p99 * 1e3:.2f} ms",
                   "real time", "goal p99 5 ms", p99 / 0.005)]  # fmt: skip


def ip_figures(rounds: int) -> list[Figure]:
    """Traffic through AT commands beside the same traffic by a bare socket; no goal, each for its own sake."""
    figures = []
    for what, unit, measure in (("UDP round trips", "/s", measure_udp), ("TCP echo", " MB/s", measure_tcp),
                                ("TLS echo", " MB/s", measure_tls),
                                ("MQTT QoS 1 messages", "/s", measure_mqtt)):  # fmt: skip
        ours, bare = measure(rounds)
        figures.append(Figure(f"{what} through AT", f"{ours:.4g}{unit}", f"bare {bare:.4g}{unit}",
                              f"{ours / bare:.2f}x"))  # fmt: skip
    return figures


def module_figures(count: int) -> list[Figure]:
    """Memory of an idle registered module and time to register many, for every profile."""
    figures = []
    for name in available():
        each, seconds = measure_modules(name, count)
        figures.append(Figure(f"memory of an idle registered {name}", f"{each / 1024:.0f} KiB",
                              f"{count} registered in {seconds:.2f} s", "goal 100 KiB", each / 1024 / 100))  # fmt: skip
    return figures


def dtls_figures(rounds: int, modules: int) -> list[Figure]:
    """Encryption for each library that is installed, beside plain CoAP and modules that register plainly."""
    plain = measure_request(None, rounds)
    figures = []
    for backend in installed():
        request = measure_request(backend, rounds)
        figures += [
            Figure(f"DTLS handshake, {backend}", f"{measure_handshake(backend, rounds // 5) * 1e3:.2f} ms",
                   "CPU of both ends", ""),
            Figure(f"coaps request, {backend}", f"{request * 1e6:.0f} us", f"plain coap {plain * 1e6:.0f} us",
                   f"{request / plain:.2f}x"),
        ]  # fmt: skip
    each, seconds = measure_modules(SECURED, modules)
    bare, bare_seconds = measure_modules("bc260y", modules)
    return [*figures, Figure(f"{modules} modules over coaps, each", f"{each / 1024:.0f} KiB",
                             f"over coap {bare / 1024:.0f} KiB", ""),
            Figure(f"{modules} modules registered over coaps", f"{seconds:.1f} s",
                   f"over coap {bare_seconds:.1f} s", "virtual time")]  # fmt: skip


def firmware_figures(rounds: int) -> list[Figure]:
    """Download rate of a 1 MiB package, from the built-in platform and from libcoap's server."""
    figures = []
    for where, server in (("the platform", platform_server), ("libcoap", libcoap_server)):
        with server() as uri:
            if uri is None:
                figures.append(Figure(f"package from {where}", "libcoap is not installed"))
                continue
            mine, yard, other = measure_download(uri, rounds)
        beside = "" if other is None else f", coap-client {other / 1e6:.1f}"
        figures.append(Figure(f"1 MiB package from {where}", f"{mine / 1e6:.2f} MB/s",
                              f"bare aiocoap {yard / 1e6:.2f}{beside} MB/s",
                              f"{mine / yard:.2f}x, goal 0.8x", 0.8 * yard / mine))  # fmt: skip
    return figures


def main() -> int:
    """Print the table; returns the exit code."""
    quick = "--quick" in sys.argv[1:]
    figures = [
        *at_figures(300 if quick else 2000),
        *profile_figures(100 if quick else 500),
        *urc_figures(40 if quick else 200),
        *ip_figures(300 if quick else 2000),
        *module_figures(50 if quick else 100),
        *dtls_figures(200 if quick else 1000, 100 if quick else 500),
        *firmware_figures(3 if quick else 9),
    ]
    table = Table("figure", "measured", "yardstick", "goal", "", title="modemsim benchmarks")
    missed = []
    for figure in figures:
        verdict = "" if figure.ratio is None else "ok" if figure.ratio <= 1 else "over"
        if figure.ratio is not None and figure.ratio > SLACK:
            missed.append(figure.what)
        table.add_row(figure.what, figure.value, figure.yardstick, figure.goal, verdict)
    Console(width=130).print(table)
    if missed:
        print(f"goals missed by more than {SLACK:g}x: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
