"""The forms in which an endpoint name carries an IMEI."""

from __future__ import annotations

import re

_FORMS = re.compile(r"urn:imei:(\d{15})|urn:imei-imsi:(\d{15})-\d{6,15}")


def device_id(endpoint: str) -> str:
    """What a device is known by whatever its endpoint name looks like: its IMEI, else the name itself.

    Forms: IMEI, urn:imei:IMEI and urn:imei-imsi:IMEI-IMSI (OMA LwM2M 1.0.2, 6.2.1; CTWing module stacks).
    """
    match = _FORMS.fullmatch(endpoint)
    return endpoint if match is None else match[1] or match[2]
