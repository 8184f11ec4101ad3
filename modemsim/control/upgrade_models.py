"""The JSON of firmware updates in the control API."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from modemsim.control.models import _Request


def _base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("this is not base64") from None
    return text


Base64 = Annotated[str, AfterValidator(_base64)]


class ProfileUpload(_Request):
    """The profile JSON of a product, as exported from a console."""

    devices: list[dict[str, Any]]


class KeyUpload(_Request):
    """The public key of a manufacturer."""

    manufacturer: str
    pem: str


class GroupRequest(_Request):
    """The devices of a group, by endpoint name."""

    devices: list[str]


class PackageUpload(_Request):
    """A package and what is filled in beside it: the (signed) file in `content`, or where it is in `uri`."""

    name: str = Field(examples=["BC35GJBR01A03_TO_BC35GJBR01A04_signed.zip"])
    content: Base64 = ""
    version: str
    manufacturer: str = ""
    model: str = ""
    device_type: str = ""
    protocol: str = "CoAP"
    source_versions: list[str] = []
    description: str = ""
    md5: str = ""
    uri: str = ""


class TaskRequest(_Request):
    """An upgrade task for some devices, or a group of them; it starts when they are heard."""

    name: str
    package: str
    devices: list[str] = []
    group: str | None = None
    retries: int = 0


class ProductRecord(BaseModel):
    """A product of a platform."""

    manufacturer: str
    model: str
    device_type: str
    protocol: str
    upgradable: bool


class PackageRecord(BaseModel):
    """A package the platform has taken; `size` in octets."""

    id: str
    name: str
    version: str
    size: int | None
    source_versions: list[str]


class UpgradeRecord(BaseModel):
    """A device of an upgrade task; `result` is 5/0/5, `version` 3/0/3, `blocks` requests for the package."""

    endpoint: str
    state: Literal[
        "waiting", "asking", "downloading", "downloaded", "updating", "succeeded", "failed", "cancelled"
    ]
    description: str
    result: int | None
    version: str | None
    attempts: int
    blocks: int


class TaskRecord(BaseModel):
    """An upgrade task."""

    id: str
    name: str
    package: str
    state: Literal["waiting", "running", "succeeded", "failed", "cancelled"]
    devices: list[UpgradeRecord]
