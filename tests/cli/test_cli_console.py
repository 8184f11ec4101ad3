"""`modemsim console` from outside, from a pipe and at a terminal, and the help it gives."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from pathlib import Path

import ptyprocess
import pytest
from cli_process import LIMIT, ROOT

from modemsim.cli_explain import Manual, Meanings
from modemsim.profile import load
from modemsim.testing.simulated import play
from modemsim.trace import Record
from modemsim.ue.language import dialect

PROGRAM = (sys.executable, "-m", "modemsim", "console")


def console(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, input=script, capture_output=True, text=True, timeout=LIMIT)


@pytest.mark.realtime
def test_lines_from_a_pipe_are_carried_out_and_recorded(tmp_path: Path) -> None:
    recorded = tmp_path / "session.at"
    done = console(
        'ATI\n* wait attached\n* wait 1s\nAT+QIOPEN=0,0,"UDP","echo.modemsim.test",7\n* wait 2s\n'
        "AT+QISEND=0,3\na\\b\n* wait 2s\n>> AT+CGMM\\r\n",
        "bc260y", "--speed", 20, "--seed", 3, "--record", recorded,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    shown = [line.partition("  ")[2] if line[:1] != " " else line[12:] for line in done.stdout.splitlines()]
    assert '<-  +QIURC: "recv",0,3,"a\\b"' in shown
    assert (
        shown[shown.index('<-  +QIURC: "recv",0,3,"a\\b"') + 1].strip() == "received data, told with the line"
    )
    assert any("Quectel_BC260Y-CN" in line for line in shown[-4:])
    play(recorded).check()


@pytest.mark.realtime
def test_an_action_that_cannot_be_done_is_an_exit_code() -> None:
    done = console("* power off\n* fly\nAT\n", "bc35", "--speed", 20)
    assert done.returncode == 1
    assert "there is no action 'fly'" in done.stdout
    assert done.stderr == "modemsim: an action could not be done\n"


@pytest.mark.realtime
def test_behind_an_action_that_is_refused_it_goes_on() -> None:
    done = console("* platform provision ct-iot\n* platform read /3/0/0\nATI\n", "bc35", "--speed", 20)
    assert (done.returncode, done.stderr) == (1, "modemsim: an action could not be done\n")
    shown = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    assert ["!!", "the device 863716049970731 is not registered"] in shown
    assert done.stdout.rstrip().endswith("<-  OK")


@pytest.mark.realtime
def test_without_a_profile_of_that_name_it_is_one_sentence() -> None:
    done = console("", "bc35x")
    assert done.returncode == 2
    assert done.stderr.startswith("modemsim: there is no profile 'bc35x'; did you mean bc35?")


@pytest.mark.realtime
def test_at_a_terminal_lines_are_completed_and_explained() -> None:
    environment = dict(os.environ, TERM="xterm", NO_COLOR="1")
    terminal = ptyprocess.PtyProcess.spawn(
        [*PROGRAM, "bc260y", "--speed", "3"], cwd=str(ROOT), env=environment, dimensions=(40, 140)
    )

    def see(text: bytes) -> None:
        seen, deadline = b"", time.monotonic() + LIMIT
        while text not in seen:
            ready, _, _ = select.select([terminal.fd], [], [], deadline - time.monotonic())
            assert ready, seen
            piece = terminal.read(4096)
            if b"\x1b[6n" in piece:  # where is the cursor? (ECMA-48, 8.3.35)
                terminal.write(b"\x1b[10;1R")
            seen += piece

    try:
        see(b"+CPIN: READY")
        terminal.write(b"AT+CGM\t")
        see(b"Tell the firmware revision.")
        terminal.write(b"\x15AT+CGMM=")
        see(b"AT+CGMM  Tell the model.")
        terminal.write(b"\x15AT+CGMM\r")
        see(b"Quectel_BC260Y-CN")
        terminal.write(b"* network outage on\r")
        terminal.write(b"* nonsense\r")
        see(b"there is no action")
        with contextlib.suppress(EOFError, OSError):
            while True:
                terminal.write(b"\x04")  # once more, as one that comes while a line is printed is lost
                while select.select([terminal.fd], [], [], 1)[0]:
                    terminal.read(4096)
        assert terminal.wait() == 0
    finally:
        terminal.terminate(force=True)


def test_a_line_with_two_meanings_is_explained_by_what_happened_last() -> None:
    profile = load("bc260y")
    meanings = Meanings(profile, dialect(profile).fit)
    assert meanings.of("+QLWEVTIND: 1") == "the registration was refused, or nothing answered"
    meanings(Record(1.0, "ue", "cloud.unsecured", {}))
    assert meanings.of("+QLWEVTIND: 1") == "the DTLS session could not be made anew"
    assert meanings.of("RDY") is None


def test_lines_are_known_in_the_spelling_of_the_module() -> None:
    profile = load("bc35")
    assert Meanings(profile, dialect(profile).fit).of("+CSCON:1") == (
        "the signalling connection was set up or released"
    )


@pytest.mark.parametrize(
    ("typed", "usage"),
    [
        ("AT+NMGS=", "AT+NMGS=<length>,<data>,[<type>]  length: "),
        ('at+ncdpopen="a,b",', 'AT+NCDPOPEN=<ip_addr>,[<port>],[<psk>]  port: '),
        ("AT+CIMI", "AT+CIMI  Tell the IMSI of the USIM."),
        ("AT+NOPE=", None),
        ("", None),
    ],
)  # fmt: skip
def test_the_command_being_typed_is_explained(typed: str, usage: str | None) -> None:
    shown = Manual(load("bc260y")).usage(typed)
    assert shown is None if usage is None else str(shown).startswith(usage)


def test_completion_knows_commands_and_actions() -> None:
    manual = Manual(load("bc260y"))
    assert "AT+NMGS" in dict(manual.completions("at+nm"))
    assert dict(manual.completions("* power")) == {
        "* power on|off|reset|cut": "Press the module's power key: on, orderly off, reset, or cut the supply."
    }
    assert not list(manual.completions("AT+NMGS=5"))
