"""`modemsim run` and `modemsim ctl` from outside, as a person at a terminal and a CI job use them."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import ptyprocess
import pytest
import serial
from cli_process import AWAKE, LIMIT, ROOT, modemsim

pytestmark = pytest.mark.realtime

PROGRAM = (sys.executable, "-m", "modemsim")
QUICK = ("--speed", "20", "--set", "serial.pacing=false", *AWAKE)
STOP_LIMIT = 5.0

Run = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def run() -> Iterator[Run]:
    """Start `modemsim run bc260y` without a terminal; killed at the end if it still lives."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: object, stdin: int = subprocess.DEVNULL, stdout: int = subprocess.PIPE) -> object:
        command = [*PROGRAM, "run", "bc260y", *map(str, arguments)]
        process = subprocess.Popen(command, cwd=ROOT, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def line_with(process: subprocess.Popen[bytes], word: str) -> str:
    """The next line of standard output that begins with a word."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.decode().startswith(word):
            return line.decode().rstrip("\n")
    raise AssertionError(
        f"no line with {word!r}; standard error: {process.stderr and process.stderr.read()!r}"
    )


def ends(process: subprocess.Popen[bytes], number: signal.Signals) -> tuple[bytes, bytes]:
    """Send a signal; the run ends with exit code 0 in time."""
    process.send_signal(number)
    out, err = process.communicate(timeout=STOP_LIMIT)
    assert (process.returncode, err) == (0, b"")
    return out, err


def ask(port: serial.Serial, line: bytes, final: bytes = b"OK\r\n") -> bytes:
    port.write(line + b"\r")
    answer: bytes = port.read_until(final)
    assert answer.endswith(final)
    return answer


def test_a_job_without_a_terminal(run: Run, tmp_path: Path) -> None:
    link = tmp_path / "deep" / "module"
    trace = tmp_path / "trace.jsonl"
    started = time.monotonic()
    process = run(*QUICK, "--link", link, "--trace", trace, "--pcap", tmp_path / "run.pcap")
    assert line_with(process, "port") == f"port       {link}  (9600 baud)"
    assert time.monotonic() - started < LIMIT
    with serial.Serial(str(link), 9600, timeout=LIMIT) as port:
        assert b"OK" in ask(port, b"AT")
    second = run("--link", link)
    _, err = second.communicate(timeout=LIMIT)
    assert second.returncode == 2
    assert err.decode() == (
        f"modemsim: {link} is held by the run with process id {process.pid}; "
        "stop it or choose another --link\n"
    )
    out, _ = ends(process, signal.SIGTERM)
    assert not os.path.lexists(link)
    assert list(link.parent.iterdir()) == []
    assert b"\x1b" not in out
    assert re.search(rb"^ +\d+\.\d{3}  ->  AT$", out, re.MULTILINE)
    assert re.search(rb"^ +\d+\.\d{3}  <-  OK$", out, re.MULTILINE)
    assert (tmp_path / "run.pcap").read_bytes().startswith(b"\xd4\xc3\xb2\xa1")
    records = [json.loads(line) for line in trace.read_text().splitlines()]
    assert {"at", "power", "serial"} <= {record["layer"] for record in records}


def test_a_transcript_on_a_serial_port(run: Run, tmp_path: Path) -> None:
    link = tmp_path / "module"
    process = run(*QUICK, "--link", link)
    assert process.stdout is not None
    for line in process.stdout:
        if b"+IP: " in line:
            break
    transcript = tmp_path / "t.at"
    text = '# It answers.\nprofile: bc260y\nsource: ITU-T V.250\n> AT+QSCLK=0\n< OK\n> AT+CGPADDR?\n< +CGPADDR: 0,"{ip=ip}"\n'
    transcript.write_text(text + "< OK\n* wait 50ms\n> AT\n< OK\n! quiet  @ 100ms\n")

    def play() -> subprocess.CompletedProcess[str]:
        command = [*PROGRAM, "play", str(transcript), "--port", str(link)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=False)

    played = play()
    assert (played.returncode, played.stderr) == (0, "")
    assert played.stdout.startswith(f"pass  {transcript}  (")
    transcript.write_text(text + "< ERROR\n")
    played = play()
    assert played.returncode == 1
    assert "t.at:8: expected 'ERROR' after line 7, but 'OK' came" in played.stdout


def test_a_person_at_a_terminal(tmp_path: Path) -> None:
    link = tmp_path / "module"
    command = [*PROGRAM, "run", "bc260y", *QUICK, "--link", str(link)]
    terminal = ptyprocess.PtyProcess.spawn(
        command, cwd=str(ROOT), env={**os.environ, "TERM": "xterm-256color", "NO_COLOR": ""}
    )
    seen = b""
    while b"RDY" not in seen:
        seen += terminal.read()
    assert b'AT+NCDPOPEN="180.101.147.115",5683' in seen
    assert b"\x1b[" in seen.partition(b"RDY")[0].splitlines()[-1]
    terminal.sendintr()
    started = time.monotonic()
    with contextlib.suppress(EOFError):
        while True:
            terminal.read()
    assert terminal.wait() == 0
    assert time.monotonic() - started < STOP_LIMIT
    assert not os.path.lexists(link)


def test_the_lines_to_paste_name_the_imei_of_the_module(tmp_path: Path) -> None:
    words = ("run", "sim7030", "--imei", "864000000000013", "--link", tmp_path / "m")
    with modemsim(*words, ready=b"Open the port") as running:
        assert running.rest(b"  AT+CM2M").split(",")[2] == '"864000000000013"'


def test_tcp_and_an_output_nobody_reads(run: Run) -> None:
    process = run(*QUICK, "--tcp", "127.0.0.1:0")
    host, number = line_with(process, "port").split()[1].split(":")
    with socket.create_connection((host, int(number)), LIMIT) as connection:
        file = connection.makefile("rwb")
        for _ in range(80):
            file.write(b"AT+" + b"X" * 1000 + b"\r")
            file.flush()
            while file.readline() != b"ERROR\r\n":
                pass
    process.send_signal(signal.SIGINT)
    assert process.wait(STOP_LIMIT) == 0


def test_standard_streams_as_the_port(run: Run) -> None:
    process = run(*QUICK, "--stdio", stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    assert line_with(process, "RDY") == "RDY\r"
    process.stdin.write(b"AT\r")
    process.stdin.flush()
    assert line_with(process, "OK") == "OK\r"
    process.stdin.close()
    assert process.wait(STOP_LIMIT) == 0
    assert process.stderr is not None
    assert b"port       stdio" in process.stderr.read()


def test_closed_standard_streams(tmp_path: Path) -> None:
    link = tmp_path / "module"
    command = " ".join([*PROGRAM, "run", "bc260y", "--link", str(link), "<&-", ">&-", "2>&-"])
    process = subprocess.Popen(["sh", "-c", f"exec {command}"], cwd=ROOT)
    deadline = time.monotonic() + LIMIT
    while not os.path.lexists(link):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.terminate()
    assert process.wait(STOP_LIMIT) == 0


def test_off_loopback_there_is_always_a_token(run: Run, tmp_path: Path) -> None:
    process = run("--link", tmp_path / "m", "--control", "0.0.0.0:0")
    number = int(line_with(process, "control").rpartition(":")[2])
    token = line_with(process, "token").split()[1]
    assert len(token) >= 32
    for headers, status in (({}, 401), ({"Authorization": f"Bearer {token}"}, 200)):
        connection = http.client.HTTPConnection("127.0.0.1", number, timeout=LIMIT)
        connection.request("GET", "/api/v1/module", headers=headers)
        assert connection.getresponse().status == status
        connection.close()
    ends(process, signal.SIGHUP)


def test_the_control_api_through_ctl(run: Run, tmp_path: Path) -> None:
    process = run(*QUICK, "--link", tmp_path / "m", "--control", "127.0.0.1:0", "--control-token", "s3cret")
    control = line_with(process, "control").split("//")[1]
    assert line_with(process, "token") == "token      s3cret"

    def ctl(*arguments: str, token: str = "s3cret") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, "ctl", *arguments],
            cwd=ROOT,
            env={**os.environ, "MODEMSIM_CONTROL": control, "MODEMSIM_CONTROL_TOKEN": token},
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    refused = ctl("status", token="wrong")
    assert refused.returncode == 1
    assert refused.stderr.startswith("modemsim: send the token that the run printed")
    status = dict(line.split(maxsplit=1) for line in ctl("status").stdout.splitlines())
    assert status["profile"] == "bc260y"
    assert ctl("network", "--coverage-level", "2", "--no-outage").stdout.splitlines()[0].split() == [
        "coverage_level",
        "2",
    ]
    assert ctl("ca").stdout.startswith("-----BEGIN CERTIFICATE-----\n")
    for words, key, value in (
        (("--nat-timeout", "60"), "nat_timeout", "60.0"),
        (("nat_timeout=none", "--loss", "0.5"), "nat_timeout", "none"),
        (("plmn=46000", "latency=2s", "psm=false"), "plmn", "46000"),
    ):
        shown = dict(line.split(maxsplit=1) for line in ctl("network", *words).stdout.splitlines())
        assert shown[key] == value
    for words in (("nat_timeout=-1",), ("nothing=1",), ("--nat-timeout", "soon")):
        assert ctl("network", *words).returncode == 1
    shown = ctl("network", "--barred", "--neighbour", "cell_id=0x12,pci=3,rsrp=-70").stdout
    assert ["neighbour.cell_id", "18"] in [line.split() for line in shown.splitlines()]
    assert ctl("network", "--neighbour", "pci").stderr == "modemsim: --neighbour: 'pci' is not KEY=NUMBER\n"
    assert ["neighbour", "none"] in [
        line.split() for line in ctl("network", "--neighbour", "").stdout.splitlines()
    ]
    assert ctl("power", "cut").stdout == "off\n"
    unknown = ctl("send", "00")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr == f"modemsim: no platform knows the device {status['imei']} yet\n"
    assert '"event": "cut"' in ctl("trace").stdout
    followed = subprocess.Popen(
        [*PROGRAM, "ctl", "--control", control, "--token", "s3cret", "trace", "--follow"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert followed.stdout is not None
    assert json.loads(followed.stdout.readline())["layer"]
    ends(process, signal.SIGTERM)
    followed.communicate(timeout=STOP_LIMIT)
    assert followed.returncode == 0


def test_an_interrupt_ends_a_run_whose_shell_ignores_it(tmp_path: Path) -> None:
    """A shell script starts background jobs with SIGINT ignored."""
    link = tmp_path / "module"
    command = f"trap '' INT; exec {' '.join(PROGRAM)} run bc260y --link {link}"
    process = subprocess.Popen(
        ["sh", "-c", command], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + LIMIT
        while not link.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_LIMIT) == 0
    finally:
        process.kill()
        process.wait()
