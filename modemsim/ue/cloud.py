"""The operator's IoT cloud as the module sees it: one LwM2M session that carries object 19 both ways.

Several AT command families (NCDPOPEN, QLWULDATA, CM2MCLI, CTM2M) are views on this session; what they print
on its events is profile data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from enum import IntEnum, StrEnum
from typing import Any

from modemsim.lwm2m.client import Client
from modemsim.lwm2m.states import ClientState
from modemsim.net import Address

DATA_PATH = (19, 0, 0)


class Cloud(StrEnum):
    """State of the session with the platform."""

    UNINITIALISED = "uninitialised"
    REGISTERING = "registering"
    REGISTERED = "registered"
    OBSERVED = "observed"
    REJECTED = "rejected"
    TIMEOUT = "timeout"
    DEREGISTERING = "deregistering"
    DEREGISTERED = "deregistered"
    LOST = "lost"
    RESUMPTION_FAILED = "resumption_failed"


class CloudEvent(StrEnum):
    """What changes the state of the session."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    OBSERVE = "observe"
    CANCEL = "cancel"
    RESET = "reset"
    RETRY = "retry"
    CLOSE = "close"
    CLOSED = "closed"
    DROP = "drop"
    UNSECURED = "unsecured"


_LIVE = (Cloud.REGISTERED, Cloud.OBSERVED)
_ENDED = (
    Cloud.UNINITIALISED,
    Cloud.REJECTED,
    Cloud.TIMEOUT,
    Cloud.DEREGISTERED,
    Cloud.LOST,
    Cloud.RESUMPTION_FAILED,
)

TRANSITIONS: Mapping[tuple[Cloud, CloudEvent], Cloud] = {
    **{(state, CloudEvent.OPEN): Cloud.REGISTERING for state in _ENDED},
    (Cloud.REGISTERING, CloudEvent.ACCEPTED): Cloud.REGISTERED,
    (Cloud.REGISTERING, CloudEvent.REFUSED): Cloud.REJECTED,
    (Cloud.REGISTERING, CloudEvent.UNANSWERED): Cloud.TIMEOUT,
    (Cloud.REGISTERED, CloudEvent.OBSERVE): Cloud.OBSERVED,
    (Cloud.OBSERVED, CloudEvent.OBSERVE): Cloud.OBSERVED,
    (Cloud.OBSERVED, CloudEvent.CANCEL): Cloud.REGISTERED,
    **{(state, CloudEvent.RESET): Cloud.LOST for state in _LIVE},
    **{(state, CloudEvent.UNSECURED): Cloud.RESUMPTION_FAILED for state in _LIVE},
    **{(state, CloudEvent.RETRY): Cloud.REGISTERING for state in _LIVE},
    **{(state, CloudEvent.CLOSE): Cloud.DEREGISTERING for state in _LIVE},
    (Cloud.DEREGISTERING, CloudEvent.CLOSED): Cloud.DEREGISTERED,
    **{(state, CloudEvent.DROP): Cloud.UNINITIALISED for state in Cloud},
}
"""Every permitted change; an event that is not listed for a state has no effect."""


class UplinkStatus(IntEnum):
    """Fate of the last confirmable uplink (BC260Y CT guide 1.1, 2.3.8)."""

    NOT_SENT = 0
    WAITING = 1
    FAILED = 2
    TIMEOUT = 3
    ACKNOWLEDGED = 4
    RESET = 5


MakeClient = Callable[[Callable[..., None]], Client]
"""Makes the client of a session; it is given the function that hears the client's events."""

_OUTCOMES = {
    "ack": UplinkStatus.ACKNOWLEDGED,
    "timeout": UplinkStatus.TIMEOUT,
    "rst": UplinkStatus.RESET,
}


