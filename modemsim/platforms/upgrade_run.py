"""The dialogue of an upgrade task with one device, in the order of the vendors' guides.

Read version, cell, signal and state; observe 5/0/3; write the URI to 5/0/1; Execute 5/0/2 in state 2; after
the restart read 5/0/5 and 3/0/3; cancel the observation (BC260Y CT guide 1.1, 5.3; BC35 DFOTA guide, 4.1).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

from aiocoap import Code, Message, error

from modemsim.coap.blockwise import ask
from modemsim.coap.endpoint import Endpoint, Observation
from modemsim.platforms.questions import segments
from modemsim.platforms.store import Device
from modemsim.platforms.upgrades import DeviceUpgrade, UpgradeEvent, Upgrades, UpgradeState

IDLE, DOWNLOADING, DOWNLOADED, UPDATING = range(4)
SUCCESS = 1

REASONS = {
    2: "NotEnoughStorage",
    3: "OutOfMemory",
    4: "ConnectionLost",
    5: "IntegrityCheckFailed",
    6: "UnsupportedPackageType",
    7: "InvalidURI",
    8: "FirmwareUpdateFailed",
    9: "UnsupportedProtocol",
}
"""What a task that ended with a result of 5/0/5 shows."""

CHECK_AFTER = 8.0
"""Seconds a device that registered again has to tell its state by itself before it is asked."""

_CHECK = -1
_VERSION, _CELL, _SIGNAL = "/3/0/3", "/4/0/8", "/4/0/2"
_STATE, _RESULT, _URI, _UPDATE = "/5/0/3", "/5/0/5", "/5/0/1", "/5/0/2"


class _Ended(Exception):
    """An attempt is over without success; the text is the description of the task."""


class _Silent(_Ended):
    """The device did not answer; once it has the package it may come back."""

    def __init__(self) -> None:
        super().__init__("DeviceNotResponding")


class Owner(Protocol):
    """What the dialogue needs of its platform."""

    upgrades: Upgrades

    @property
    def coap(self) -> Endpoint | None:
        """The endpoint; None while the platform is stopped."""

    def emit(self, event: str, **fields: object) -> None:
        """Record an event."""


class UpgradeRun:
    """Attempts to upgrade one device until its task is over."""

    def __init__(self, owner: Owner, device: Device, upgrade: DeviceUpgrade) -> None:
        self._owner = owner
        self._device = device
        self._upgrade = upgrade
        self._states: asyncio.Queue[int] = asyncio.Queue()
        self._observation: Observation | None = None
        self._told = True
        self._moved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._check: asyncio.TimerHandle | None = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def over(self) -> bool:
        """Whether the attempt has ended."""
        return self._task.done()

    def stop(self) -> None:
        """Forget everything, as a platform that is shut down does."""
        self._task.cancel()
        if self._check is not None:
            self._check.cancel()
        if self._observation is not None:
            self._observation.cancel()
            self._observation = None

    def registered(self) -> None:
        """The device registered again, perhaps from another address; what it does not tell it is asked.

        What it was asked before reaches it no more: such a question ends at once.
        """
        self._moved.set_result(None)
        self._moved = asyncio.get_running_loop().create_future()
        coap, address = self._owner.coap, self._device.address
        if coap is not None and address is not None and self._observation is not None:
            coap.follow(self._observation, address)
        self._told = False
        if self._check is not None:
            self._check.cancel()
        self._check = asyncio.get_running_loop().call_later(
            CHECK_AFTER, lambda: self._states.put_nowait(_CHECK)
        )

    async def cancel(self) -> None:
        """Withdraw the package from a device that has not begun to update."""
        before = self._upgrade.state
        self._task.cancel()
        self._move(UpgradeEvent.CANCEL)
        if before in (UpgradeState.DOWNLOADING, UpgradeState.DOWNLOADED):
            with contextlib.suppress(_Ended):
                await self._ask(_message(Code.PUT, _URI, b""))
        self._let_go()

    # The attempt

    async def _run(self) -> None:
        upgrade = self._upgrade
        upgrade.attempts += 1
        self._move(UpgradeEvent.HEARD)
        try:
            await asyncio.sleep(self._owner.upgrades.style.upgrade_delay)
            await self._begin()
            await self._follow()
        except _Ended as ended:
            again = upgrade.attempts <= upgrade.retries
            self._let_go()
            description = (
                f"WaitingDeviceOnline, attempt {upgrade.attempts} ended with {ended}" if again else ""
            )
            self._move(UpgradeEvent.RETRY if again else UpgradeEvent.FAIL, description or str(ended))
        else:
            self._let_go()
            self._move(UpgradeEvent.SUCCEED)

    async def _begin(self) -> None:
        """Everything up to the write of the URI."""
        upgrade, form = self._upgrade, self._upgrade.package.form
        upgrade.version = await self._read(_VERSION)
        await self._read(_CELL, needed=False)
        await self._read(_SIGNAL, needed=False)
        state = await self._number(_STATE)
        if form.source_versions and upgrade.version not in form.source_versions:
            raise _Ended(f"SourceVersionNotSupported: {upgrade.version}")
        await self._observe()
        if state in (DOWNLOADING, DOWNLOADED):
            await self._ask(_message(Code.PUT, _URI, b""))
        upgrade.result = None
        self._states = asyncio.Queue()
        with contextlib.suppress(_Silent):  # the device may have it all the same; what it tells next decides
            await self._ask(_message(Code.PUT, _URI, upgrade.uri.encode()))
        while state in (DOWNLOADING, DOWNLOADED) and not self._states.empty():
            if self._states.get_nowait() == DOWNLOADING:
                break  # what came before is of the earlier package
        self._move(UpgradeEvent.WRITTEN)

    async def _follow(self) -> None:
        """Take what the device tells until it has the new firmware; one that falls silent may come back."""
        while True:
            state = await self._next_state()
            try:
                if await self._take(state):
                    return
            except _Silent:
                continue

    async def _next_state(self) -> int:
        """The next state the device tells, or is asked for after too long a silence."""
        style, upgrade = self._owner.upgrades.style, self._upgrade
        asked = 0
        while True:
            waiting = upgrade.state is UpgradeState.DOWNLOADING
            blocks = upgrade.blocks
            try:
                limit = style.upgrade_stall if waiting else style.upgrade_limit
                state = await asyncio.wait_for(self._states.get(), limit)
            except TimeoutError:
                if waiting and upgrade.blocks > blocks:
                    asked = 0
                    continue
                asked += 1
                state = await self._number(_STATE)
                if asked > 1 and state in (DOWNLOADING, UPDATING):
                    raise _Ended("Timeout") from None
                return state
            if state != _CHECK:
                return state
            if not self._told:
                with contextlib.suppress(_Silent):
                    return await self._number(_STATE)

    async def _take(self, state: int) -> bool:
        """React to a state; True when the device has the new firmware."""
        upgrade = self._upgrade
        if state == UPDATING:
            self._executed()
        elif state == DOWNLOADED:
            upgrade.result = await self._number(_RESULT) if upgrade.state is UpgradeState.UPDATING else None
            if upgrade.result is not None and upgrade.result > SUCCESS:
                raise _Ended(REASONS.get(upgrade.result, f"result {upgrade.result}"))
            self._move(UpgradeEvent.DOWNLOADED)
            await self._execute()
        elif state == IDLE:
            upgrade.result = await self._number(_RESULT)
            if upgrade.result != SUCCESS:
                raise _Ended(REASONS.get(upgrade.result, "DownloadAborted"))
            upgrade.version = await self._read(_VERSION)
            if upgrade.version != upgrade.package.form.version:
                raise _Ended(f"VersionNotChanged: {upgrade.version}")
            self._executed()
            return True
        return False

    async def _execute(self) -> None:
        """A device may restart before its answer is out; what it tells next decides."""
        with contextlib.suppress(_Silent):
            await self._ask(_message(Code.POST, _UPDATE))
        self._executed()

    def _executed(self) -> None:
        if self._upgrade.state is UpgradeState.DOWNLOADING:
            self._move(UpgradeEvent.DOWNLOADED)
        if self._upgrade.state is UpgradeState.DOWNLOADED:
            self._move(UpgradeEvent.EXECUTED)

    # Questions

    async def _observe(self) -> None:
        coap, address = self._owner.coap, self._device.address
        if coap is None or address is None:
            raise _Silent
        self._let_go()
        message = Message(code=Code.GET, uri_path=segments(_STATE))
        self._observation = coap.observe(message, address, self._notified)
        try:
            answer = await self._observation.response
        except error.Error:
            raise _Silent from None
        if not answer.code.is_successful():
            raise _Ended(f"Refused {answer.code.dotted}")

    def _notified(self, message: Message) -> None:
        if message.code.is_successful() and message.payload.isdigit():
            self._told = True
            self._states.put_nowait(int(message.payload))

    async def _number(self, path: str) -> int:
        text = await self._read(path)
        if not text.isascii() or not text.isdecimal():
            raise _Ended(f"BadAnswer: {path} is {text!r}")
        return int(text)

    async def _read(self, path: str, *, needed: bool = True) -> str:
        try:
            response = await self._ask(Message(code=Code.GET, uri_path=segments(path), accept=0))
        except _Ended:
            if needed:
                raise
            return ""
        text: str = response.payload.decode("utf-8", "replace")
        return text

    async def _ask(self, message: Message) -> Message:
        coap, address = self._owner.coap, self._device.address
        if coap is None or address is None:
            raise _Silent
        question = asyncio.get_running_loop().create_task(ask(coap, message, address))
        try:
            await asyncio.wait({question, self._moved}, return_when=asyncio.FIRST_COMPLETED)
            if not question.done():
                raise _Silent
            response = question.result()
        except error.Error:
            raise _Silent from None
        finally:
            question.cancel()
        if not response.code.is_successful():
            raise _Ended(f"Refused {response.code.dotted}")
        return response

    def _let_go(self) -> None:
        """Cancel the observation, telling the device."""
        coap, observation = self._owner.coap, self._observation
        self._observation = None
        if coap is not None and observation is not None and observation.active:
            coap.unobserve(observation)

    def _move(self, event: UpgradeEvent, description: str | None = None) -> None:
        upgrade = self._upgrade
        if upgrade.advance(event, description):
            self._owner.emit(
                "upgrade",
                endpoint=upgrade.endpoint,
                state=str(upgrade.state),
                description=upgrade.description,
                result=upgrade.result,
                version=upgrade.version,
            )


class UpgradeRuns:
    """The dialogues that are going on at one platform, by endpoint name."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._runs: dict[str, UpgradeRun] = {}
        self._cancelling: set[asyncio.Task[None]] = set()

    def heard(self, device: Device) -> None:
        """A device that is registered and observed gave a sign of life: what waits for it begins."""
        upgrade = self._owner.upgrades.of(device)
        run = self._runs.get(device.endpoint)
        if upgrade is None or upgrade.state is not UpgradeState.WAITING or not device.observed:
            return
        if run is None or run.over:
            self._runs[device.endpoint] = UpgradeRun(self._owner, device, upgrade)

    def registered(self, device: Device) -> None:
        """A device registered."""
        run = self._runs.get(device.endpoint)
        if run is not None and not run.over:
            run.registered()

    def cancel(self, task_id: str) -> None:
        """Cancel what is not over of a task; raises KeyError for an unknown one."""
        for upgrade in self._owner.upgrades.tasks[task_id].devices:
            run = self._runs.pop(upgrade.endpoint, None)
            if upgrade.over:
                continue
            if run is None or run.over:
                upgrade.advance(UpgradeEvent.CANCEL)
            else:
                work = asyncio.get_running_loop().create_task(run.cancel())
                self._cancelling.add(work)
                work.add_done_callback(self._cancelling.discard)

    def forget(self, device: Device) -> None:
        """A device was deleted: its tasks are cancelled."""
        self._end(device.endpoint)
        upgrade = self._owner.upgrades.of(device)
        if upgrade is not None:
            upgrade.advance(UpgradeEvent.CANCEL, "the device was deleted")

    def stop(self) -> None:
        """The platform shuts down: attempts under way are over, their devices are waited for again."""
        for task in self._cancelling:
            task.cancel()
        for endpoint in tuple(self._runs):
            self._end(endpoint)
        for upgrade in self._owner.upgrades.running():
            upgrade.advance(UpgradeEvent.RETRY)

    def _end(self, endpoint: str) -> None:
        run = self._runs.pop(endpoint, None)
        if run is not None:
            run.stop()


def _message(code: Code, path: str, payload: bytes | None = None) -> Message:
    message = Message(code=code, uri_path=segments(path), payload=payload or b"")
    if payload is not None:
        message.opt.content_format = 0
    return message
