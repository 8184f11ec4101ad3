"""The module's side of a firmware update: downloads, checks, keeps, installs, and tells the host by events.

Published: "firmware.observed" and "firmware.unobserved" (5/0/3), "firmware.download_offered",
"firmware.update_offered", "firmware.download_started", "firmware.block" (received), "firmware.arrived",
"firmware.downloaded", "firmware.download_failed" (result, code, whole), "firmware.update_started",
"firmware.patch_started", "firmware.progress" (percent), "firmware.update_finished" (result, ok, code) and
"firmware.over" (ok: the platform has let go an update that ended); each with the session's command family as
`service`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aiocoap.numbers.codes import Code

from modemsim.coap.endpoint import Address, DatagramSocket, Endpoint, Tuning
from modemsim.lwm2m.client import Client
from modemsim.lwm2m.download import PackageUri, fetch
from modemsim.lwm2m.firmware import (
    STATE_PATH,
    DownloadFailed,
    FirmwareEvent,
    FirmwareState,
    FirmwareUpdate,
    UpdateResult,
)
from modemsim.lwm2m.model import Refusal
from modemsim.lwm2m.states import ClientState
from modemsim.profile import FirmwareTable
from modemsim.ue import firmware_check
from modemsim.ue.firmware_consent import Consent
from modemsim.ue.firmware_flash import Flash
from modemsim.ue.firmware_session import kept_session, register_again
from modemsim.ue.security import secure

if TYPE_CHECKING:
    from modemsim.ue.module import Ue

DELAYS = ("fota_prepare", "fota_check", "fota_restart", "fota_step", "fota_end", "fota_report")
"""The names of a profile's [timing] that an update draws from; with `asks_service` also "fota_consent"."""

SECTION = "firmware"
ACKNOWLEDGED_WITHIN = 30.0
"""Seconds a new state waits for the server's acknowledgement before the update goes on without it."""

_PROTOCOLS = {"coap": 0, "coaps": 1}
_SETTLED = ("ack", "rst", "timeout")


