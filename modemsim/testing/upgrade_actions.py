"""Firmware updates in transcripts: a package for the module in front, an upgrade task, what became of it.

`modemsim.testing` imports this for its effect: the entries go into the table of actions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from modemsim.testing.action_table import (
    ActionFailed,
    Parameter,
    Stage,
    action,
    until,
    words_of,
)
from modemsim.testing.actions import _platform as platform_of
from modemsim.ue import firmware_image

if TYPE_CHECKING:
    from modemsim.platforms.base import Platform
    from modemsim.platforms.signing import KeyPair
    from modemsim.platforms.software import PackageForm, StoredPackage
    from modemsim.platforms.upgrades import UpgradeTask

__all__ = ["KINDS", "next_revision", "upgrade_task"]

MANUFACTURER, MODEL, DEVICE_TYPE = "modemsim", "NBIoTDevice", "WaterMeter"
PROFILE = {
    "devices": [
        {
            "manufacturerId": MANUFACTURER,
            "manufacturerName": MANUFACTURER,
            "model": MODEL,
            "protocolType": "CoAP",
            "deviceType": DEVICE_TYPE,
            "omCapability": {"fwUpgradeCapability": {"supportUpgrade": True, "upgradeProtocolType": "LWM2M"}},
        }
    ]
}
"""The product that upgrade tasks of transcripts are for."""

_PASSWORD = "modemsim"


@dataclass(frozen=True)
class Kind:
    """A package as a task wants it, with what is wrong with it."""

    doc: str
    module: str | None = None
    source: str | None = None
    damage: bool = False
    text: bytes | None = None
    uri: str = ""
    listed: str | None = None
    retries: int = 0
    secure: bool = False


KINDS: Mapping[str, Kind] = {
    "good": Kind("from the module's revision to the next one"),
    "retried": Kind("good, and tried up to five times more", retries=5),
    "secured": Kind("good, and offered by coaps", secure=True),
    "corrupt": Kind("one octet is wrong", damage=True),
    "other-source": Kind("made for another revision, which the platform does not know", source="R00"),
    "other-revision": Kind("offered to another revision only", listed="R00"),
    "other-module": Kind("made for another module", module="other"),
    "foreign": Kind("no package of a simulated module", text=b"\x7fELF firmware of somebody else"),
    "bad-uri": Kind("its URI is none", uri="//180.101.147.115"),
    "missing": Kind("nothing is at its URI", uri="coap://180.101.147.115:5683/fw/0/0"),
    "http": Kind("its URI has a scheme that modules do not download from", uri="http://180.101.147.115/fw"),
}
"""Kinds of packages by name."""


def next_revision(revision: str) -> str:
    """The revision with its last number one higher, else with _2 behind."""
    found = re.fullmatch(r"(.*?)(\d+)(\D*)", revision)
    if found is None:
        return f"{revision}_2"
    return f"{found[1]}{int(found[2]) + 1:0{len(found[2])}d}{found[3]}"


@lru_cache(maxsize=1)
def _keys() -> KeyPair:
    from modemsim.platforms.signing import Algorithm, make_keys

    return make_keys(Algorithm.ECDSA, _PASSWORD)


def upgrade_task(
    platform: Platform, endpoint: str, module: str, revision: str, size: int, kind: Kind = KINDS["good"]
) -> UpgradeTask:
    """Put everything on the platform that an upgrade of the device needs, and make the task."""
    package = kind.text or firmware_image.build(
        kind.module or module, kind.source or revision, next_revision(revision), size
    )
    if kind.damage:
        package = package[:-1] + bytes([package[-1] ^ 1])
    form = _form(revision, kind)
    stored = _upload(platform, package, form)
    return platform.upgrade("transcript", stored.id, [endpoint], retries=kind.retries, secure=kind.secure)


def _form(revision: str, kind: Kind) -> PackageForm:
    from modemsim.platforms.software import PackageForm

    sources = (kind.listed or revision,)
    version = next_revision(revision)
    return PackageForm(version, MANUFACTURER, MODEL, DEVICE_TYPE, "CoAP", sources, uri=kind.uri)


def _upload(platform: Platform, package: bytes, form: PackageForm) -> StoredPackage:
    """Upload a package the way this platform wants it."""
    import hashlib

    from modemsim.platforms.signing import sign

    software = platform.upgrades.software
    if not platform.style.signed_packages:
        digest = hashlib.md5(package, usedforsecurity=False).hexdigest()
        return software.add_package("package.bin", package, replace(form, md5=digest))
    software.add_profile(PROFILE)
    software.add_key(MANUFACTURER, _keys().public)
    signed = sign(package, "package.bin", _keys().private, _PASSWORD)
    return software.add_package("package_signed.zip", signed, form)


def _task(stage: Stage) -> UpgradeTask:
    if stage.upgrade is None:
        raise ActionFailed("no upgrade task was made before")
    return stage.upgrade


@action("platform provision", words_of("ct-iot", "aep"))
async def platform_provision(stage: Stage, limit: float | None, name: str) -> None:
    """Make the module known to a platform before it registers, as its owner does in the console."""
    if name not in stage.simulation.platforms:
        raise ActionFailed(f"there is no platform {name} in this run")
    stage.simulation.platforms[name].store.provision(stage.simulation.endpoint)


@action("platform upgrade", Parameter("200k", firmware_image.parse_size), words_of(*KINDS, optional=True))
async def platform_upgrade(stage: Stage, limit: float | None, size: int, kind: str = "good") -> None:
    """Make an upgrade task for the module with a package of this size and kind."""
    from modemsim.platforms.software import UploadRefused

    status, endpoint = stage.simulation.status(), stage.simulation.endpoint
    try:
        stage.upgrade = upgrade_task(
            platform_of(stage), endpoint, status["profile"], status["revision"], size, KINDS[kind]
        )
    except (UploadRefused, firmware_image.ImageError) as problem:
        raise ActionFailed(str(problem)) from None


@action("platform upgrade-cancel")
async def platform_upgrade_cancel(stage: Stage, limit: float | None) -> None:
    """Cancel the upgrade task made last."""
    task = _task(stage)
    for platform in stage.simulation.platforms.values():
        if platform.upgrades.tasks.get(task.id) is task:
            platform.cancel_upgrade(task.id)


_STATES = ("waiting", "asking", "downloading", "downloaded", "updating", "succeeded", "failed", "cancelled")
_RESULT = Parameter("RESULT", lambda word: int(word) if word.isdecimal() else int("no number"), optional=True)


@action("platform upgrade-state", words_of(*_STATES), _RESULT)
async def platform_upgrade_state(
    stage: Stage, limit: float | None, state: str, result: int | None = None
) -> None:
    """Check the module's state in the upgrade task made last, and if given the result read from 5/0/5."""
    upgrade = _task(stage).devices[0]
    await until(
        lambda: upgrade.state == state and result in (None, upgrade.result),
        limit or 0.0,
        lambda: f"the upgrade is {upgrade.state} ({upgrade.description}), result {upgrade.result}",
    )