class CloudSession:
    """One registration with a platform; publishes `cloud.*` events and hands downlink bytes to `arrive`."""

    def __init__(
        self,
        publish: Callable[..., None],
        spawn: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]],
        arrive: Callable[[bytes], None],
    ) -> None:
        self._publish = publish
        self._spawn = spawn
        self._arrive = arrive
        self.state = Cloud.UNINITIALISED
        self.server: Address | None = None
        self.uplink_status = UplinkStatus.NOT_SENT
        self.client: Client | None = None
        self.security: str | None = None
        """The secured connection: None (plain, or never tried), "running", "up", "failed", "closed"."""
        self._address: str | None = None
        self._awaited: int | None = None

    @property
    def registering(self) -> bool:
        """A registration is on its way."""
        return self.state is Cloud.REGISTERING

    @property
    def live(self) -> bool:
        """The platform has accepted the registration and it was not given up since."""
        return self.state in _LIVE

    @property
    def closing(self) -> bool:
        """A deregistration is on its way."""
        return self.state is Cloud.DEREGISTERING

    @property
    def report_pending(self) -> bool:
        """A confirmable uplink waits for its acknowledgement."""
        return self._awaited is not None

    def open(self, make_client: MakeClient, server: Address, local_ip: str) -> None:
        """Start to register with `server`; the result is published as cloud.registered or cloud.refused."""
        self._forget_client()
        self._step(CloudEvent.OPEN)
        self.server = server
        self.security = None
        self._address = local_ip
        self.client = make_client(self._from_client)
        self._spawn(self.client.register())

    def close(self) -> None:
        """Start to deregister; the state becomes DEREGISTERED when the platform answered or time is up."""
        client = self.client
        assert client is not None
        self._step(CloudEvent.CLOSE)
        self._spawn(self._deregister(client))

    def send(self, payload: bytes, *, confirmable: bool, rai: int) -> int:
        """Send host data as a notification of object 19/0/0; returns its message id."""
        client = self.client
        assert client is not None
        message_id = client.notify(DATA_PATH, payload, confirmable=confirmable, rai=rai)
        if confirmable:
            self._awaited = message_id
            self.uplink_status = UplinkStatus.WAITING
        return message_id

    def drop(self) -> None:
        """Forget the session without a word on the air, as a restart does."""
        self._forget_client()
        self._step(CloudEvent.DROP)
        self.uplink_status = UplinkStatus.NOT_SENT
        self.server = None

    def address_changed(self, ip: str) -> None:
        """The bearer came back; a new address makes a live registration update itself."""
        if self.live and self.client is not None and ip != self._address:
            self._address = ip
            self._spawn(self.client.update())

    async def _deregister(self, client: Client) -> None:
        confirmed = await client.deregister()
        if client is self.client:
            self._forget_client()
            self._step(CloudEvent.CLOSED)
            self._publish("cloud.closed", confirmed=confirmed)

    def _forget_client(self) -> None:
        if self.client is not None:
            self.client.close()
            self.client = None
        self._awaited = None

    def _step(self, event: CloudEvent) -> bool:
        """Apply the table; False when the event has no effect in this state."""
        following = TRANSITIONS.get((self.state, event))
        if following is None:
            return False
        self.state = following
        return True

    def _from_client(self, event: str, **values: Any) -> None:
        handler = getattr(self, "_on_" + event.removeprefix("lwm2m."), None)
        if handler is not None:
            handler(**values)

    def _on_state(self, state: ClientState, reason: str | None = None) -> None:
        if state is ClientState.REGISTERED and self._step(CloudEvent.ACCEPTED):
            self._publish("cloud.registered")
        elif state is ClientState.REGISTERING:
            self._step(CloudEvent.RETRY)
        elif state is ClientState.REJECTED and self._step(CloudEvent.REFUSED):
            self._publish("cloud.refused", reason=reason)
        elif state is ClientState.TIMEOUT and self._step(CloudEvent.UNANSWERED):
            self._publish("cloud.refused", reason=reason or "timeout")

    def _on_security(self, state: str, reason: str | None = None) -> None:
        """The secured connection: "running", "up", "failed" or "closed"; a session that cannot renew it
        ends."""
        self.security = state
        self._publish("security", state=state, reason=reason)
        if state == "failed" and self._step(CloudEvent.UNSECURED):
            awaited = self._awaited
            if awaited is not None:
                self.uplink_status = UplinkStatus.FAILED
                self._publish("cloud.report_failed", message_id=awaited)
            self._forget_client()
            self._publish("cloud.refused", reason=reason)

    def _on_updated(self, automatic: bool) -> None:
        self._publish("cloud.updated", automatic=automatic)

    def _on_update_failed(self, reason: str | None) -> None:
        self._publish("cloud.update_failed", reason=reason)

    def _on_observed(self, path: tuple[int, ...], active: bool, cause: str) -> None:
        if path != DATA_PATH or cause == "rst":
            return
        if active and self._step(CloudEvent.OBSERVE):
            self._publish("cloud.observed")
        elif not active and self._step(CloudEvent.CANCEL):
            self._publish("cloud.unobserved")

    def _on_report(self, path: tuple[int, ...], message_id: int, outcome: str, confirmable: bool) -> None:
        if path != DATA_PATH or outcome not in _OUTCOMES:
            return
        if confirmable and message_id == self._awaited:
            self._awaited = None
            self.uplink_status = _OUTCOMES[outcome]
        if outcome == "rst":
            if self._step(CloudEvent.RESET):
                self._forget_client()
                self._publish("cloud.reset")
        elif confirmable:
            self._publish("cloud.report_acked" if outcome == "ack" else "cloud.report_failed",
                          message_id=message_id)  # fmt: skip

    def _on_written(self, path: tuple[int, ...], value: bytes, message_id: int) -> None:
        if path[0] == DATA_PATH[0]:
            self._publish("cloud.downlink", length=len(value), message_id=message_id)
            self._arrive(value)
