"""Endpoint names: every form leads to the same device."""

from __future__ import annotations

from aiocoap import Code
from hypothesis import given
from hypothesis import strategies as st
from platforms_fake import IMEI, FakeModule, play

from modemsim.platforms.base import Platform
from modemsim.platforms.china_telecom import Aep
from modemsim.platforms.names import device_id
from modemsim.platforms.store import DeviceStore
from modemsim.trace import Trace

digits = st.text("0123456789", min_size=15, max_size=15)


@given(digits, digits)
def test_every_form_of_a_name_carries_the_imei(imei: str, imsi: str) -> None:
    forms = (imei, f"urn:imei:{imei}", f"urn:imei-imsi:{imei}-{imsi}")
    assert {device_id(form) for form in forms} == {imei}


@given(st.text())
def test_any_other_name_is_its_own(name: str) -> None:
    assert device_id(name) in (name, device_id(device_id(name)))


def test_a_store_finds_a_device_by_any_form() -> None:
    store = DeviceStore(strict=True)
    device = store.provision(IMEI)
    assert store.admit(f"urn:imei:{IMEI}") is device is store[f"urn:imei-imsi:{IMEI}-460110000000001"]
    assert f"urn:imei:{IMEI}" in store
    store.remove(f"urn:imei:{IMEI}")
    assert IMEI not in store


def test_a_strict_aep_does_not_recognise_an_unknown_name() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        assert (await module.register()).code == Code.BAD_REQUEST

    play(script, kind=Aep, strict=True)
