"""Transcripts against the whole simulator: options, preparation, limits, and faults inside."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemsim.commands.catalogue import family
from modemsim.options import Options
from modemsim.profile import ProfileError, folder, load
from modemsim.testing import play
from modemsim.testing.simulated import options_for, response_limits
from modemsim.testing.transcript import parse

HEAD = "# Shows it.\nprofile: bc260y\nsource: s\n"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "t.at"


def test_a_running_module_is_attached_and_has_no_old_lines(written: Path) -> None:
    written.write_text(HEAD + "! quiet  @ 5s\n> AT\n< OK\n* check emm.attached true\n* check power on\n")
    result = play(written)
    result.check()
    assert 5.0 < result.seconds < 6.0


def test_a_transcript_may_switch_the_module_on_itself(written: Path) -> None:
    written.write_text(HEAD + "* network outage on\n* check power off\n* power on\n< RDY  @ 0.5s..6s\n* wait 2s\n"
                       "<| +CFUN: 1\n<| +CPIN: READY\n* check emm.attached false\n")  # fmt: skip
    play(written, seed=3).check()


def test_the_same_seed_gives_the_same_play(written: Path) -> None:
    written.write_text(HEAD + "* power on\n< RDY  @ 6s\n< +CFUN: 1\n< +CPIN: READY\n< +IP: {ip=ip}  @ 60s\n")
    first, again, other = play(written, seed=1), play(written, seed=1), play(written, seed=2)
    assert (first.log, first.seconds) == (again.log, again.seconds)
    assert first.log != other.log


def test_a_module_without_a_network_is_played_too(written: Path) -> None:
    written.write_text(HEAD + "set: timing.attach=1h\n> AT\n< OK\n* check emm.attached false\n")
    play(written).check()


def test_options_of_header_and_caller(tmp_path: Path) -> None:
    text = "# x\nprofile: own.toml\nsource: s\nseed: 7\nset: serial.pacing=false\n> AT\n"
    transcript = parse(text, str(tmp_path / "t.at"))
    base = Options("unused", offline=True)
    options = options_for(transcript, base, overrides=("timing.command=0s",))
    assert options == Options(
        str(tmp_path / "own.toml"),
        seed=7,
        offline=True,
        overrides=("serial.pacing=false", "timing.command=0s"),
    )
    assert options_for(transcript, base, seed=0).seed == 0


def test_a_profile_beside_the_transcript(written: Path) -> None:
    (written.parent / "own.toml").write_text((folder() / "bc260y.toml").read_text())
    written.write_text(HEAD.replace("bc260y", "own.toml") + "> AT\n< OK\n")
    play(written).check()
    written.write_text(HEAD.replace("bc260y", "other.toml") + "> AT\n< OK\n")
    with pytest.raises(ProfileError, match=r"there is no profile file .*/other\.toml"):
        play(written)


def test_an_exception_nobody_caught_fails_the_play(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def execute(self: object, ue: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(family("ts27007")["+CSQ"], "execute", execute)
    written.write_text(HEAD + "> AT+CSQ\n< {answer=text}\n")
    assert "every step held; the simulator failed inside: " in play(written).report()
    written.write_text(HEAD + "> AT+CSQ\n< OK\n")
    assert "came; the simulator failed inside: " in play(written).report()
    assert "a bug" in play(written).report()


def test_response_limits() -> None:
    limit = response_limits(load("bc260y"))
    assert limit("AT") is None
    assert limit("AT+NMGS=1,00") == 5.0
    assert limit("AT+NOSUCH") == 5.0
    assert limit("AT+NMGS=1,00;+NMSTATUS?") == 10.0
    assert limit("no command") == 5.0


def test_the_authority_of_the_platforms_needs_platforms_and_a_file_area(written: Path) -> None:
    written.write_text(HEAD + "* platform ca ca.pem\n")
    failure = play(written).failure
    assert failure is not None
    assert "the module cannot keep ca.pem: no_space" in play(written).report()
    assert "this run has no platforms" in play(written, platform="none").report()


REGISTERED = """> AT+NCDPOPEN="180.101.147.115",5683
< OK
< +QLWEVTIND: 0  @ 200s
< +QLWEVTIND: 3
"""


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("* platform provision ct-iot\n* platform read /3/0/0\n", "the device 862745063975087 is not registered"),
        ("* platform provision ct-iot\n* platform write /3/0/0 00\n", "the device 862745063975087 is not registered"),
        ("* platform provision ct-iot\n* platform execute /3/0/4\n", "the device 862745063975087 is not registered"),
        ("* platform provision ct-iot\n* platform observe /3/0/0\n", "the device 862745063975087 is not registered"),
        ("* platform read /3/0/0\n", "no platform knows the device 862745063975087"),
        (REGISTERED + "* platform cancel /3/0/0\n", "/3/0/0 is not observed"),
        ("* network neighbour -10\n", "neighbour: -10 is not a whole number from -156 to -30"),
    ],
)  # fmt: skip
def test_an_action_that_is_refused_fails_its_step(written: Path, body: str, problem: str) -> None:
    written.write_text(HEAD + body + "> AT\n< OK\n")
    failure = play(written).failure
    assert failure is not None
    *_, action = (line for line in body.splitlines() if line.startswith("*"))
    assert failure.problem == f"'{action}' does not hold: {problem}"


def test_an_upgrade_is_cancelled_where_it_was_made(written: Path) -> None:
    body = "* platform provision ct-iot\n* platform upgrade 4k\n* platform provision aep\n"
    body += REGISTERED.replace("180.101.147.115", "221.229.214.202")
    written.write_text(HEAD + body + "* platform upgrade-cancel\n* platform upgrade-state cancelled\n")
    play(written).check()
