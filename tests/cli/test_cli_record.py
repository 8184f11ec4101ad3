"""`modemsim record` between a host program and a module, here a simulated one on a pseudo-terminal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import serial
from cli_process import AWAKE, LIMIT, ROOT, modemsim

from modemsim.testing.transcript import load

pytestmark = pytest.mark.realtime


def test_a_dialogue_goes_through_and_into_the_file(tmp_path: Path) -> None:
    module, host, out = tmp_path / "module", tmp_path / "host", tmp_path / "seen.at"
    recording = ("record", "--port", module, "--out", out, "--profile", "bc260y", "--link", host)
    with (
        modemsim("run", "bc260y", "--link", module, "--speed", 2, *AWAKE, ready=b"port"),
        modemsim(*recording, ready=b"port"),
        serial.Serial(str(host), timeout=LIMIT) as port,
    ):
        assert port.read_until(b"+CPIN: READY\r\n")
        for line, end in (
            (b"ATE0\r\n", b"OK\r\n"),
            (b"AT+CGMM\r\n", b"OK\r\n"),
            (b"AT+NOPE\r\n", b"ERROR\r\n"),
        ):
            port.write(line)
            assert port.read_until(end).endswith(end)
    steps = [str(step) for step in load(out).steps]
    assert [step for step in steps if not step.startswith("* wait")][-7:] == [
        "> ATE0", "< OK", "> AT+CGMM", "< Quectel_BC260Y-CN", "< OK", "> AT+NOPE", "< ERROR",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"--port": "/nowhere/tty"}, "the port /nowhere/tty cannot be opened"),
        ({"--profile": "bc26y"}, "there is no profile 'bc26y'; did you mean bc260y?"),
        ({"--port": "loop://", "--out": "{there}"}, "exists already; name a new file"),
    ],
)
def test_what_cannot_be_recorded_is_one_sentence(
    tmp_path: Path, changed: dict[str, str], sentence: str
) -> None:
    there = tmp_path / "there.at"
    there.write_text("kept")
    options = {"--port": "/nowhere/tty", "--out": str(tmp_path / "new.at"), "--profile": "bc260y", **changed}
    words = [word.format(there=there) for pair in options.items() for word in pair]
    command = [sys.executable, "-m", "modemsim", "record", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 2
    assert done.stderr.startswith("modemsim: ")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert there.read_text() == "kept"
    assert not (tmp_path / "new.at").exists()
