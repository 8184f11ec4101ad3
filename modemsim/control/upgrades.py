"""Firmware updates in the control API, as in a console: products, keys, packages, groups, tasks."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException

from modemsim.control import upgrade_models as models

if TYPE_CHECKING:
    from modemsim.platforms.base import Platform
    from modemsim.platforms.software import PackageForm, Product, StoredPackage
    from modemsim.platforms.upgrades import UpgradeTask

FindPlatform = Callable[[str], "Platform"]
"""The platform of a name; raises HTTPException 404."""


def upgrade_routes(router: APIRouter, find: FindPlatform) -> None:
    """Add the routes below /platforms/{name}."""
    _library_routes(router, find)
    _task_routes(router, find)


def _library_routes(router: APIRouter, find: FindPlatform) -> None:
    from modemsim.platforms.software import UploadRefused

    @router.post("/platforms/{name}/products", status_code=201)
    async def add_profile(name: str, request: models.ProfileUpload) -> list[models.ProductRecord]:
        """Take a profile JSON; what its devices have beside the names and omCapability is ignored."""
        try:
            added = find(name).upgrades.software.add_profile({"devices": request.devices})
        except UploadRefused as refusal:
            raise HTTPException(422, str(refusal)) from None
        return [_product(product) for product in added]

    @router.get("/platforms/{name}/products")
    async def products(name: str) -> list[models.ProductRecord]:
        """The products of a platform."""
        return [_product(product) for product in find(name).upgrades.software.products]

    @router.post("/platforms/{name}/keys", status_code=204)
    async def add_key(name: str, request: models.KeyUpload) -> None:
        """Take the public key of a manufacturer that a profile names."""
        try:
            find(name).upgrades.software.add_key(request.manufacturer, request.pem.encode())
        except UploadRefused as refusal:
            raise HTTPException(422, str(refusal)) from None

    @router.put("/platforms/{name}/groups/{group}", status_code=204)
    async def put_group(name: str, group: str, request: models.GroupRequest) -> None:
        """Make a group of devices, or replace its devices."""
        find(name).upgrades.software.put_group(group, request.devices)

    @router.post("/platforms/{name}/packages", status_code=201)
    async def add_package(name: str, request: models.PackageUpload) -> models.PackageRecord:
        """Take a package after the platform's checks: signature and product, or MD5."""
        software = find(name).upgrades.software
        try:
            data = base64.b64decode(request.content)
            return _package(software.add_package(request.name, data, _form(request)))
        except UploadRefused as refusal:
            raise HTTPException(422, str(refusal)) from None

    @router.get("/platforms/{name}/packages")
    async def packages(name: str) -> list[models.PackageRecord]:
        """The packages of a platform."""
        return [_package(package) for package in find(name).upgrades.software.packages.values()]


def _task_routes(router: APIRouter, find: FindPlatform) -> None:
    from modemsim.platforms.software import UploadRefused

    @router.post("/platforms/{name}/upgrades", status_code=201)
    async def create(name: str, request: models.TaskRequest) -> models.TaskRecord:
        """Make an upgrade task; it waits until its devices register or send."""
        platform = find(name)
        try:
            members = platform.upgrades.software.members(request.group) if request.group is not None else ()
            devices = [*request.devices, *sorted(members)]
            retries, secure = request.retries, request.secure
            task = platform.upgrade(request.name, request.package, devices, retries=retries, secure=secure)
            return _task(task)
        except UploadRefused as refusal:
            raise HTTPException(422, str(refusal)) from None

    @router.get("/platforms/{name}/upgrades")
    async def tasks(name: str) -> list[models.TaskRecord]:
        """The upgrade tasks of a platform, oldest first."""
        return [_task(task) for task in find(name).upgrades.tasks.values()]

    @router.get("/platforms/{name}/upgrades/{id}")
    async def task(name: str, id: str) -> models.TaskRecord:
        """One upgrade task."""
        return _task(_find_task(find(name), name, id))

    @router.post("/platforms/{name}/upgrades/{id}/cancel")
    async def cancel(name: str, id: str) -> models.TaskRecord:
        """Cancel what is not over of a task; a device that downloads is told to forget the package."""
        platform = find(name)
        found = _find_task(platform, name, id)
        platform.cancel_upgrade(id)
        return _task(found)


def _find_task(platform: Platform, name: str, id: str) -> UpgradeTask:
    if id not in platform.upgrades.tasks:
        raise HTTPException(404, f"the platform {name} has no upgrade task {id!r}")
    return platform.upgrades.tasks[id]


def _form(request: models.PackageUpload) -> PackageForm:
    from modemsim.platforms.software import PackageForm

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
