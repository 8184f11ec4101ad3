"""The interoperability list at Eclipse Leshan, for LwM2M 1.0 and 1.1."""

from __future__ import annotations

import pytest
from firmware_cases import CASES
from interop_cases import Case, run_case
from leshan_server import Process

from modemsim import clock

pytestmark = pytest.mark.realtime

ENTRIES = [
    pytest.param(case, version, id=f"{index:02d}-{case.number}-{version}")
    for index, case in enumerate(CASES)
    for version in case.versions
]


@pytest.mark.parametrize(("entry", "version"), ENTRIES)
def test_case(entry: Case, version: str, process: Process, record_interop: object) -> None:
    assert callable(record_interop)
    record_interop(entry.number, entry.what, version, False)
    clock.run(run_case(entry, version, process))
    record_interop(entry.number, entry.what, version, True)
