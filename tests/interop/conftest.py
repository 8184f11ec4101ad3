"""`--interop-report FILE`: the table of the interoperability list, written by the run that made it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Results = dict[tuple[str, str], dict[str, bool]]
RESULTS: pytest.StashKey[Results] = pytest.StashKey()

HEAD = """# Interoperability

Written by `make interop`. Each line ran against Eclipse Leshan {leshan} (Californium and Scandium, Java) with a BC260Y
that its host works by AT commands; numbers are those of OMA's enabler test specification where it has one. The server
is a process of its own, the datagrams are real.

| id | what | LwM2M 1.0 | LwM2M 1.1 |
|---|---|---|---|
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--interop-report", metavar="FILE", help="write the interoperability table to FILE")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RESULTS] = {}


@pytest.fixture
def record_interop(request: pytest.FixtureRequest) -> Callable[[str, str, str, bool], None]:
    """Notes the result of a case for one version."""
    results = request.config.stash[RESULTS]

    def note(number: str, what: str, version: str, passed: bool) -> None:
        results.setdefault((number, what), {})[version] = passed

    return note


def pytest_sessionfinish(session: pytest.Session) -> None:
    from leshan_server import VERSION

    path, results = session.config.getoption("--interop-report"), session.config.stash[RESULTS]
    if path is None or not results:
        return
    words = {True: "pass", False: "**fail**", None: ""}
    rows = [
        f"| {number} | {what} | {words[shown.get('1.0')]} | {words[shown.get('1.1')]} |\n"
        for (number, what), shown in results.items()
    ]
    Path(path).write_text(HEAD.format(leshan=VERSION) + "".join(rows), encoding="utf-8")
