"""`modemsim profiles` and `modemsim commands`: what can be simulated, and the manual pages of its commands.

The same declarations parse the commands and make `docs/commands/`, so this can say nothing that is not so.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Sequence

import typer

from modemsim.at.command import Command, CommandDoc
from modemsim.cli_common import fail
from modemsim.commands.catalogue import catalogue
from modemsim.profile import Profile, ProfileError, available, load

FORMS = {"test": "AT{name}=?", "read": "AT{name}?", "write": "AT{name}=", "execute": "AT{name}"}
SHORT = {"test": "=?", "read": "?", "write": "=", "execute": "!"}
"""How the table shows the forms; an execute form has no mark of its own, so it gets one."""


def show_profiles() -> None:
    """One line for each shipped profile: name, title, revision, number of commands."""
    rows = []
    for name in available():
        profile = _load(name, ())
        rows.append((name, profile.title, profile.identity.revision, str(len(profile.commands))))
    _table(("profile", "title", "revision", "commands"), rows)


def show_commands(name: str, overrides: Sequence[str]) -> None:
    """The commands of a module as a table; raises CliError."""
    commands = [command.describe() for command in _commands(_load(name, overrides))]
    _table(
        ("command", "forms", "parameters", "max response", "provenance", "source"),
        [
            (
                _called(doc.name),
                " ".join(SHORT[form] for form in doc.forms),
                ",".join(param.range or f"<{param.name}>" for param in doc.params),
                f"{doc.max_response:g} s",
                doc.provenance,
                doc.source,
            )
            for doc in commands
        ],
    )
    typer.echo("\nforms: =? test, ? read, = write, ! execute; max response is the vendor's upper bound")


def show_command(name: str, wanted: str, overrides: Sequence[str]) -> None:
    """The manual page of one command; raises CliError with the nearest name when there is none."""
    commands = _commands(_load(name, overrides))
    called = wanted.upper().removeprefix("AT").rstrip("?=")
    found = next((command for command in commands if command.name.upper() == called), None)
    if found is None:
        near = difflib.get_close_matches(called, [command.name.upper() for command in commands], 1)
        fail(f"{name} has no command {wanted}" + (f"; did you mean {_called(near[0])}?" if near else ""))
    typer.echo("\n".join(_page(found.describe())))


def _load(name: str, overrides: Sequence[str]) -> Profile:
    try:
        return load(name, overrides)
    except ProfileError as error:
        fail(str(error))


def _commands(profile: Profile) -> list[Command]:
    try:
        return list(catalogue(profile))
    except ProfileError as error:
        fail(str(error))


def _called(name: str) -> str:
    return f"AT{name}"


def _page(doc: CommandDoc) -> Iterable[str]:
    """A manual page, line by line."""
    yield f"{_called(doc.name)}  {doc.summary}"
    yield ""
    for form in doc.forms:
        arguments = ",".join(_argument(param.name, param.optional) for param in doc.params)
        yield f"  {form:<8} {FORMS[form].format(name=doc.name)}{arguments if form == 'write' else ''}"
    if doc.test and "test" in doc.forms:
        yield "\nThe test form answers:"
        yield from (f"  {line}" for line in doc.test.splitlines())
    if doc.items:
        yield "\nItems, as the test form answers them:"
        for line, meaning in doc.items:
            yield f"  {line}\n      {meaning}"
    if doc.params:
        yield "\nParameters:"
        width = max(len(param.name) for param in doc.params)
        ranges = max(len(param.range) for param in doc.params)
        for param in doc.params:
            default = f"  [default: {param.default}]" if param.optional and param.default is not None else ""
            yield f"  {param.name:<{width}}  {param.range:<{ranges}}  {param.doc}{default}".rstrip()
    yield from _paragraph("Needs", doc.needs)
    yield from _paragraph("Needs to read", doc.read_needs)
    yield from _paragraph("Refused for", (", ".join(doc.errors),))
    yield ""
    data = "; takes data behind a prompt" if doc.data_mode else ""
    yield f"Maximum response time: {doc.max_response:g} s{data}"
    yield f"Source: {doc.source} ({doc.provenance})"


def _argument(name: str, optional: bool) -> str:
    return f"[<{name}>]" if optional else f"<{name}>"


def _paragraph(title: str, items: Sequence[str]) -> Iterable[str]:
    if items:
        yield f"\n{title}:"
        yield from (f"  {item}" for item in items)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A rich table on a terminal; aligned plain text, uncut, elsewhere."""
    if sys.stdout is not None and sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table(*head, box=None, header_style="bold")
        for row in rows:
            table.add_row(*row)
        Console(highlight=False, markup=False).print(table)
        return
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    for row in (head, *rows):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
