"""Endpoint names as the platform reads them: which device a name in any of the three forms belongs to."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FORMS = (
    ("imei", re.compile(r"(?P<imei>\d{15})")),
    ("urn:imei", re.compile(r"urn:imei:(?P<imei>\d{15})")),
    ("urn:imei-imsi", re.compile(r"urn:imei-imsi:(?P<imei>\d{15})-(?P<imsi>\d{15})")),
)


@dataclass(frozen=True, slots=True)
class EndpointName:
    """What an endpoint name says; forms are imei, urn:imei and urn:imei-imsi (EC800E AEP guide, 4.1.1)."""

    form: str
    imei: str
    imsi: str | None = None


def parse(name: str) -> EndpointName | None:
    """The parts of an endpoint name; None for one in none of the three forms."""
    for form, pattern in _FORMS:
        match = pattern.fullmatch(name)
        if match is not None:
            return EndpointName(form, **match.groupdict())
    return None


def device_key(name: str) -> str:
    """What tells devices apart: the IMEI that a name contains, else the name itself."""
    parsed = parse(name)
    return name if parsed is None else parsed.imei