class Firmware:
    """The update of one module; what has to outlive a power cut is in NVM and flash at every instant."""

    def __init__(self, ue: Ue) -> None:
        self._ue = ue
        self.table = ue.profile.firmware or FirmwareTable()
        self.supported = ue.profile.firmware is not None
        protocols = tuple(_PROTOCOLS[scheme] for scheme in self.table.schemes)
        self.object = FirmwareUpdate(self, protocols)
        self.object.told = self._tell
        self.in_boot_loader = False
        limit = ue.profile.limits.get("firmware_bytes", 0)
        self.flash = Flash(ue.nvm.folder if self.supported else None, limit)
        self.flash.appended = self._arrived
        self._kept: dict[str, Any] = ue.nvm.section(SECTION)
        self._download: asyncio.Task[Any] | None = None
        self._told: asyncio.Future[None] | None = None
        self._consent = Consent(self.decline)
        kept = ue.nvm.number
        self.object.restore(kept(SECTION, "state", FirmwareState), kept(SECTION, "result", UpdateResult))
        self._apply_revision()

    @property
    def busy(self) -> bool:
        """A package is being downloaded or installed."""
        return self.object.state in (FirmwareState.DOWNLOADING, FirmwareState.UPDATING)

    @property
    def _client(self) -> Client | None:
        """The client that shows object 5 to a server, if there is one."""
        return self._ue.cloud.client or self._ue.hosted.client

    # ------------------------------------------------------------ what the host decides

    def asks_first(self, event: FirmwareEvent, uri: str = "") -> bool:
        """Ask the host, where the profile lets it decide."""
        setting, limited = self.table.asks_setting, event is FirmwareEvent.BEGIN and self._service_asks
        if not limited and not (setting and self._ue.settings.get(setting)):
            return False
        self._keep_session()
        what = "download" if event is FirmwareEvent.BEGIN else "update"
        self._consent.ask(event, uri, self._ue.timing.draw("fota_consent") if limited else None)
        self._publish(f"firmware.{what}_offered")
        return True

    def agree(self) -> None:
        """Do what was offered, which must be something."""
        offer, uri = self.offer, self._consent.uri
        self._consent.drop()
        if offer is FirmwareEvent.BEGIN:
            self.object.begin(uri)
        elif offer is FirmwareEvent.EXECUTE:
            self.object.execute()

    def decline(self) -> None:
        """Tell the server that what it asked for has failed."""
        if self.offer is not None:
            self._consent.drop()
            self.object.report(UpdateResult.UPDATE_FAILED)

    @property
    def offer(self) -> FirmwareEvent | None:
        """What the host has been asked: BEGIN a download, EXECUTE an update; None: nothing."""
        return self._consent.offer

    @property
    def _service_asks(self) -> bool:
        return self.table.asks_service is not None and self._ue.cloud.service.name == self.table.asks_service

    # ------------------------------------------------------------ what the server asks (Driver)

    def fetch(self, uri: str) -> None:
        """Download from a URI; an earlier part of the same package is gone on with where the module can."""
        if not (self.table.resume and self._kept.get("uri") == uri):
            self.flash.erase()
        self._keep(uri=uri)
        self._begin()

    def part(self, offset: int, data: bytes, more: bool) -> None:
        """Take a part of a pushed package."""
        try:
            if offset == 0:
                self._publish("firmware.download_started")
                self.flash.begin(b"", None)
            if offset + len(data) == self.flash.length and offset:
                return  # the server sent it again
            if offset != self.flash.length:
                raise Refusal(Code.REQUEST_ENTITY_INCOMPLETE)
            self.flash.append(data)
        except DownloadFailed as problem:
            self._fail(problem)
            raise Refusal(Code.REQUEST_ENTITY_TOO_LARGE) from None
        if not more:
            self._keep(uri="")
            self._download = self._ue.spawn(self._run(pull=False))

    def cancel(self) -> None:
        """Forget the package."""
        self._consent.drop()
        if self._download is not None:
            self._download.cancel()
            self._download = None
        self.flash.erase()
        if self.object.state is FirmwareState.DOWNLOADING:
            self._publish_failure(UpdateResult.CONNECTION_LOST)

    def install(self) -> None:
        """Restart into the boot loader once the server knows the state."""
        self._publish("firmware.update_started")
        self._ue.spawn(self._restart())

    def moved(self, before: FirmwareState) -> None:
        """Keep the new state before anybody hears of it."""
        self._told = asyncio.get_running_loop().create_future()
        if before is FirmwareState.IDLE and self.object.state is FirmwareState.DOWNLOADING:
            self._keep_session()
        self._keep(state=int(self.object.state), result=int(self.object.result))

    # ------------------------------------------------------------ download

    def _begin(self) -> None:
        self._download = self._ue.spawn(self._run(pull=True))

    async def _run(self, *, pull: bool) -> None:
        whole = False
        try:
            if pull:
                await self._pull()
            self._publish("firmware.arrived")
            whole = True
            await self._pause("fota_check")
            self._check()
        except DownloadFailed as problem:
            self._fail(problem, whole=whole)
        else:
            self._download = None
            self.object.step(FirmwareEvent.COMPLETE)
            self._publish("firmware.downloaded")

    async def _pull(self) -> None:
        if self.table.starts == "acknowledged":
            await self._acknowledged()
        self._publish("firmware.download_started")
        uri = PackageUri.parse(self._kept["uri"], self.table.schemes)
        host = await self._ue.resolve(uri.host)
        if host is None:
            raise DownloadFailed(UpdateResult.INVALID_URI, f"nobody knows the host {uri.host}")
        if not self.flash.length:
            await self._pause("fota_prepare")
        endpoint = self._endpoint(uri.scheme, (host, uri.port))
        try:
            await fetch(
                endpoint,
                (host, uri.port),
                uri,
                self.flash,
                exponent=self.table.block.bit_length() - 5,
                repeats=self.table.block_repeats,
            )
        finally:
            endpoint.close()

    def _endpoint(self, scheme: str, server: Address) -> Endpoint:
        """A socket of its own, secured like the session where the URI wants it."""
        ue = self._ue
        socket: DatagramSocket = ue.bearer.udp()
        if scheme == "coaps":
            if ue.protection is None:
                socket.close()
                raise DownloadFailed(UpdateResult.CONNECTION_LOST, "the host gave no key for coaps")
            socket = secure(ue, socket, server, ue.protection)
        tuning = Tuning(ack_timeout=self.table.block_wait, ack_random_factor=1.0, max_retransmit=0)
        stream = ue.timing.stream("fota")
        return Endpoint(socket, None, stream=stream, tuning=tuning, trace=ue.trace, name="fota")

    def _check(self) -> None:
        """Raise DownloadFailed unless the package in the flash is whole and for this module."""
        revision = self._installed if self.table.source_check == "download" else None
        image = firmware_check.downloaded(self.flash.data, self._ue.profile.name, revision)
        self.object.package = (image.module, image.target)

    def _fail(self, problem: DownloadFailed, *, whole: bool = False) -> None:
        self._download = None
        if not (self.table.resume and problem.result is UpdateResult.CONNECTION_LOST):
            self.flash.erase()
        self._ue.trace.emit("ue", "firmware.problem", reason=problem.reason)
        self.object.step(FirmwareEvent.FAIL, problem.result)
        self._publish_failure(problem.result, whole=whole)

    def _publish_failure(self, result: UpdateResult, *, whole: bool = False) -> None:
        words = self._ue.profile.words.get("download_error", {})
        code = words.get(str(int(result)), int(result))
        self._publish("firmware.download_failed", result=int(result), code=code, whole=whole)

    def _arrived(self, length: int) -> None:
        self._publish("firmware.block", received=length)

    # ------------------------------------------------------------ update

    async def _restart(self) -> None:
        await self._acknowledged()
        await self._pause("fota_restart")
        self._ue.power("reset")

    def power_up(self) -> None:
        """What a restart leaves of an update that was under way."""
        self._download = self._told = None
        self._consent.drop()
        if self.object.state is FirmwareState.DOWNLOADING and not self._continues:
            if not self.table.resume:
                self.flash.erase()
            self.object.step(FirmwareEvent.FAIL, UpdateResult.CONNECTION_LOST)

    @property
    def _continues(self) -> bool:
        """Whether a download that was interrupted is gone on with; a push cannot be."""
        return self.table.after_restart == "continue" and bool(self._kept.get("uri"))

    async def boot(self) -> bool:
        """Run the boot loader if there is something to install; True if there was."""
        if self.object.state is not FirmwareState.UPDATING:
            return False
        self.in_boot_loader = True
        try:
            await self._patch()
            if self.table.told == "boot_loader":
                self.tell_result()
            await self._pause("fota_end")
        finally:
            self.in_boot_loader = False
        return True

    async def _patch(self) -> None:
        """Begins anew after a power cut: the package stays until the new firmware is complete."""
        why, target = firmware_check.obstacle(self.flash.data, self._ue.profile.name, self._installed)
        self._publish("firmware.patch_started")
        for step in range(1, self.table.steps + 1):
            await self._pause("fota_step")
            self._publish("firmware.progress", percent=100 * step // self.table.steps)
            if why is not None:
                self._keep(untold=True, why=why)
                self.object.step(FirmwareEvent.MISCARRY, UpdateResult.UPDATE_FAILED)
                return
        self._keep(untold=True, revision=target, why=None)
        self.object.step(FirmwareEvent.SUCCEED, UpdateResult.SUCCESS)
        self._apply_revision()
        self.flash.erase()

    @property
    def _installed(self) -> str:
        return str(self._kept.get("revision", self._ue.profile.identity.revision))

    def _apply_revision(self) -> None:
        self._ue.identity = replace(self._ue.identity, revision=self._installed)

    def tell_result(self) -> None:
        """Tell the host how the update ended, once."""
        if self._kept.get("untold"):
            self._keep(untold=False)
            result, words = self.object.result, self._ue.profile.words.get("update_error", {})
            code = words.get(str(self._kept.get("why")), 0)
            ok = result is UpdateResult.SUCCESS
            self._publish("firmware.update_finished", result=int(result), ok=ok, code=code)

    # ------------------------------------------------------------ registration and observation

    def bearer_up(self) -> bool:
        """There is an address: register as before the restart, where the module does that by itself."""
        session = self._kept.get("session")
        return self.table.registers and session is not None and register_again(self._ue, session)

    def _keep_session(self) -> None:
        """Keep how the module is registered, for a restart during the update."""
        session = kept_session(self._ue, self._client)
        if session is not None:
            self._keep(session=session)

    def session_opened(self) -> None:
        """A registration begins."""
        if self.table.told == "session":
            self.tell_result()

    def heard(self, event: str, **values: Any) -> None:
        """Hear what the LwM2M client tells."""
        if not self.supported:
            return
        if event == "lwm2m.state" and values["state"] is ClientState.REGISTERED:
            self._ue.spawn(self._report())
        elif event == "lwm2m.observed" and values["path"] == STATE_PATH:
            self._observed(bool(values["active"]), values["cause"])
        elif event == "lwm2m.report" and values["path"] == STATE_PATH and values["outcome"] in _SETTLED:
            self._settled()

    def _settled(self) -> None:
        """The server has the newest state, or never will."""
        if self._told is not None and not self._told.done():
            self._told.set_result(None)

    def _observed(self, active: bool, cause: str) -> None:
        client = self._client
        if not active:
            self._keep(observation=None)
            if cause == "cancel":
                self._consent.drop()
                self._publish("firmware.unobserved")
                if not self.busy and self._kept.get("session") is not None:
                    self._publish("firmware.over", ok=self.object.result is UpdateResult.SUCCESS)
                    self._keep(session=None)
        elif client is not None and (request := client.observed_with(STATE_PATH)) is not None:
            token, accept = request
            observation = {"server": list(client.server), "token": token.hex(), "accept": accept}
            self._keep(observation=observation)
            if cause != "resume":
                self._publish("firmware.observed")

    async def _report(self) -> None:
        """Tell the state under the token of before a restart, and go on with what that interrupted."""
        client, observation = self._client, self._kept.get("observation")
        await self._pause("fota_report")
        if client is None or client is not self._client:
            return
        if observation is not None and client.observed_with(STATE_PATH) is None:
            if observation["server"] == list(client.server):
                client.resume(STATE_PATH, bytes.fromhex(observation["token"]), observation["accept"])
            else:
                self._keep(observation=None)
        if self._kept.get("observation") is None and not self.busy:
            self._keep(session=None)
        if self.object.state is FirmwareState.DOWNLOADING and self._download is None and self._continues:
            self._begin()

    def _tell(self, path: tuple[int, ...]) -> None:
        client = self._client
        if client is not None:
            client.changed(path)

    async def _acknowledged(self) -> None:
        """Until the server has settled the notification of the newest state, if it observes it."""
        client, told = self._client, self._told
        if told is not None and client is not None and client.observed(STATE_PATH):
            await asyncio.wait((told,), timeout=ACKNOWLEDGED_WITHIN)

    # ------------------------------------------------------------ small things

    async def _pause(self, delay: str) -> None:
        await asyncio.sleep(self._ue.timing.draw(delay))

    def _publish(self, event: str, **values: Any) -> None:
        session = self._kept.get("session")
        service = self._ue.cloud.service.name if session is None else session["service"]["name"]
        self._ue.publish(event, **values, service=service)

    def _keep(self, **values: Any) -> None:
        self._kept.update(values)
        self._ue.nvm.store(SECTION, self._kept)
