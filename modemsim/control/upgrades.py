"""Firmware updates in the control API, as in a console: products, keys, packages, groups, tasks."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException

from modemsim.control import upgrade_models as models
from modemsim.control.found import FoundLwm2m
from modemsim.platforms.software import PackageForm, Product, StoredPackage, UploadRefused
from modemsim.platforms.upgrades import UpgradeTask

router = APIRouter(prefix="/platforms/{name}")


@contextlib.contextmanager
def _taken() -> Iterator[None]:
    """Answer 422 to what a console does not take."""
    try:
        yield
    except UploadRefused as refusal:
        raise HTTPException(422, str(refusal)) from None


@router.post("/products", status_code=201)
async def add_profile(platform: FoundLwm2m, request: models.ProfileUpload) -> list[models.ProductRecord]:
    """Take a profile JSON; what its devices have beside the names and omCapability is ignored."""
    with _taken():
        added = platform.upgrades.software.add_profile({"devices": request.devices})
    return [_product(product) for product in added]


@router.get("/products")
async def products(platform: FoundLwm2m) -> list[models.ProductRecord]:
    """The products of a platform."""
    return [_product(product) for product in platform.upgrades.software.products]


@router.post("/keys", status_code=204)
async def add_key(platform: FoundLwm2m, request: models.KeyUpload) -> None:
    """Take the public key of a manufacturer that a profile names."""
    with _taken():
        platform.upgrades.software.add_key(request.manufacturer, request.pem.encode())


@router.put("/groups/{group}", status_code=204)
async def put_group(platform: FoundLwm2m, group: str, request: models.GroupRequest) -> None:
    """Make a group of devices, or replace its devices."""
    platform.upgrades.software.put_group(group, request.devices)


@router.post("/packages", status_code=201)
async def add_package(platform: FoundLwm2m, request: models.PackageUpload) -> models.PackageRecord:
    """Take a package after the platform's checks: signature and product, or MD5."""
    data = base64.b64decode(request.content)
    with _taken():
        return _package(platform.upgrades.software.add_package(request.name, data, _form(request)))


@router.get("/packages")
async def packages(platform: FoundLwm2m) -> list[models.PackageRecord]:
    """The packages of a platform."""
    return [_package(package) for package in platform.upgrades.software.packages.values()]


@router.post("/upgrades", status_code=201)
async def create(platform: FoundLwm2m, request: models.TaskRequest) -> models.TaskRecord:
    """Make an upgrade task; it waits until its devices register or send."""
    with _taken():
        members = platform.upgrades.software.members(request.group) if request.group is not None else ()
        devices = [*request.devices, *sorted(members)]
        retries, secure = request.retries, request.secure
        return _task(platform.upgrade(request.name, request.package, devices, retries=retries, secure=secure))


@router.get("/upgrades")
async def tasks(platform: FoundLwm2m) -> list[models.TaskRecord]:
    """The upgrade tasks of a platform, oldest first."""
    return [_task(task) for task in platform.upgrades.tasks.values()]


async def _found(platform: FoundLwm2m, id: str) -> UpgradeTask:
    if id not in platform.upgrades.tasks:
        raise HTTPException(404, f"the platform {platform.name} has no upgrade task {id!r}")
    return platform.upgrades.tasks[id]


FoundTask = Annotated[UpgradeTask, Depends(_found)]


@router.get("/upgrades/{id}")
async def task(task: FoundTask) -> models.TaskRecord:
    """One upgrade task."""
    return _task(task)


@router.post("/upgrades/{id}/cancel")
async def cancel(platform: FoundLwm2m, task: FoundTask) -> models.TaskRecord:
    """Cancel what is not over of a task; a device that downloads is told to forget the package."""
    platform.cancel_upgrade(task.id)
    return _task(task)


def _form(request: models.PackageUpload) -> PackageForm:
    fields = request.model_dump(exclude={"name", "content", "source_versions"})
    return PackageForm(**fields, source_versions=tuple(request.source_versions))


def _product(product: Product) -> models.ProductRecord:
    return models.ProductRecord(
        manufacturer=product.manufacturer,
        model=product.model,
        device_type=product.device_type,
        protocol=product.protocol,
        upgradable=product.upgradable,
    )


def _package(package: StoredPackage) -> models.PackageRecord:
    return models.PackageRecord(
        id=package.id,
        name=package.name,
        version=package.form.version,
        size=None if package.content is None else len(package.content.data),
        source_versions=list(package.form.source_versions),
    )


def _task(task: UpgradeTask) -> models.TaskRecord:
    return models.TaskRecord.model_validate(
        {
            "id": task.id,
            "name": task.name,
            "package": task.package.id,
            "state": task.state,
            "devices": [
                {
                    "endpoint": device.endpoint,
                    "state": device.state.value,
                    "description": device.description,
                    "result": device.result,
                    "version": device.version,
                    "attempts": device.attempts,
                    "blocks": device.blocks,
                }
                for device in task.devices
            ],
        }
    )
