"""Profile data -> what the AT language needs to know: dialect and error table."""

from __future__ import annotations

from modemsim.at.dialect import Dialect
from modemsim.at.result import ErrorGroup, ErrorTable
from modemsim.at.wordings import CME_TEXTS
from modemsim.profile import ErrorNumbers, Errors, Profile


def dialect(profile: Profile) -> Dialect:
    """How this module speaks AT."""
    table = profile.dialect.model_dump(exclude={"source", "provenance"})
    return Dialect(**table)


def error_table(errors: Errors) -> ErrorTable:
    """What this module answers in each situation, and the wordings of AT+CMEE=2."""
    texts = {**CME_TEXTS, **{int(number): text for number, text in errors.texts.items()}}
    return ErrorTable({name: _group(group) for name, group in errors.groups.items()}, texts)


def _group(group: ErrorNumbers) -> ErrorGroup:
    numbers = {name: None if number == "ERROR" else number for name, number in group.numbers.items()}
    return ErrorGroup(
        numbers=numbers,
        prefix=group.prefix,
        numeric_only=group.numeric_only,
        then=group.then or None,
        always=group.always,
    )
