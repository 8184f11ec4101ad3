"""Commands that end by themselves, and every start-up error: one sentence on standard error, exit code 2."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modemsim.cli import main
from modemsim.port.link import Link

Cli = Callable[..., tuple[int, str, str]]

PASSING = """# A command and its response.
profile: bc260y
source: ITU-T V.250

* power on
< RDY  @ 0.5s..6s
<| +CFUN: 1
<| +CPIN: READY
> ATE0
< OK
> AT
< OK
"""


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command line in this process: exit code, standard output, standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["modemsim", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


@pytest.fixture
def transcript(tmp_path: Path) -> Path:
    path = tmp_path / "t.at"
    path.write_text(PASSING)
    return path


# ------------------------------------------------------------------ run: start-up errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bc26y"], "there is no profile 'bc26y'; did you mean bc260y? shipped are bc260y"),
        (["bc260y", "--set", "timing.command=soon"], "timing.command.range: 'soon' is not a duration"),
        (["bc260y", "--set", "serial.pacin=false"], "serial.pacin: unknown key; did you mean 'pacing'?"),
        (["bc260y", "--set", "serial"], "--set serial: write KEY=VALUE, for example timing.command=0s"),
        (["bc260y", "--route", "here=there"], "--route: "),
        (["bc260y", "--platform", "cloud"], "--platform cloud: choose builtin or none"),
        (["bc260y", "--imei", "1234"], "--imei 1234: an IMEI has 15 digits"),
        (["bc260y", "--imsi", "46011x"], "--imsi 46011x: an IMSI has 15 digits"),
        (["bc260y", "--speed", "0"], "--speed 0: a speed is a number greater than zero"),
        (["bc260y", "--speed", "nan"], "--speed nan: a speed is a number greater than zero"),
        (["bc260y", "--tcp", "here"], "--tcp here: write HOST:PORT, for example 127.0.0.1:7000"),
        (["bc260y", "--tcp", ":7000"], "--tcp :7000: write HOST:PORT, for example 127.0.0.1:7000"),
        (["bc260y", "--tcp", "1.2.3.4:70000"], "--tcp 1.2.3.4:70000: write HOST:PORT"),
        (["bc260y", "--tcp", "::1:7000"], "--tcp ::1:7000: put an IPv6 address in brackets"),
        (["bc260y", "--tcp", "7000", "--stdio"], "--link, --tcp, --rfc2217 and --stdio exclude each other"),
        (["bc260y", "--control", "x"], "--control x: write HOST:PORT"),
        (["bc260y", "--control", "198.51.100.1:7001"], "--control 198.51.100.1:7001: cannot listen there: "),
        (["bc260y", "--tcp", "198.51.100.1:7001"], "cannot listen on 198.51.100.1:7001: "),
        (["bc260y", "--trace", "/proc/no/trace"], "--trace /proc/no/trace: cannot be written: "),
        (["bc260y", "--pcap", "/proc/no/pcap"], "--pcap /proc/no/pcap: cannot be written: "),
        (
            ["bc260y", "--set", 'timing.attach={samples="nofile.csv"}'],
            "bc260y.toml: timing.attach.range: nofile.csv cannot be read: No such file or directory",
        ),
        (["bc260y", "--state", "/proc/no"], "--state /proc/no: cannot be written: "),
        (["bc260y", "--link", "/proc/no/link"], "/proc/no/link cannot be made: "),
    ],
)
def test_start_up_errors(cli: Cli, arguments: list[str], message: str) -> None:
    code, out, err = cli("run", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("modemsim: ")
    assert message in err
    assert err.count("\n") == 1


def test_the_state_of_another_module(cli: Cli, tmp_path: Path) -> None:
    document = {"version": 1, "profile": "bc260y", "sections": {}}
    (tmp_path / "nvm.json").write_text(json.dumps(document))
    for words in (("run", "bc35", "--link", tmp_path / "link"), ("console", "bc35")):
        code, _, err = cli(*words, "--state", tmp_path)
        assert (code, err) == (
            2,
            f"modemsim: {tmp_path} holds the state of a bc260y, not of a bc35; "
            "choose another directory with --state\n",
        )


@pytest.fixture
def no_input(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with open(os.devnull) as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        yield


@pytest.mark.usefixtures("no_input")
def test_a_full_disk_ends_the_trace_and_not_the_run(cli: Cli) -> None:
    code, _, err = cli("console", "bc35", "--speed", 1000, "--trace", "/dev/full")
    assert (code, err) == (0, "modemsim: --trace /dev/full: ends here: No space left on device\n")


@pytest.mark.usefixtures("no_input")
def test_a_recording_on_a_full_disk(cli: Cli) -> None:
    code, _, err = cli("console", "bc35", "--record", "/dev/full")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("modemsim: the simulation cannot go on: ")


def test_ports_in_use(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, _, err = cli("run", "bc260y", "--tcp", address)
        assert code == 2
        assert err.startswith(f"modemsim: cannot listen on {address}: ")
        assert "address already in use" in err
        code, _, err = cli("run", "bc260y", "--control", address)
        assert (code, err) == (
            2,
            f"modemsim: --control {address}: cannot listen there: Address already in use\n",
        )


def test_a_link_that_is_taken(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "module"
    link = Link(path)
    link.acquire()
    code, _, err = cli("run", "bc260y", "--link", path)
    link.release()
    assert code == 2
    assert f"{path} is held by the run with process id " in err


def test_a_path_that_is_no_link(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    code, _, err = cli("run", "bc260y", "--link", path)
    assert (code, path.read_text()) == (2, "mine")
    assert err == f"modemsim: {path} exists and is no link of an earlier run; choose another --link\n"


def test_a_wrong_check_digit_is_a_warning(cli: Cli) -> None:
    _, _, err = cli("run", "bc260y", "--imei", "862745063975081", "--control", "x")
    assert err.startswith(
        "modemsim: --imei 862745063975081: the check digit should be 7; used all the same\n"
    )
    _, _, err = cli("run", "bc260y", "--imei", "862745063975087", "--control", "x")
    assert err.startswith("modemsim: --control x: ")


# ------------------------------------------------------------------ profiles and commands


def test_profiles(cli: Cli) -> None:
    code, out, _ = cli("profiles")
    assert code == 0
    head, *rows = [line.split("  ") for line in out.splitlines()]
    assert head[0] == "profile"
    assert any(row[0] == "bc260y" and "BC260YCNAAR02A02" in row for row in rows)


def test_the_table_of_commands(cli: Cli) -> None:
    code, out, _ = cli("commands", "bc260y")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["command", "forms", "parameters", "max", "response", "provenance", "source"]
    (nmgs,) = [line for line in lines if line.startswith("AT+NMGS ")]
    assert "  (1-1024),<data>,(0,1,2,100,101,102)  " in nmgs
    assert "  5 s  " in nmgs
    assert nmgs.endswith("  manual      BC260Y CT guide 1.1, 2.3.3")
    assert "\x1b" not in out


@pytest.mark.parametrize("name", ["+NMGS", "AT+NMGS", "at+nmgs=?"])
def test_the_manual_page_of_a_command(cli: Cli, name: str) -> None:
    code, out, _ = cli("commands", "bc260y", name)
    assert code == 0
    assert out.startswith("AT+NMGS  Send application data to the platform")
    assert "  write    AT+NMGS=<length>,<data>,[<type>]\n" in out
    assert "Maximum response time: 5 s\nSource: BC260Y CT guide 1.1, 2.3.3 (manual)\n" in out


def test_a_command_that_is_not_there(cli: Cli) -> None:
    message = "modemsim: bc260y has no command +NGMS; did you mean AT+NMGS?\n"
    assert cli("commands", "bc260y", "+NGMS") == (2, "", message)
    code, _, err = cli("commands", "bc2600")
    assert code == 2
    assert "did you mean bc260y?" in err


# ------------------------------------------------------------------ play


def test_play(cli: Cli, transcript: Path) -> None:
    code, out, err = cli("play", transcript, "--seeds", "2")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.split("  (")[0] for line in lines] == [f"pass  {transcript}"] * 2
    assert [line.split("(")[1].split(",")[0] for line in lines] == ["seed 0", "seed 1"]


def test_a_transcript_that_fails(cli: Cli, transcript: Path) -> None:
    transcript.write_text(PASSING.replace("> AT\n", "> AT+NOSUCH\n"))
    code, out, err = cli("play", transcript, "--seed", "5", "--set", "timing.command=10ms")
    assert (code, err) == (1, "modemsim: 1 of 1 failed\n")
    assert "t.at:12: expected 'OK' after line 11, but 'ERROR' came (seed 5)" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{file}", "nowhere.at"], "nowhere.at: cannot be read: No such file or directory"),
        (["{file}", "--seed", "1", "--seeds", "2"], "--seed and --seeds exclude each other"),
        (["{file}", "--seeds", "0"], "--seeds 0: play with at least one seed"),
        (["{file}", "--speed", "-1"], "--speed -1: a speed is a number greater than zero"),
        (["{file}", "--baud", "9600"], "--baud needs --port"),
        (
            ["{file}", "--port", "/dev/x", "--seed", "1"],
            "--port plays against a real module, which has neither",
        ),
        (
            ["{file}", "--port", "/dev/x"],
            "t.at:5: '* power on' needs the simulator; a real module cannot do it",
        ),
        (["{file}", "--set", "serial.pacin=1"], "serial.pacin: unknown key; did you mean 'pacing'?"),
    ],
)
def test_what_cannot_be_played(cli: Cli, transcript: Path, arguments: list[str], message: str) -> None:
    code, out, err = cli("play", *(argument.format(file=transcript) for argument in arguments))
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_port_that_cannot_be_opened(cli: Cli, transcript: Path) -> None:
    transcript.write_text(PASSING.partition("* power")[0] + "> AT\n< OK\n")
    code, _, err = cli("play", transcript, "--port", "/dev/no-such-port")
    assert code == 2
    assert "the port /dev/no-such-port cannot be opened: " in err


# ------------------------------------------------------------------ ctl


def test_ctl_without_a_simulation(cli: Cli) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        code, out, err = cli("ctl", "--control", address, "status")
    assert (code, out) == (2, "")
    assert f"no simulation answers at {address} (" in err
    assert f"start one with 'modemsim run PROFILE --control {address}'" in err


def test_ctl_with_a_bad_address_or_word(cli: Cli) -> None:
    code, _, err = cli("ctl", "--control", "x", "status")
    assert (code, err) == (2, "modemsim: --control x: write HOST:PORT, for example 127.0.0.1:7000\n")
    code, _, err = cli("ctl", "sim", "eject")
    assert (code, err) == (2, "modemsim: sim eject: write remove or insert\n")
    code, _, err = cli("ctl", "network", "fast")
    assert (code, err) == (2, "modemsim: network fast: write KEY=VALUE, for example nat_timeout=60\n")


# ------------------------------------------------------------------ firmware


def test_a_package_is_made_shown_and_signed(cli: Cli, tmp_path: Path) -> None:
    package, keys = tmp_path / "p.bin", tmp_path / "keys"
    made = ["firmware", "build", "--profile", "bc260y", "--to", "R03", "--size", "2k", "--out", package]
    assert cli(*made)[:2] == (0, f"{package}\n")
    code, out, _ = cli("firmware", "info", package)
    assert code == 0
    assert out.split()[:8] == ["module", "bc260y", "from", "BC260YCNAAR02A02", "to", "R03", "octets", "2048"]
    assert cli("firmware", "keys", keys, "--algorithm", "ecdsa", "--password", "x")[0] == 0
    assert (keys / "private.pem").stat().st_mode & 0o777 == 0o600
    code, out, _ = cli("firmware", "sign", package, "--key", keys / "private.pem", "--password", "x")
    assert (code, out) == (0, f"{tmp_path / 'p_signed.zip'}\n")
    package.write_bytes(package.read_bytes()[:-1])
    assert cli("firmware", "info", package)[0] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build", "--profile", "bc26y", "--to", "R03"], "there is no profile 'bc26y'"),
        (["build", "--profile", "bc260y", "--to", "R03", "--size", "1"], "at least 512 octets"),
        (["build", "--profile", "bc260y", "--to", "R03", "--size", "big"], "'big' is no size"),
        (["info", "nothing.bin"], "nothing.bin: cannot be read"),
        (["info", "pyproject.toml"], "pyproject.toml: this is no package of modemsim"),
        (["keys", "k", "--algorithm", "dsa", "--password", "x"], "choose rsa or ecdsa"),
        (["keys", "k"], "wants a password"),
        (["sign", "pyproject.toml", "--key", "pyproject.toml"], "the private key cannot be opened"),
    ],
)  # fmt: skip
def test_firmware_errors_are_one_sentence(cli: Cli, arguments: list[str], message: str) -> None:
    code, _, err = cli("firmware", *arguments)
    assert (code, message in err) == (2, True), err
    assert err.count("\n") == 1
