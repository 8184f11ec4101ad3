"""`modemsim platform`: the platforms in one process, a module in another."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import LIMIT, ROOT, modemsim

pytestmark = pytest.mark.realtime


def ctl(control: str, *words: str) -> str:
    """What the command prints, on standard error where it fails."""
    command = [sys.executable, "-m", "modemsim", "ctl", "--control", control, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT)
    return done.stderr.removeprefix("modemsim: ") if done.returncode else done.stdout


def test_a_module_of_another_process_registers_and_is_heard(tmp_path: Path) -> None:
    with modemsim("platform", "--control", "127.0.0.1:0", ready=b"  modemsim run") as platform:
        route = re.search(r"--route (\S+)", platform.seen)
        assert route is not None
        control = platform.rest(b"control").split("//")[1]
        assert ctl(control, "send", "00") == "no platform knows a device yet\n"
        script = (
            'AT+QSCLK=0\n* wait attached\n* wait 1s\nAT+NCDPOPEN="180.101.147.115",5683\n* wait observed\n'
            "AT+NMGS=2,cafe\n* wait 30s\n"
        )
        command = [sys.executable, "-m", "modemsim", "console", "bc260y", "--speed", "20",
                   "--platform", "none", "--route", route[1]]  # fmt: skip
        done = subprocess.run(command, cwd=ROOT, input=script, capture_output=True, text=True, timeout=LIMIT)
        assert done.returncode == 0, done.stdout
        assert "+NNMI: 4,AAAA0000" in done.stdout
        assert "862745063975087" in ctl(control, "devices")
        assert ctl(control, "uplinks").rstrip().endswith("/19/0/0  CAFE")
        assert ctl(control, "uplinks", "--device", "4711") == "no platform knows the device 4711 yet\n"
        ctl(control, "provision", "aep", "4711")
        assert ctl(control, "uplinks") == (
            "there are several devices; name one of 'ctl devices' with --device\n"
        )
        assert ctl(control, "uplinks", "--device", "862745063975087").rstrip().endswith("CAFE")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--listen", "ct-iot"], "--listen ct-iot: write NAME=HOST:PORT, for example ct-iot=127.0.0.1:5683"),
        (["--listen", "ct-io=127.0.0.1:1"], "there is no platform 'ct-io'; did you mean ct-iot?"),
        (["--listen", "aep/coaps=nowhere"], "--listen nowhere: write HOST:PORT, for example 127.0.0.1:7000"),
        (["--psk", "1=zz"], "--psk 1=zz: write IMEI=HEX with the key as hex digits"),
    ],
)
def test_what_cannot_be_started_is_one_sentence(words: list[str], sentence: str) -> None:
    command = [sys.executable, "-m", "modemsim", "platform", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_they_listen_where_they_are_told() -> None:
    with modemsim("platform", "--listen", "aep/coaps=127.0.0.2:0", ready=b"  modemsim run") as platform:
        assert re.search(r"^aep/coaps +127\.0\.0\.2:\d+$", platform.seen, re.MULTILINE)
        assert re.search(r"^aep +127\.0\.0\.1:\d+$", platform.seen, re.MULTILINE)
