"""Endpoint names: the three forms in which a device of China Telecom's platforms names itself."""

from __future__ import annotations

from enum import StrEnum


class EndpointForm(StrEnum):
    """How an endpoint name is made of IMEI and IMSI (EC800E AEP guide, 4.1.1)."""

    IMEI = "imei"
    URN_IMEI = "urn:imei"
    URN_IMEI_IMSI = "urn:imei-imsi"


def endpoint_name(form: EndpointForm, imei: str, imsi: str) -> str:
    """The endpoint name of a device in a form: the bare IMEI, urn:imei:IMEI or urn:imei-imsi:IMEI-IMSI."""
    if form is EndpointForm.URN_IMEI:
        return f"urn:imei:{imei}"
    if form is EndpointForm.URN_IMEI_IMSI:
        return f"urn:imei-imsi:{imei}-{imsi}"
    return imei
