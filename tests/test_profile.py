"""Profiles: every shipped one is whole, and a wrong file is refused with file, key and what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemsim import profile
from modemsim.commands.catalogue import catalogue, declarations
from modemsim.net import bearer
from modemsim.profile import Profile, ProfileError, available, load
from modemsim.profile.events import EVENTS
from modemsim.radio import delays
from modemsim.ue import firmware
from modemsim.ue.cloud_states import Cloud
from modemsim.ue.language import error_table


@pytest.fixture(params=available())
def shipped(request: pytest.FixtureRequest) -> Profile:
    return load(request.param)


def test_every_listed_command_is_declared(shipped: Profile) -> None:
    assert len(catalogue(shipped)) == len(shipped.commands)


def test_every_command_says_what_it_does_and_where_that_is_written(shipped: Profile) -> None:
    for command in catalogue(shipped):
        page = command.describe()
        assert page.summary.rstrip().endswith("."), page.name
        assert page.source, page.name
        assert page.provenance in ("manual", "log", "inferred"), page.name
        assert page.forms, page.name
        for param in page.params:
            assert param.doc, f"{page.name} <{param.name}>"


def test_every_situation_a_command_declares_has_an_answer(shipped: Profile) -> None:
    errors = error_table(shipped.errors)
    for command in catalogue(shipped):
        for situation in command.situations():
            assert errors.knows(command.group, situation), f"{command.name}: {situation}"


def test_every_delay_that_is_drawn_is_declared(shipped: Profile) -> None:
    needed = {*delays.DELAYS, *bearer.DELAYS, *(step.after for step in shipped.boot.sequence)}
    needed |= {command.delay for command in catalogue(shipped)}
    needed |= set(firmware.DELAYS) if shipped.firmware else set()
    assert needed <= shipped.timing.keys()


def test_every_gate_is_a_setting(shipped: Profile) -> None:
    assert {urc.gate for urc in shipped.urcs if urc.gate} <= shipped.settings.keys()


def test_every_state_of_the_cloud_session_has_a_word(shipped: Profile) -> None:
    for words in (table for name, table in shipped.words.items() if name == "nmstatus"):
        assert words.keys() == {state.value for state in Cloud}


def test_every_urc_says_how_it_is_known(shipped: Profile) -> None:
    for urc in shipped.urcs:
        assert urc.source, urc.on
        assert urc.provenance, urc.on


def test_the_families_offer_what_nobody_lists_only_to_other_profiles() -> None:
    listed = {name for shipped in available() for name in load(shipped).commands}
    offered = {name for shipped in available() for name in declarations(load(shipped))}
    assert offered == listed


def write(folder: Path, text: str, name: str = "mine.toml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_an_extending_profile_says_only_what_differs(tmp_path: Path) -> None:
    path = write(tmp_path, 'extends = "bc260y"\nname = "mine"\n[identity]\nrevision = "X1"\n'
                           '[commands]\n"+QENG" = false\n')  # fmt: skip
    mine, base = load(path), load("bc260y")
    assert (mine.name, mine.identity.revision) == ("mine", "X1")
    assert mine.identity.model == base.identity.model
    assert base.commands.keys() - mine.commands.keys() == {"+QENG"}


def test_an_extending_profile_adds_lines_to_those_of_its_parent(tmp_path: Path) -> None:
    more = '[[more_urcs]]\non = "sim"\nline = "+X: {state}"\nsource = "desk"\nprovenance = "log"\n'
    path = write(tmp_path, 'extends = "bc260y"\nname = "mine"\n' + more)
    mine, base = load(path), load("bc260y")
    assert mine.urcs[:-1] == base.urcs
    assert (mine.urcs[-1].on, mine.urcs[-1].line) == ("sim", "+X: {state}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[identity]\nmodle = 'x'\n", r"mine.toml: identity.modle: unknown key; did you mean 'model'\?"),
        ("[identity]\nimei = '12'\n", "mine.toml: identity.imei: .*found '12'"),
        ("[timing]\nattach = '5'\n", "mine.toml: timing.attach.range: '5' is not a duration"),
        ("[timing]\nattach = ['3s', '1s', '2s']\n", "not in the order min, most likely, max"),
        ("[timing]\nattach = { samples = 'no.csv' }\n", r"timing.attach.range: \S+/no.csv cannot be read: No such"),
        ("[boot]\nsequence = [{ lines = 'x' }]\n", "mine.toml: boot.sequence.0"),
        ("[commands]\n'+NOPE' = {}\n", "commands: \\+NOPE is declared in none of the families"),
        ("[commands]\n'+CFUN' = { params = { fun = '0-9' } }\n", "commands.\\+CFUN: .*is not among"),
        ("[commands]\n'+CFUN' = { params = { nope = '0' } }\n", "commands.\\+CFUN: .*no parameter 'nope'"),
        ("families = ['v251']\n", "there is no command family 'v251'"),
        ("[paste]\nlines = ['AT+X={imsi}']\n", r"paste.lines: \{imsi\} is not filled in; \{imei\} is"),
        ("[paste]\nline = ['AT']\n", r"paste.line: unknown key; did you mean 'lines'\?"),
        ("x = \n", "mine.toml: not valid TOML"),
        ("[[urcs]]\non = 'emm'\n", "give either line or lines"),
        ("[[urcs]]\non = 'cloud.observd'\nline = 'x'\n", r"urcs.0.on: .*did you mean 'cloud.observed'\?"),
    ],
)  # fmt: skip
def test_a_wrong_profile_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    head = 'extends = "bc260y"\nname = "mine"\n' if "extends" not in text else ""
    with pytest.raises(ProfileError, match=message) as caught:
        catalogue(load(write(tmp_path, head + text)))
    assert "\n" not in str(caught.value)


def test_recorded_delays_stand_beside_the_profile_that_names_them(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "attach.csv").write_text("0.5\n0.7\n")
    (tmp_path / "boot.csv").write_text("4\n")
    text = 'extends = "bc260y"\nname = "base"\n[timing]\nattach = { samples = "attach.csv" }\n'
    write(base, text, "base.toml")
    boot = '{ range = { samples = "boot.csv" }, provenance = "log", source = "desk" }'
    mine = write(tmp_path, f'extends = "base/base"\nname = "mine"\n[timing]\nboot_banner = {boot}\n')
    delays = load(mine).delays
    assert (delays["attach"].samples, delays["boot_banner"].samples) == ((0.5, 0.7), (4.0,))
    set_here = load(mine, [f"timing.attach={{samples = '{tmp_path}/boot.csv'}}"])
    assert set_here.delays["attach"].samples == (4.0,)


def test_a_circle_of_extends_is_refused(tmp_path: Path) -> None:
    write(tmp_path, 'extends = "b"\n', "a.toml")
    write(tmp_path, 'extends = "a"\n', "b.toml")
    with pytest.raises(ProfileError, match="circle"):
        load(str(tmp_path / "a.toml"))


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"mine.toml: \w+: this key is missing"):
        load(write(tmp_path, 'schema = 1\nname = "mine"\n'))


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(ProfileError, match="did you mean bc260y"):
        load("bc26y")


@pytest.mark.parametrize("name", ["../bc260y", "nothing.toml", ""])
def test_what_is_no_profile_is_refused(name: str) -> None:
    with pytest.raises(ProfileError):
        load(name)


def test_set_overrides_values_and_refuses_what_makes_no_sense() -> None:
    changed = load("bc260y", ["timing.command=0s", "serial.baud=115200", 'settings."+CMEE.n".default=2'])
    assert changed.timing["command"].range.high == 0
    assert changed.serial.baud == 115200
    assert changed.settings["+CMEE.n"].default == 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("serial.bauds=1", "did you mean 'baud'"),
        ("serial", "write KEY=VALUE"),
        ("serial.baud.x=1", "is a value, not a table"),
        ("timing.comand=0s", "has no comand; did you mean command"),
        ("quirks.refuse_ce2=true", "did you mean refuse_at_ce2"),
        ("limits.x=1", r"\[limits\] has no x"),
        ('settings."+CMEE".default=1', r"did you mean \+CMEE.n"),
    ],
)
def test_a_set_that_would_change_nothing_is_refused(wrong: str, message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        load("bc260y", [wrong])


def test_profiles_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load("bc260y").name = "x"


def test_shipped_profiles_have_their_file_names() -> None:
    assert all(load(name).name == name for name in available())
    assert profile.folder().is_dir()


def test_every_event_of_the_vocabulary_has_a_line_somewhere() -> None:
    used = {urc.on for name in available() for urc in load(name).urcs}
    assert used == set(EVENTS)
