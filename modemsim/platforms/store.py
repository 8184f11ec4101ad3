"""What a platform knows about its devices: registrations, uplinks and downlink commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from modemsim.platforms.downlinks import Downlink
from modemsim.platforms.names import device_id

Address = tuple[str, int]

UplinkType = Literal["CON", "NON", "TCP", "QOS0", "QOS1", "QOS2"]
"""How an uplink came: a CoAP notification of either kind, a frame over TCP, an MQTT message."""


@dataclass(frozen=True, slots=True)
class Uplink:
    """Data that arrived: loop seconds, observed path or topic, the module's bytes, how it was sent."""

    time: float
    path: str
    payload: bytes
    type: UplinkType
    message_id: int


@dataclass(slots=True)
class Device:
    """One device as the console shows it; `registered` is LwM2M registration, never network attachment.

    Instants are loop seconds, `lifetime` is in seconds (0: without end), `location` is the id below /rd while
    registered; `registered_as` is the endpoint name in the form that it registered with. A device that its
    owner declared `power_saving` is sent to as one in queue mode. `address` and the other facts of a
    registration keep their last values after it has ended; they are None until the first one. `downlinks` are
    all commands so far, by id.
    """

    endpoint: str
    registered: bool = False
    registered_as: str | None = None
    lifetime: int | None = None
    binding: str | None = None
    queue_mode: bool = False
    power_saving: bool = False
    version: str | None = None
    address: Address | None = None
    objects: list[str] = field(default_factory=list)
    observed: bool = False
    registered_at: float | None = None
    last_heard: float | None = None
    location: str | None = None
    uplinks: list[Uplink] = field(default_factory=list)
    downlinks: dict[str, Downlink] = field(default_factory=dict)
    psk_identity: str | None = None
    """The identity that stands for the device in a DTLS handshake; None: it needs none and registers
    plainly."""
    psk: bytes | None = field(default=None, repr=False)


class DeviceStore:
    """The devices of one platform, by endpoint name in any of its forms.

    A strict store admits provisioned devices only. A device keeps the name it was first known by.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self.on_remove: Callable[[Device], None] | None = None
        self._devices: dict[str, Device] = {}

    def __getitem__(self, endpoint: str) -> Device:
        return self._devices[device_id(endpoint)]

    def __contains__(self, endpoint: object) -> bool:
        return isinstance(endpoint, str) and device_id(endpoint) in self._devices

    def __iter__(self) -> Iterator[Device]:
        return iter(tuple(self._devices.values()))

    def __len__(self) -> int:
        return len(self._devices)

    def provision(self, endpoint: str) -> Device:
        """Create the device as its owner would in the console; an existing one is returned unchanged."""
        return self._devices.setdefault(device_id(endpoint), Device(endpoint))

    def secure(self, endpoint: str, key: bytes, identity: str | None = None) -> Device:
        """Give a device a pre-shared key, so that it can only register over DTLS; creates it if need be.

        Without an `identity` the IMEI, or else the endpoint name, is it. Raises ValueError if another device
        has it.
        """
        identity = device_id(endpoint) if identity is None else identity
        owner = next((device for device in self if device.psk_identity == identity), None)
        if owner is not None and owner is not self._devices.get(device_id(endpoint)):
            raise ValueError(f"the identity {identity} belongs to the device {owner.endpoint}")
        device = self.provision(endpoint)
        device.psk_identity, device.psk = identity, key
        return device

    def key_of(self, identity: str) -> bytes | None:
        """The pre-shared key for an identity; None when no device has it."""
        return next(
            (device.psk for device in self._devices.values() if device.psk_identity == identity), None
        )

    def admit(self, endpoint: str) -> Device | None:
        """The device that wants to register; None when the store is strict and does not know it."""
        return self._devices.get(device_id(endpoint)) if self.strict else self.provision(endpoint)

    def remove(self, endpoint: str) -> None:
        """Delete the device and end its registration; raises KeyError for an unknown endpoint."""
        device = self._devices.pop(device_id(endpoint))
        if self.on_remove is not None:
            self.on_remove(device)
