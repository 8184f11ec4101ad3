"""Who is registered: accepts, refreshes and ends the registrations of one platform."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from typing import Protocol

from aiocoap import Code

from modemsim.platforms.downlinks import DownlinkQueue
from modemsim.platforms.names import device_id
from modemsim.platforms.registration import Changes, Refused, Registration, parse_register, parse_update
from modemsim.platforms.session import Session
from modemsim.platforms.store import Address, Device, DeviceStore
from modemsim.platforms.style import PlatformStyle
from modemsim.trace import host_port


class Owner(Protocol):
    """What the registrar asks of and tells its platform."""

    def emit(self, event: str, **fields: object) -> None:
        """Record an event."""

    def queue_of(self, device: Device) -> DownlinkQueue:
        """The downlink commands of a device."""
        ...

    def identity(self, address: Address) -> str | None:
        """The identity that the client at an address has proven; None for a plain connection."""
        ...

    def observe_soon(self, session: Session) -> None:
        """The device is new, or at a new address, and wants to be observed."""

    def heard(self, session: Session) -> None:
        """The device gave a sign of life."""


class Registrar:
    """The registrations of one platform; implements the registration interface for the site.

    A re-registration replaces the earlier one of the same endpoint, whose location is gone with it. A
    registration that is not refreshed within its lifetime ends.
    """

    def __init__(self, owner: Owner, store: DeviceStore, style: PlatformStyle, stream: random.Random) -> None:
        self._owner = owner
        self._store = store
        self._style = style
        self._stream = stream
        self._sessions: dict[str, Session] = {}
        self._refusals: dict[str, Code] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._sessions.values()))

    def session_of(self, device: Device) -> Session | None:
        """The registration of a device, if it has one."""
        return None if device.location is None else self._sessions[device.location]

    def refuse(self, endpoint: str, code: Code | None) -> None:
        """Answer whatever the endpoint asks about its registration with `code`; None: no longer."""
        if code is None:
            self._refusals.pop(device_id(endpoint), None)
        else:
            self._refusals[device_id(endpoint)] = code

    def resume(self) -> None:
        """Watch the lifetimes again after `suspend`; those that are over meanwhile end at once."""
        for session in self:
            session.resume(self._expired)

    def suspend(self) -> None:
        """Stop every timer and forget every observation; the registrations stay."""
        for session in self:
            session.suspend()

    def end(self, session: Session, cause: str) -> None:
        """End a registration ("deregistered", "expired", "removed"); its queued commands fail."""
        device = session.device
        del self._sessions[session.location]
        device.registered = False
        device.location = None
        session.suspend()
        self._owner.emit(cause, endpoint=device.endpoint)
        session.queue.abandon(cause)

    # For the site

    def register(self, queries: Sequence[str], payload: bytes, sender: Address) -> str:
        """Accept POST /rd; returns the id of the new location, raises Refused."""
        registration = parse_register(queries, payload, self._style)
        device = self._admit(registration.endpoint, sender)
        earlier = self.session_of(device)
        if earlier is not None:
            del self._sessions[earlier.location]
            earlier.suspend()
        session = self._open_session(device)
        _enrol(device, registration, session, sender)
        session.refresh(self._expired)
        self._owner.emit(
            "registered",
            endpoint=device.endpoint,
            location=f"/rd/{session.location}",
            lifetime=device.lifetime,
            binding=device.binding,
            version=device.version,
            address=host_port(sender),
            objects=list(device.objects),
        )
        self._owner.heard(session)
        self._owner.observe_soon(session)
        return session.location

    def update(self, location: str, queries: Sequence[str], payload: bytes, sender: Address) -> None:
        """Accept POST /rd/<id>; raises Refused (4.04 for an id that is not, or not any more, known).

        A notification is matched by token and address, so a device that comes from a new address is observed
        there anew; otherwise an update leaves the observation alone.
        """
        session = self._session(location)
        device = session.device
        self._check_refusal(device.endpoint)
        self._check_security(device, sender)
        _change(device, parse_update(queries, payload, device.version or self._style.versions[0]))
        session.refresh(self._expired)
        self._owner.emit(
            "updated",
            endpoint=device.endpoint,
            lifetime=device.lifetime,
            binding=device.binding,
            address=host_port(sender),
        )
        if sender != device.address:
            device.address = sender
            session.forget_observation()
            self._owner.observe_soon(session)
        self._owner.heard(session)

    def deregister(self, location: str, sender: Address) -> None:
        """Accept DELETE /rd/<id>; raises Refused 4.04 as `update` does."""
        session = self._session(location)
        self._check_refusal(session.device.endpoint)
        self._check_security(session.device, sender)
        self.end(session, "deregistered")

    def refused(self, problem: Refused, sender: Address) -> None:
        """Record a request that was refused."""
        self._owner.emit(
            "refused",
            endpoint=problem.endpoint,
            address=host_port(sender),
            code=problem.code.dotted,
            reason=problem.reason,
        )

    def _admit(self, endpoint: str, sender: Address) -> Device:
        self._check_refusal(endpoint)
        device = self._store.admit(endpoint)
        if device is None:
            raise Refused(self._style.unknown_device, "unknown device", endpoint)
        self._check_security(device, sender)
        return device

    def _check_security(self, device: Device, sender: Address) -> None:
        """A device with a key registers in its own DTLS session, one without a key in none."""
        if self._owner.identity(sender) != device.psk_identity:
            reason = "no key" if device.psk_identity is None else "not in the DTLS session of this device"
            raise Refused(Code.FORBIDDEN, reason, device.endpoint)

    def _check_refusal(self, endpoint: str) -> None:
        code = self._refusals.get(device_id(endpoint))
        if code is not None:
            raise Refused(code, "refused on request", endpoint)

    def _session(self, location: str) -> Session:
        session = self._sessions.get(location)
        if session is None:
            raise Refused(Code.NOT_FOUND, "no such registration")
        return session

    def _open_session(self, device: Device) -> Session:
        while (location := f"{self._stream.getrandbits(32):08x}") in self._sessions:
            pass
        session = self._sessions[location] = Session(device, location, self._owner.queue_of(device))
        return session

    def _expired(self, session: Session) -> None:
        self.end(session, "expired")


def _enrol(device: Device, registration: Registration, session: Session, sender: Address) -> None:
    device.registered = True
    device.registered_as = registration.endpoint
    device.registered_at = asyncio.get_running_loop().time()
    device.location = session.location
    device.address = sender
    device.version = registration.version
    device.lifetime = registration.lifetime
    device.binding = registration.binding
    device.queue_mode = registration.queue_mode
    device.objects = registration.objects


def _change(device: Device, changes: Changes) -> None:
    if changes.lifetime is not None:
        device.lifetime = changes.lifetime
    if changes.binding is not None:
        device.binding = changes.binding
    if changes.queue_mode is not None:
        device.queue_mode = changes.queue_mode
    if changes.objects is not None:
        device.objects = changes.objects
