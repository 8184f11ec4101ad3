"""Upgrade tasks of a platform: which devices get which package, and what became of each.

One device goes through TRANSITIONS; `modemsim.platforms.upgrade_run` is the dialogue with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiocoap import Code, Message

from modemsim.platforms.software import SoftwareLibrary, StoredPackage, UploadRefused
from modemsim.platforms.store import Address, Device
from modemsim.platforms.style import PlatformStyle

PACKAGE_PATH = "fw"
"""First segment of the URIs under which a platform serves packages."""


class UpgradeState(StrEnum):
    """Where one device of a task is; the last three are final."""

    WAITING = "waiting"
    ASKING = "asking"
    DOWNLOADING = "downloading"
    DOWNLOADED = "downloaded"
    UPDATING = "updating"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class UpgradeEvent(StrEnum):
    """What moves a device of a task."""

    HEARD = "heard"
    WRITTEN = "written"
    DOWNLOADED = "downloaded"
    EXECUTED = "executed"
    SUCCEED = "succeed"
    RETRY = "retry"
    FAIL = "fail"
    CANCEL = "cancel"


_S, _E = UpgradeState, UpgradeEvent
_RUNNING = (_S.ASKING, _S.DOWNLOADING, _S.DOWNLOADED, _S.UPDATING)
FINAL = (_S.SUCCEEDED, _S.FAILED, _S.CANCELLED)

TRANSITIONS: Mapping[tuple[UpgradeState, UpgradeEvent], UpgradeState] = {
    (_S.WAITING, _E.HEARD): _S.ASKING,
    (_S.ASKING, _E.WRITTEN): _S.DOWNLOADING,
    (_S.DOWNLOADING, _E.DOWNLOADED): _S.DOWNLOADED,
    (_S.DOWNLOADED, _E.EXECUTED): _S.UPDATING,
    (_S.DOWNLOADED, _E.SUCCEED): _S.SUCCEEDED,
    (_S.UPDATING, _E.SUCCEED): _S.SUCCEEDED,
    **{(state, _E.RETRY): _S.WAITING for state in _RUNNING},
    **{(state, _E.FAIL): _S.FAILED for state in _RUNNING},
    **{(state, _E.CANCEL): _S.CANCELLED for state in (_S.WAITING, *_RUNNING)},
}
"""Every permitted change; DOWNLOADED to SUCCEEDED: the answer to Execute was lost."""

DESCRIPTIONS: Mapping[UpgradeState, str] = {
    _S.WAITING: "WaitingDeviceOnline",
    _S.ASKING: "querying",
    _S.DOWNLOADING: "downloading",
    _S.DOWNLOADED: "downloaded",
    _S.UPDATING: "updating",
    _S.SUCCEEDED: "Firmware updated successfully",
    _S.FAILED: "failed",
    _S.CANCELLED: "cancelled",
}
"""What the console shows (SIM7020 CT guide 1.02, 6.1.3, for the first, third and sixth; others inferred)."""


@dataclass(eq=False)
class DeviceUpgrade:
    """One device of a task; `result` is 5/0/5 as read last, `version` 3/0/3, `description` the console's."""

    endpoint: str
    package: StoredPackage
    uri: str
    retries: int
    state: UpgradeState = UpgradeState.WAITING
    description: str = DESCRIPTIONS[UpgradeState.WAITING]
    result: int | None = None
    version: str | None = None
    attempts: int = 0
    blocks: int = 0
    """Requests for a part of the package so far."""

    @property
    def over(self) -> bool:
        """Whether nothing more happens."""
        return self.state in FINAL

    def advance(self, event: UpgradeEvent, description: str | None = None) -> bool:
        """Apply the table; False when the event has no effect in this state."""
        following = TRANSITIONS.get((self.state, event))
        if following is None:
            return False
        self.state = following
        self.description = description or DESCRIPTIONS[following]
        return True


