"""What holds for every test."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemsim.net import waiting

INTEROP = Path(__file__).parent / "interop"


@pytest.fixture(autouse=True)
def peers_of_this_process_answer_soon_or_never(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virtual clock waits long for the programs of the interop tests and shortly for peers made by a test."""
    if INTEROP not in request.path.parents:
        monkeypatch.setattr(waiting, "ANSWER_WINDOW", 0.5)
