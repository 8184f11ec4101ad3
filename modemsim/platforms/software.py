"""What a platform keeps for firmware updates: products, public keys, packages, groups of devices."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from modemsim.coap.packages import Package
from modemsim.platforms.signing import LARGEST_ZIP, SigningError, check_public, verify
from modemsim.platforms.style import PlatformStyle


class UploadRefused(ValueError):
    """The console does not take what was uploaded; the message is one sentence."""


@dataclass(frozen=True)
class Product:
    """What a profile JSON says about devices of one kind."""

    manufacturer: str
    model: str
    device_type: str
    protocol: str
    upgradable: bool
    """omCapability.fwUpgradeCapability: supported, by LWM2M."""

    @classmethod
    def of(cls, device: Mapping[str, Any]) -> Product:
        """One entry of "devices"; raises UploadRefused for one without the mandatory fields."""
        try:
            names = [device[key] for key in ("manufacturerName", "model", "deviceType", "protocolType")]
        except (KeyError, TypeError):
            raise UploadRefused(
                "a device of a profile has manufacturerName, model, deviceType and protocolType"
            ) from None
        if not all(isinstance(name, str) and name for name in names):
            raise UploadRefused("the names in a profile are texts")
        capability = (device.get("omCapability") or {}).get("fwUpgradeCapability") or {}
        lwm2m = capability.get("upgradeProtocolType") == "LWM2M"
        return cls(
            names[0],
            names[1],
            names[2],
            names[3],
            upgradable=capability.get("supportUpgrade") is True and lwm2m,
        )


@dataclass(frozen=True)
class PackageForm:
    """What is filled in beside the file when a package is uploaded; empty: not filled in."""

    version: str
    manufacturer: str = ""
    model: str = ""
    device_type: str = ""
    protocol: str = "CoAP"
    source_versions: tuple[str, ...] = ()
    """Revisions that may be updated; none: any."""
    description: str = ""
    md5: str = ""
    uri: str = ""
    """Where the package is, when not on the platform itself."""


@dataclass(frozen=True)
class StoredPackage:
    """A package the console has taken."""

    id: str
    name: str
    form: PackageForm
    content: Package | None
    """None: the package is at `form.uri`."""


@dataclass
class SoftwareLibrary:
    """Everything that has to be there before an upgrade task can be made."""

    style: PlatformStyle
    products: list[Product] = field(default_factory=list)
    keys: dict[str, bytes] = field(default_factory=dict)
    packages: dict[str, StoredPackage] = field(default_factory=dict)
    groups: dict[str, set[str]] = field(default_factory=dict)

    def add_profile(self, document: Mapping[str, Any]) -> list[Product]:
        """Take the products of a profile JSON (`{"devices": [...]}`); raises UploadRefused."""
        devices = document.get("devices")
        if not isinstance(devices, list) or not devices:
            raise UploadRefused('a profile is {"devices": [...]} with at least one device')
        added = [Product.of(device) for device in devices]
        for product in added:
            self.products = [known for known in self.products if _names(known) != _names(product)]
        self.products += added
        return added

    def add_key(self, manufacturer: str, pem: bytes) -> None:
        """Take the public key of a manufacturer; raises UploadRefused."""
        if all(product.manufacturer != manufacturer for product in self.products):
            raise UploadRefused(f"no profile has the manufacturer {manufacturer!r}")
        try:
            check_public(pem)
        except SigningError as problem:
            raise UploadRefused(str(problem)) from None
        self.keys[manufacturer] = pem

    def add_package(self, name: str, data: bytes, form: PackageForm) -> StoredPackage:
        """Take a package after the checks of this platform; raises UploadRefused."""
        if not form.version:
            raise UploadRefused("a package has a version")
        if form.uri:
            content = None
        elif self.style.signed_packages:
            name, content = self._signed(data, form)
        else:
            content = self._digested(data, form)
        package = StoredPackage(str(len(self.packages) + 1), name, form, content)
        self.packages[package.id] = package
        return package

    def _signed(self, data: bytes, form: PackageForm) -> tuple[str, Package]:
        wanted = (form.manufacturer, form.model, form.device_type, form.protocol)
        product = next((product for product in self.products if _names(product) == wanted), None)
        if product is None:
            raise UploadRefused("manufacturer, model, device type and protocol are those of no profile")
        if not product.upgradable:
            raise UploadRefused("the profile has no omCapability with fwUpgradeCapability by LWM2M")
        if form.manufacturer not in self.keys:
            raise UploadRefused(f"there is no public key of {form.manufacturer!r}")
        try:
            name, package = verify(data, self.keys[form.manufacturer])
        except SigningError as problem:
            raise UploadRefused(str(problem)) from None
        return name, Package.of(package)

    def _digested(self, data: bytes, form: PackageForm) -> Package:
        if not data or len(data) > LARGEST_ZIP:
            raise UploadRefused("a package has 1 octet to 35 MB")
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if form.md5.lower() != digest:
            raise UploadRefused("the MD5 is not the one of the file")
        return Package.of(data)

    def members(self, group: str) -> set[str]:
        """The endpoints of a group; raises UploadRefused for an unknown one."""
        if group not in self.groups:
            raise UploadRefused(f"there is no group {group!r}")
        return self.groups[group]

    def put_group(self, name: str, endpoints: Iterable[str]) -> None:
        """Make a group, or replace its devices."""
        self.groups[name] = set(endpoints)


def _names(product: Product) -> tuple[str, str, str, str]:
    return product.manufacturer, product.model, product.device_type, product.protocol
