"""The walk of docs/add-a-module.md, taken from that page and followed to the letter."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from modemsim.cli import app
from modemsim.commands.catalogue import catalogue
from modemsim.profile import Profile, available, load

PAGE = Path(__file__).parent.parent / "docs" / "add-a-module.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language on the page."""
    return [text for kind, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if kind == language]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the two files that the page has one write."""
    (profile,), (transcript,) = blocks("toml"), blocks("")
    (tmp_path / "bc36.toml").write_text(profile, encoding="utf-8")
    (tmp_path / "bc36.at").write_text(transcript, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(line: str) -> Result:
    """One `modemsim ...` line of the page."""
    program, *arguments = line.split()
    assert program == "modemsim"
    return CliRunner().invoke(app, arguments)


def test_every_command_line_of_the_page_works(desk: Path) -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    assert [line.split()[1] for line in lines] == ["commands", "commands", "play"]
    for line in lines:
        outcome = run(line)
        assert outcome.exit_code == 0, f"{line}: {outcome.output}"


def test_the_new_module_is_the_parent_but_for_what_its_file_says(desk: Path) -> None:
    new, parent = load(str(desk / "bc36.toml")), load("bc35")
    assert parent.commands.keys() - new.commands.keys() == {"+NPING"}
    assert not new.commands.keys() - parent.commands.keys()
    assert new.errors.groups["cloud"].numbers["not_registered"] == 513
    assert new.urcs == parent.urcs
    assert new.boot == parent.boot
    assert len(catalogue(new)) == len(parent.commands) - 1


def test_a_mistake_is_one_sentence_with_file_and_key(desk: Path) -> None:
    path = desk / "bc36.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("model =", "modle ="), encoding="utf-8")
    outcome = run("modemsim commands ./bc36.toml")
    assert outcome.exit_code != 0
    assert str(outcome.exception) == "bc36.toml: identity.modle: unknown key; did you mean 'model'?"


def test_the_shipped_siblings_were_added_by_the_same_walk() -> None:
    """BC28 from BC35-G: a TOML file that extends it and nothing else."""
    folder = PAGE.parent.parent
    for name in ("bc28", "bc95"):
        assert (folder / "profiles" / f"{name}.toml").read_text(encoding="utf-8").count("extends = ") == 1
        assert load(name).families == load("bc35").families
    sources = [*(folder / "modemsim").rglob("*.py")]
    assert not [path.name for path in sources if re.search(r"[\"']bc28", path.read_text(encoding="utf-8"))]


def test_no_code_asks_for_the_name_of_a_profile() -> None:
    shipped: list[Profile] = [load(name) for name in available()]
    assert len({profile.name for profile in shipped}) == len(shipped)
    for path in (PAGE.parent.parent / "modemsim").rglob("*.py"):
        assert not re.search(r"profile\.name\s*(==|!=|in\b)", path.read_text(encoding="utf-8")), path.name
