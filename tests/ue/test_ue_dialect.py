"""The profile's [dialect] table offers exactly what the AT language lets a module choose."""

from __future__ import annotations

from dataclasses import MISSING, fields

from modemsim.at.dialect import Dialect
from modemsim.profile import DialectTable


def test_table_and_language_have_the_same_fields_and_defaults() -> None:
    table = {name: field.default for name, field in DialectTable.model_fields.items()}
    language = {
        field.name: field.default if field.default_factory is MISSING else field.default_factory()
        for field in fields(Dialect)
    }
    assert table.items() >= language.items()
    assert table.keys() - language.keys() == {"source", "provenance"}