_UPLOADS = ("unsigned", "other-key", "changed", "other-model", "no-capability")


@action("platform upload-refused", words_of(*_UPLOADS))
async def platform_upload_refused(stage: Stage, limit: float | None, kind: str) -> None:
    """Check that the platform refuses a package that is unsigned, changed, of another key or product."""
    from modemsim.platforms.signing import Algorithm, make_keys, sign
    from modemsim.platforms.software import UploadRefused

    platform, status = platform_of(stage), stage.simulation.status()
    software, form = platform.upgrades.software, _form(status["revision"], KINDS["good"])
    package = firmware_image.build(status["profile"], status["revision"], form.version, 1024)
    software.add_profile(PROFILE)
    software.add_key(MANUFACTURER, _keys().public)
    keys = make_keys(Algorithm.ECDSA, _PASSWORD) if kind == "other-key" else _keys()
    data = package if kind == "unsigned" else sign(package, "package.bin", keys.private, _PASSWORD)
    if kind == "changed":
        data = _changed(data)
    if kind == "other-model":
        form = replace(form, model="Other")
    if kind == "no-capability":
        device = {**PROFILE["devices"][0], "model": "Plain", "omCapability": {}}
        software.add_profile({"devices": [device]})
        form = replace(form, model="Plain")
    try:
        software.add_package("package_signed.zip", data, form)
    except UploadRefused:
        return
    raise ActionFailed("the platform took it")


def _changed(signed: bytes) -> bytes:
    """The signed zip with another package in it."""
    import io
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(signed)) as before, zipfile.ZipFile(out, "w") as after:
        for name in before.namelist():
            after.writestr(name, before.read(name) + (b"\0" if name.endswith(".bin") else b""))
    return out.getvalue()
