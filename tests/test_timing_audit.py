"""No recorded instant of a real module is outside of what its profile produces."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))

from timing_audit import Recording, recordings


@pytest.mark.parametrize("entry", recordings(), ids=lambda entry: f"{entry.profile}: {entry.what}")
def test_recorded_values_are_inside(entry: Recording) -> None:
    assert entry.covers(entry.produced()) is not bool(entry.outside)


def test_every_family_has_recordings() -> None:
    assert {entry.profile for entry in recordings()} == {"bc260y", "bc35", "sim7020", "ec800e"}
