"""Keys, signed packages and the checks at upload: what a console takes and every reason why it does not."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import replace
from typing import Any

import pytest

from modemsim.platforms.signing import Algorithm, KeyPair, SigningError, make_keys, sign, verify
from modemsim.platforms.software import PackageForm, SoftwareLibrary, UploadRefused
from modemsim.platforms.style import AEP, CT_IOT
from modemsim.platforms.upgrades import (
    FINAL,
    TRANSITIONS,
    DeviceUpgrade,
    UpgradeEvent,
    Upgrades,
    UpgradeState,
)

PASSWORD = "Quectel123"
FORM = PackageForm("R02", "quectel", "NBIoTDevice", "WaterMeter", "CoAP", ("R01",))


@pytest.fixture(scope="module", params=Algorithm)
def keys(request: pytest.FixtureRequest) -> KeyPair:
    return make_keys(request.param, PASSWORD)


def profile(**changes: Any) -> dict[str, Any]:
    """The profile JSON of the BC260Y guide, 5.1.2."""
    device = {
        "manufacturerId": "quectel",
        "manufacturerName": "quectel",
        "model": "NBIoTDevice",
        "protocolType": "CoAP",
        "deviceType": "WaterMeter",
        "omCapability": {
            "upgradeCapability": {"supportUpgrade": False},
            "fwUpgradeCapability": {
                "supportUpgrade": True,
                "upgradeProtocolType": "LWM2M",
                "downloadProtocolType": "CoAP",
            },
        },
        "serviceTypeCapabilities": [
            {"serviceId": "Brightness", "serviceType": "Brightness", "option": "Master"}
        ],
    }
    return {"devices": [{**device, **changes}]}


def zipped(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def test_a_private_key_is_encrypted(keys: KeyPair) -> None:
    assert b"ENCRYPTED PRIVATE KEY" in keys.private
    assert b"BEGIN PUBLIC KEY" in keys.public
    for wrong in ("other", "", None):
        with pytest.raises(SigningError, match="the private key cannot be opened"):
            sign(b"data", "p.bin", keys.private, wrong)
    with pytest.raises(SigningError, match="wants a password"):
        make_keys(Algorithm.RSA, "")


def test_what_is_signed_is_found_again(keys: KeyPair) -> None:
    assert verify(sign(b"data", "p.bin", keys.private, PASSWORD), keys.public) == ("p.bin", b"data")
    inside = zipped(("a.bin", b"data"))
    assert verify(sign(inside, "p.zip", keys.private, PASSWORD), keys.public) == ("a.bin", b"data")
    with pytest.raises(SigningError, match="one file"):
        sign(zipped(("a", b""), ("b", b"")), "p.zip", keys.private, PASSWORD)


def test_every_reason_to_refuse_a_signature(keys: KeyPair) -> None:
    signed = sign(b"data", "p.bin", keys.private, PASSWORD)
    with zipfile.ZipFile(io.BytesIO(signed)) as archive:
        signature = archive.read("SIGNATURE")
    cases = {
        "does not belong": zipped(("p.bin", b"dat4"), ("SIGNATURE", signature)),
        "not signed": zipped(("p.bin", b"data")),
        "another kind": zipped(("p.bin", b"data"), ("SIGNATURE", b"MD5\n" + signature.split(b"\n")[1])),
        "no zip file": b"data",
        "made by the signing tool": zipped(("p.bin", b"data"), ("SIGNATURE", b"RSA\n!")),
    }
    for reason, data in cases.items():
        with pytest.raises(SigningError, match=reason):
            verify(data, keys.public)
    others = [make_keys(algorithm, PASSWORD) for algorithm in Algorithm]
    for other in others:
        with pytest.raises(SigningError):
            verify(signed, other.public)
    with pytest.raises(SigningError, match="no public key"):
        verify(signed, b"-----BEGIN-----")


def library(keys: KeyPair) -> SoftwareLibrary:
    found = SoftwareLibrary(CT_IOT)
    found.add_profile(profile())
    found.add_key("quectel", keys.public)
    return found


def test_a_package_of_a_product_is_taken(keys: KeyPair) -> None:
    package = library(keys).add_package("s.zip", sign(b"data", "p.bin", keys.private, PASSWORD), FORM)
    assert (package.id, package.name) == ("1", "p.bin")
    assert package.content is not None
    assert package.content.data == b"data"


@pytest.mark.parametrize("field", ["manufacturer", "model", "device_type", "protocol"])
def test_the_names_must_be_those_of_the_profile(keys: KeyPair, field: str) -> None:
    signed = sign(b"data", "p.bin", keys.private, PASSWORD)
    with pytest.raises(UploadRefused, match="of no profile"):
        library(keys).add_package("s.zip", signed, replace(FORM, **{field: "Quectel"}))


def test_what_else_is_refused(keys: KeyPair) -> None:
    signed = sign(b"data", "p.bin", keys.private, PASSWORD)
    found = library(keys)
    with pytest.raises(UploadRefused, match="has a version"):
        found.add_package("s.zip", signed, replace(FORM, version=""))
    found.keys.clear()
    with pytest.raises(UploadRefused, match="no public key of 'quectel'"):
        found.add_package("s.zip", signed, FORM)
    found.add_profile(profile(omCapability={"upgradeCapability": {"supportUpgrade": True}}))
    assert len(found.products) == 1
    with pytest.raises(UploadRefused, match="no omCapability"):
        found.add_package("s.zip", signed, FORM)
    with pytest.raises(UploadRefused, match="no profile has the manufacturer"):
        found.add_key("Huawei", keys.public)
    with pytest.raises(UploadRefused, match="no public key in PEM"):
        found.add_key("quectel", b"")
    for document in ({}, {"devices": []}, {"devices": [{"model": "x"}]}, {"devices": ["x"]}):
        with pytest.raises(UploadRefused):
            found.add_profile(document)


def test_aep_compares_the_md5() -> None:
    found = SoftwareLibrary(AEP)
    digest = hashlib.md5(b"data", usedforsecurity=False).hexdigest()
    form = PackageForm("R02", md5=digest.upper())
    assert found.add_package("p.bin", b"data", form).form.version == "R02"
    for data, wrong in ((b"data", "0" * 32), (b"dat4", digest), (b"", digest)):
        with pytest.raises(UploadRefused):
            found.add_package("p.bin", data, replace(form, md5=wrong))


@pytest.mark.parametrize("state", UpgradeState)
@pytest.mark.parametrize("event", UpgradeEvent)
def test_every_state_of_a_device_and_every_event(state: UpgradeState, event: UpgradeEvent) -> None:
    package = SoftwareLibrary(AEP).add_package("p", b"", PackageForm("R02", uri="coap://h/p"))
    upgrade = DeviceUpgrade("1", package, "coap://h/p", 0, state=state)
    after = TRANSITIONS.get((state, event))
    assert upgrade.advance(event) is (after is not None)
    assert upgrade.state is (after or state)
    assert upgrade.over is (upgrade.state in FINAL)


def test_tasks_that_cannot_be_made() -> None:
    upgrades = Upgrades(AEP)
    upgrades.software.add_package("p", b"", PackageForm("R02", uri="coap://h/p"))
    task = upgrades.create("t", "1", ["a", "a", "b"])
    assert [device.endpoint for device in task.devices] == ["a", "b"]
    assert task.state == "waiting"
    for package, devices, retries in (("2", ["c"], 0), ("1", [], 0), ("1", ["c"], 6), ("1", ["b"], 0)):
        with pytest.raises(UploadRefused):
            upgrades.create("t", package, devices, retries=retries)
    with pytest.raises(UploadRefused, match="no group"):
        upgrades.software.members("meters")
