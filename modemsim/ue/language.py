"""Profile data -> what the AT language needs to know: commands, dialect and error table."""

from __future__ import annotations

from dataclasses import dataclass

from modemsim.at.catalogue import Catalogue
from modemsim.at.dialect import Dialect
from modemsim.at.result import ErrorGroup, ErrorTable
from modemsim.at.wordings import CME_TEXTS
from modemsim.profile import ErrorNumbers, Errors, Profile


@dataclass(frozen=True)
class Language:
    """What one module type speaks; holds no state, so all modules of a profile share one."""

    catalogue: Catalogue
    dialect: Dialect
    errors: ErrorTable

    @classmethod
    def of(cls, profile: Profile, catalogue: Catalogue) -> Language:
        """The language of a profile with these commands."""
        return cls(catalogue, dialect(profile), error_table(profile.errors))


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