@dataclass
class UpgradeTask:
    """One package for some devices."""

    id: str
    name: str
    package: StoredPackage
    devices: list[DeviceUpgrade] = field(default_factory=list)

    @property
    def state(self) -> str:
        """What the console shows for the whole: waiting, running, succeeded, failed or cancelled."""
        states = {device.state for device in self.devices}
        if states == {UpgradeState.WAITING} and not any(device.attempts for device in self.devices):
            return "waiting"
        if not states <= set(FINAL):
            return "running"
        return str(max(states, key=FINAL.index))


class Upgrades:
    """All tasks of one platform, and the packages that are being fetched."""

    def __init__(self, style: PlatformStyle) -> None:
        self.style = style
        self.software = SoftwareLibrary(style)
        self.tasks: dict[str, UpgradeTask] = {}
        self.public: Address = style.public
        """Where devices reach the platform; the host and port of package URIs."""
        self.public_secure: Address = style.public_secure
        """The same by DTLS."""

    def create(
        self,
        name: str,
        package_id: str,
        endpoints: Iterable[str],
        *,
        retries: int = 0,
        secure: bool = False,
    ) -> UpgradeTask:
        """A task that starts as soon as its devices are heard; raises UploadRefused.

        With `secure` the package is offered by coaps.
        """
        wanted = list(dict.fromkeys(endpoints))
        if package_id not in self.software.packages:
            raise UploadRefused(f"there is no package {package_id!r}")
        if not wanted:
            raise UploadRefused("a task has at least one device")
        if not 0 <= retries <= 5:
            raise UploadRefused("a task tries again 0 to 5 times")
        for upgrade in self.running():
            if upgrade.endpoint in wanted:
                raise UploadRefused(f"another task for {upgrade.endpoint} is not over")
        package = self.software.packages[package_id]
        task = UpgradeTask(str(len(self.tasks) + 1), name, package)
        scheme, (host, port) = ("coaps", self.public_secure) if secure else ("coap", self.public)
        for number, endpoint in enumerate(wanted):
            uri = package.form.uri or f"{scheme}://{host}:{port}/{PACKAGE_PATH}/{task.id}/{number}"
            task.devices.append(DeviceUpgrade(endpoint, package, uri, retries))
        self.tasks[task.id] = task
        return task

    def running(self) -> Iterator[DeviceUpgrade]:
        """The devices of all tasks that are not over."""
        for task in self.tasks.values():
            yield from (upgrade for upgrade in task.devices if not upgrade.over)

    def of(self, device: Device) -> DeviceUpgrade | None:
        """The upgrade that a device is wanted for, if any."""
        return next((upgrade for upgrade in self.running() if upgrade.endpoint == device.endpoint), None)

    def serve(self, request: Message) -> Message | None:
        """The answer to a request for a package; None for any other request."""
        path = request.opt.uri_path
        if path[:1] != (PACKAGE_PATH,):
            return None
        if request.code != Code.GET:
            return Message(code=Code.METHOD_NOT_ALLOWED)
        upgrade = self._find(path[1:])
        if upgrade is None or upgrade.package.content is None or upgrade.over:
            return Message(code=Code.NOT_FOUND)
        upgrade.blocks += 1
        return upgrade.package.content.serve(request)

    def _find(self, path: tuple[str, ...]) -> DeviceUpgrade | None:
        if len(path) != 2 or path[0] not in self.tasks or not path[1].isdecimal():
            return None
        devices = self.tasks[path[0]].devices
        number = int(path[1])
        return devices[number] if number < len(devices) else None


class PackageSite:
    """Serves packages, and hands every other request to the site behind."""

    def __init__(self, upgrades: Upgrades, behind: Any) -> None:
        self._upgrades = upgrades
        self._behind = behind

    async def render_to_pipe(self, pipe: Any) -> None:
        """Answer one request."""
        response = self._upgrades.serve(pipe.request)
        if response is None:
            await self._behind.render_to_pipe(pipe)
        else:
            pipe.add_response(response, is_last=True)
