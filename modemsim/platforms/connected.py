"""What platforms over a stream connection share: a TCP port, devices that log in, uplinks and downlinks."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from modemsim.platforms.downlinks import Downlink, DownlinkEvent
from modemsim.platforms.store import Address, Device, DeviceStore, Uplink, UplinkType
from modemsim.platforms.streams import cut
from modemsim.trace import Trace, host_port

if TYPE_CHECKING:
    from modemsim.platforms import aep_codec


class ConnectedPlatform(ABC):
    """One built-in platform on one TCP port.

    A device is admitted on first contact, unless the store is strict, with the secret it shows then; another
    one is refused from there on. A downlink command goes to a device that is connected and fails at once
    otherwise. While `down` is set connections are taken and never answered, as if the service hung.
    """

    name: ClassVar[str]

    def __init__(self, *, trace: Trace, host: str = "127.0.0.1", port: int = 0, strict: bool = False) -> None:
        self.address: Address = (host, port)
        self.down = False
        self.store = DeviceStore(strict=strict)
        self.store.on_remove = self._removed
        self._trace = trace
        self._secrets: dict[str, str] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._links: dict[str, Callable[[bytes], bool]] = {}
        self._ends: dict[str, Callable[[], None]] = {}
        self._downlinks = 0
        self._server: asyncio.Server | None = None

    # ------------------------------------------------------------ lifecycle

    async def start(self) -> None:
        """Open the port, which is the same after a restart; raises OSError if it is taken."""
        if self._server is None:
            self._server = await asyncio.start_server(self.connected, *self.address)
            self.address = self._server.sockets[0].getsockname()[:2]
            self.emit("started", address=host_port(self.address))

    @property
    def running(self) -> bool:
        """Whether the port is open."""
        return self._server is not None

    async def stop(self) -> None:
        """Close the port and every connection; devices, uplinks and commands are kept."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for writer in tuple(self._writers):
            cut(writer)
        await asyncio.sleep(0)
        self.emit("stopped")

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, plain or secured, until it ends or the platform stops."""
        self._writers.add(writer)
        try:
            await self.serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            with contextlib.suppress(ConnectionError):
                writer.close()

    @abstractmethod
    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from its first byte to its end."""

    # ------------------------------------------------------------ for the protocol

    async def hang(self, reader: asyncio.StreamReader) -> None:
        """Take what comes and never answer, until the peer goes; raises IncompleteReadError then."""
        while await reader.read(4096):
            pass
        raise asyncio.IncompleteReadError(b"", None)

    def knows(self, endpoint: str) -> bool:
        """Whether the device may come in at all."""
        return self.store.admit(endpoint) is not None

    def proves(self, endpoint: str, secret: str) -> bool:
        """Whether the secret is the device's; the first one it shows is."""
        return self._secrets.setdefault(endpoint, secret) == secret

    def set_secret(self, endpoint: str, secret: str) -> None:
        """Give a device its secret, as the console shows it."""
        self.store.provision(endpoint)
        self._secrets[endpoint] = secret

    def logged_in(
        self, endpoint: str, address: Address, send: Callable[[bytes], bool], end: Callable[[], None]
    ) -> Device:
        """The device is connected: `send` takes downlink data or says that it cannot, `end` cuts."""
        device = self.store[endpoint]
        device.registered = True
        device.address = address
        device.registered_at = asyncio.get_running_loop().time()
        self._links[device.endpoint], self._ends[device.endpoint] = send, end
        self.emit("registered", endpoint=device.endpoint, address=host_port(address))
        self.heard(device)
        return device

    def logged_out(self, device: Device, send: Callable[[bytes], bool], reason: str) -> None:
        """The connection is over; nothing happens when the device has another one by now."""
        if self._links.get(device.endpoint) == send:
            del self._links[device.endpoint], self._ends[device.endpoint]
            device.registered = False
            self.emit("deregistered", endpoint=device.endpoint, reason=reason)

    def end_of(self, endpoint: str) -> Callable[[], None] | None:
        """What cuts the device's connection; None while it has none."""
        return self._ends.get(endpoint)

    def heard(self, device: Device) -> None:
        """A device gave a sign of life."""
        device.last_heard = asyncio.get_running_loop().time()

    def uplink(self, device: Device, path: str, payload: bytes, type: UplinkType, message_id: int) -> None:
        """Store data of a device."""
        self.heard(device)
        time = asyncio.get_running_loop().time()
        device.uplinks.append(Uplink(time, path, payload, type, message_id))
        fields = {"path": path, "payload": payload.hex(), "type": type, "message_id": message_id}
        self.emit("uplink", endpoint=device.endpoint, **fields)

    def emit(self, event: str, **fields: object) -> None:
        """Record what happened on this platform."""
        self._trace.emit("platform", event, platform=self.name, **fields)

    # ------------------------------------------------------------ for the owner of the devices

    def downlink(self, endpoint: str, payload: bytes) -> Downlink:
        """Send a command to a device; raises KeyError for an unknown endpoint."""
        device = self.store[endpoint]
        self._downlinks += 1
        downlink = Downlink(str(self._downlinks), endpoint, payload, asyncio.get_running_loop().time())
        device.downlinks[downlink.id] = downlink
        send = self._links.get(device.endpoint)
        if send is None or self.down:
            downlink.advance(DownlinkEvent.ABANDONED, "not connected")
        elif not send(payload):
            downlink.advance(DownlinkEvent.ABANDONED, "no topic to send to")
        else:
            downlink.advance(DownlinkEvent.SEND)
            downlink.advance(DownlinkEvent.ACCEPTED)
        fields = {"state": str(downlink.state), "reason": downlink.reason, "payload": payload.hex()}
        self.emit("downlink", endpoint=endpoint, id=downlink.id, **fields)
        return downlink

    def command(self, endpoint: str, service_id: int, body: bytes) -> Downlink:
        """Service commands belong to LwM2M products; raises TypeError."""
        raise TypeError(f"the platform {self.name} has no service commands")

    def decode(self, payload: bytes) -> aep_codec.Frame | None:
        """Nothing: payloads are transparent here."""
        return None

    def _removed(self, device: Device) -> None:
        self._secrets.pop(device.endpoint, None)
        end = self._ends.get(device.endpoint)
        if end is not None:
            end()
