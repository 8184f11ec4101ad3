"""An LwM2M platform: observes the data of its devices, stores their uplinks and sends them commands."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from types import EllipsisType
from typing import ClassVar

from aiocoap import Code, Message, error
from aiocoap.numbers.types import RST

from modemsim.coap.blockwise import ask
from modemsim.coap.dtls.server import DtlsServerSocket
from modemsim.coap.endpoint import Endpoint, MessageEvent, PlainSocket, Tuning
from modemsim.platforms import aep_codec
from modemsim.platforms.doors import Doors
from modemsim.platforms.downlinks import Downlink, DownlinkEvent, DownlinkQueue, Rejected, Unanswered
from modemsim.platforms.gate import Gate
from modemsim.platforms.names import device_id
from modemsim.platforms.observer import DataObserver
from modemsim.platforms.questions import Question, Questioner, segments
from modemsim.platforms.registrar import Registrar
from modemsim.platforms.session import Session
from modemsim.platforms.site import RegistrationSite
from modemsim.platforms.store import Address, Device, DeviceStore, Uplink
from modemsim.platforms.style import PlatformStyle
from modemsim.platforms.upgrade_run import UpgradeRuns
from modemsim.platforms.upgrades import PackageSite, Upgrades, UpgradeTask
from modemsim.trace import Trace, host_port

_TOKEN_LENGTH = 8
_OCTET_STREAM = 42


class Platform:
    """One built-in platform on one UDP port; what it does differently from another one is its `style`.

    After a registration it observes the device's data path and stores every notification as an uplink: CON is
    acknowledged; NON and notifications without an Observe option count as well.

    A downlink command is queued while the device is registered but cannot hear (not observed yet, asleep in
    queue mode, an earlier command under way) and fails at once when it is not registered. One that gets no
    answer stays at the head of the queue until the device is heard again, and has failed when its second
    attempt times out too.

    `auto_reply` replaces the style's answer to uplinks (None: no answer). While `down` is set the platform is
    silent as if its host was gone; while `observes` is not, registered devices are left unobserved.
    `trace_datagrams` records CoAP messages as the platform sees them.
    """

    style: ClassVar[PlatformStyle]

    def __init__(
        self,
        *,
        trace: Trace,
        stream: random.Random,
        host: str = "127.0.0.1",
        port: int = 0,
        secure_port: int = 0,
        strict: bool = False,
        auto_reply: bytes | EllipsisType | None = ...,
        tuning: Tuning | None = None,
        trace_datagrams: bool = False,
    ) -> None:
        self.address: Address = (host, port)
        self.secure_address: Address = (host, secure_port)
        self.auto_reply = self.style.auto_reply if isinstance(auto_reply, EllipsisType) else auto_reply
        self.down = False
        self.observes = True
        self.observe_delay = self.style.observe_delay
        self.store = DeviceStore(strict=strict)
        self.store.on_remove = self._removed
        self._trace = trace
        self._trace_datagrams = trace_datagrams
        self._stream = stream
        self._tuning = tuning
        self._registrar = Registrar(self, self.store, self.style, random.Random(stream.getrandbits(64)))
        self._queues: dict[str, DownlinkQueue] = {}
        self.upgrades = Upgrades(self.style)
        self._upgrade_runs = UpgradeRuns(self)
        self._observer = DataObserver(self, self._data)
        self._downlinks = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._endpoint: Endpoint | None = None
        self._doors: Doors | None = None

    @property
    def name(self) -> str:
        """The name by which routes, control API and traces know the platform, such as "ct-iot"."""
        return self.style.name

    # Lifecycle

    async def start(self) -> None:
        """Open the port, which is the same after a restart; raises OSError if it is taken."""
        if self._endpoint is not None:
            return
        self._doors = self._open_doors()
        self._endpoint = Endpoint(
            self._doors,
            PackageSite(self.upgrades, RegistrationSite(self._registrar)),
            stream=self._stream,
            tuning=self._tuning,
            on_message=self._message_passed,
            trace=self._trace if self._trace_datagrams else None,
            name=self.name,
            token_length=_TOKEN_LENGTH,
        )
        self.emit("started", address=host_port(self.address), secure_address=host_port(self.secure_address))
        self._registrar.resume()

    def _open_doors(self) -> Doors:
        plain = PlainSocket(*self.address)
        try:
            secured = PlainSocket(*self.secure_address)
        except OSError:
            plain.close()
            raise
        self.address, self.secure_address = plain.local, secured.local
        plain_gate, secured_gate = (Gate(socket, lambda: not self.down) for socket in (plain, secured))
        keys = self.store.key_of
        return Doors(plain_gate, DtlsServerSocket(secured_gate, keys, trace=self._trace, name=self.name))

    async def stop(self) -> None:
        """Close the port at once, as a server that is shut down does.

        Devices, uplinks, queued commands and registrations outlive a restart; observations do not, so the
        next notification is answered with RST.
        """
        if self._endpoint is None:
            return
        self._upgrade_runs.stop()
        self._endpoint.close()
        self._endpoint = self._doors = None
        for task in self._tasks:
            task.cancel()
        self._registrar.suspend()
        self.emit("stopped")

    def restart(self) -> None:
        """Restart at once, as a server that crashed: every observation is forgotten, nothing else."""
        for device in self.store:
            session = self._registrar.session_of(device)
            if session is not None:
                session.forget_observation()
        self.emit("restarted")

    # For the owner of the devices

    def downlink(self, endpoint: str, payload: bytes, *, task_id: int | None = None) -> Downlink:
        """Queue a command to a device and follow its `state`; raises KeyError for an unknown endpoint."""
        device = self.store[endpoint]
        self._downlinks += 1
        now = asyncio.get_running_loop().time()
        downlink = Downlink(str(self._downlinks), endpoint, payload, now, task_id=task_id)
        device.downlinks[downlink.id] = downlink
        if device.registered:
            self.queue_of(device).add(downlink)
        else:
            downlink.advance(DownlinkEvent.ABANDONED, "not registered")
            self._report_downlink(downlink)
        return downlink

    def command(self, endpoint: str, service_id: int, body: bytes) -> Downlink:
        """Queue a command of a service (see `aep_codec`) under a new task id; its response is matched to it.

        Raises KeyError for an unknown endpoint, `aep_codec.CodecError` for a service id or body out of range,
        and TypeError on a platform without services.
        """
        if not self.style.service_codec:
            raise TypeError(f"the platform {self.name} has no service commands")
        task_id = self._downlinks % aep_codec.LARGEST + 1
        frame = aep_codec.Frame(aep_codec.Kind.COMMAND, service_id, body, task_id)
        return self.downlink(endpoint, frame.encode(), task_id=task_id)

    def decode(self, payload: bytes) -> aep_codec.Frame | None:
        """What a payload says in the platform's codec; None without a codec, or for any other payload."""
        if not self.style.service_codec:
            return None
        try:
            return aep_codec.decode(payload)
        except aep_codec.CodecError:
            return None

    def save_power(self, endpoint: str, saving: bool) -> None:
        """Have commands to a device wait until it is next heard, as its owner's console offers, or no longer.

        Raises KeyError for an unknown endpoint.
        """
        device = self.store[endpoint]
        device.power_saving = saving
        if saving:
            self.queue_of(device).sleep()
        else:
            self.queue_of(device).heard(queue_mode=device.queue_mode)

    def ask(
        self, endpoint: str, kind: str, path: str, payload: bytes = b"", form: str = "octets"
    ) -> Question:
        """Read, write, execute, observe or cancel any path of a registered device; see `Question`.

        Raises KeyError for an unknown endpoint, ConnectionError for a device that is not registered, and as
        `Questioner.ask`.
        """
        device = self.store[endpoint]
        session = self._registrar.session_of(device)
        if self._endpoint is None or session is None or device.address is None:
            raise ConnectionError(f"the device {endpoint} is not registered")
        if session.questioner is None:
            session.questioner = Questioner(lambda told, message: self._arrived(session, told, message))
        return session.questioner.ask(self._endpoint, device.address, kind, path, payload, form)

    def forget(self, endpoint: str) -> None:
        """Drop the observation of a device without telling it: its next notification, CON or NON, gets RST.

        Raises KeyError for an unknown endpoint.
        """
        session = self._registrar.session_of(self.store[endpoint])
        if session is not None:
            session.forget_observation()
        self.emit("forgotten", endpoint=endpoint)

    def cancel(self, endpoint: str) -> None:
        """End the observation of a device in good order; raises KeyError for an unknown endpoint."""
        session = self._registrar.session_of(self.store[endpoint])
        if session is None or session.observation is None or self._endpoint is None:
            return
        self._endpoint.unobserve(session.observation)
        session.observation = None
        session.device.observed = False
        session.queue.close()
        self.emit("cancelled", endpoint=endpoint, path=self.style.observe)

    def refuse(self, endpoint: str, code: Code | None) -> None:
        """Answer every registration, update and deregistration of the endpoint with `code` from now on.

        None: no longer.
        """
        self._registrar.refuse(endpoint, code)

    @property
    def coap(self) -> Endpoint | None:
        """The endpoint; None while the platform is stopped."""
        return self._endpoint

    def upgrade(
        self,
        name: str,
        package_id: str,
        endpoints: Iterable[str],
        *,
        retries: int = 0,
        secure: bool = False,
    ) -> UpgradeTask:
        """Make a firmware upgrade task, which starts when its devices are heard; raises UploadRefused."""
        task = self.upgrades.create(name, package_id, endpoints, retries=retries, secure=secure)
        self.emit("upgrade_task", id=task.id, name=name, package=task.package.name)
        return task

    def cancel_upgrade(self, task_id: str) -> None:
        """Cancel what is not over of an upgrade task; raises KeyError for an unknown one."""
        self._upgrade_runs.cancel(task_id)

    def disable(self, endpoint: str, seconds: int) -> None:
        """Send a registered device away for so long (object 1, Disable Timeout and Disable).

        Raises KeyError for an unknown endpoint.
        """
        device = self.store[endpoint]
        task = asyncio.get_running_loop().create_task(self._disable(device, seconds))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def lose_session(self, endpoint: str) -> None:
        """Forget the DTLS session of a device, which hears no answer until it has made a new one.

        Raises KeyError for an unknown endpoint.
        """
        device = self.store[endpoint]
        if self._doors is not None and device.address is not None:
            self._doors.lose_session(device.address)

    async def _disable(self, device: Device, seconds: int) -> None:
        timeout = Message(code=Code.PUT, uri_path=("1", "0", "5"), content_format=0, payload=b"%d" % seconds)
        disable = Message(code=Code.POST, uri_path=("1", "0", "4"))
        for message in (timeout, disable):
            if self._endpoint is None or device.address is None:
                return
            try:
                response = await ask(self._endpoint, message, device.address)
            except error.Error:
                return
            answer = response.code.dotted
            self.emit("disabled", endpoint=device.endpoint, answer=answer)

    # For the registrar

    def identity(self, address: Address) -> str | None:
        """The identity that the client at an address has proven; None for a plain connection."""
        return None if self._doors is None else self._doors.identity(address)

    def emit(self, event: str, **fields: object) -> None:
        """Record what happened on this platform."""
        self._trace.emit("platform", event, platform=self.name, **fields)

    def queue_of(self, device: Device) -> DownlinkQueue:
        """The downlink commands of a device; they outlive its registrations."""
        key = device_id(device.endpoint)
        queue = self._queues.get(key)
        if queue is None:

            async def write(payload: bytes) -> None:
                await self._write(device, payload)

            queue = self._queues[key] = DownlinkQueue(self.style, write, self._report_downlink)
        return queue

    def heard(self, session: Session) -> None:
        """A device gave a sign of life."""
        session.device.last_heard = asyncio.get_running_loop().time()
        session.queue.heard(queue_mode=session.device.queue_mode or session.device.power_saving)
        self._upgrade_runs.heard(session.device)

    def observe_soon(self, session: Session) -> None:
        """Observe a device that has just registered."""
        self._upgrade_runs.registered(session.device)
        if self.observes:
            session.after(self.observe_delay, lambda: self._observer.observe(session))

    # Uplinks

    def _data(self, session: Session, message: Message) -> None:
        """A device told its data: store it, and answer where the platform does."""
        self._arrived(session, self.style.observe, message)
        if self.auto_reply is not None:
            session.after(self.style.reply_delay, lambda: self._reply(session.device))

    def _arrived(self, session: Session, path: str, message: Message) -> None:
        """Store a notification of an observed path."""
        device = session.device
        uplink = Uplink(
            time=asyncio.get_running_loop().time(),
            path=path,
            payload=message.payload,
            type=message.mtype.name,
            message_id=message.mid,
        )
        device.uplinks.append(uplink)
        self.emit(
            "uplink",
            endpoint=device.endpoint,
            path=uplink.path,
            payload=uplink.payload.hex(),
            type=uplink.type,
            message_id=uplink.message_id,
        )
        self._match_response(device, uplink.payload)
        self.heard(session)

    def _match_response(self, device: Device, payload: bytes) -> None:
        """Give the response of a service command to the newest command with its task id."""
        frame = self.decode(payload)
        if frame is not None and frame.kind is aep_codec.Kind.COMMAND_RESPONSE:
            asked = [one for one in device.downlinks.values() if one.task_id == frame.task_id]
            if asked:
                self.queue_of(device).answered(asked[-1], frame.body)

    def _reply(self, device: Device) -> None:
        if self.auto_reply is not None:
            self.downlink(device.endpoint, self.auto_reply)

    # Downlink commands

    async def _write(self, device: Device, payload: bytes) -> None:
        """Write to the downlink path; raises Unanswered or Rejected."""
        session = self._registrar.session_of(device)
        if self._endpoint is None or session is None or device.address is None:
            raise Unanswered
        path = segments(self.style.downlink_path)
        message = Message(code=Code.PUT, content_format=_OCTET_STREAM, uri_path=path, payload=payload)
        try:
            response = await ask(self._endpoint, message, device.address)
        except error.MessageError:
            raise Rejected("reset") from None
        except error.Error:
            raise Unanswered from None
        self.heard(session)
        if not response.code.is_successful():
            raise Rejected(response.code.dotted)

    def _report_downlink(self, downlink: Downlink) -> None:
        self.emit(
            "downlink",
            endpoint=downlink.endpoint,
            id=downlink.id,
            state=str(downlink.state),
            reason=downlink.reason,
            payload=downlink.payload.hex(),
        )

    def _removed(self, device: Device) -> None:
        self._upgrade_runs.forget(device)
        session = self._registrar.session_of(device)
        if session is not None:
            self._registrar.end(session, "removed")
        self._queues.pop(device_id(device.endpoint), None)

    def _message_passed(self, event: MessageEvent) -> None:
        if event.kind == "tx" and event.message.mtype is RST:
            self.emit("reset", address=host_port(event.remote), message_id=event.message_id)
