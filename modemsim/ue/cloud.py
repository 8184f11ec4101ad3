"""The operator's IoT cloud as the module sees it: one LwM2M session that carries object 19 both ways.

Several AT command families (NCDPOPEN, QLWULDATA, CM2MCLI, CTM2M) are views on this session; what they print
on its events is profile data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
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


_LIVE = (Cloud.REGISTERED, Cloud.OBSERVED)
_ENDED = (Cloud.UNINITIALISED, Cloud.REJECTED, Cloud.TIMEOUT, Cloud.DEREGISTERED, Cloud.LOST)

TRANSITIONS: Mapping[tuple[Cloud, CloudEvent], Cloud] = {
    **{(state, CloudEvent.OPEN): Cloud.REGISTERING for state in _ENDED},
    (Cloud.REGISTERING, CloudEvent.ACCEPTED): Cloud.REGISTERED,
    (Cloud.REGISTERING, CloudEvent.REFUSED): Cloud.REJECTED,
    (Cloud.REGISTERING, CloudEvent.UNANSWERED): Cloud.TIMEOUT,
    (Cloud.REGISTERED, CloudEvent.OBSERVE): Cloud.OBSERVED,
    (Cloud.OBSERVED, CloudEvent.OBSERVE): Cloud.OBSERVED,
    (Cloud.OBSERVED, CloudEvent.CANCEL): Cloud.REGISTERED,
    **{(state, CloudEvent.RESET): Cloud.LOST for state in _LIVE},
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
        self.uplink_sequence: int | None = None
        """The number the host gave its last confirmable uplink."""
        self.client: Client | None = None
        self._address: str | None = None
        self._awaited: int | None = None
        self._happened: dict[str, None] = {}

    def latest(self, events: Collection[str]) -> str | None:
        """Which of these events happened last since the start; None when none did."""
        return next((event for event in reversed(self._happened) if event in events), None)

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
        self._address = local_ip
        self.client = make_client(self._from_client)
        self._spawn(self.client.register())

    def open_in_vain(self, server: Address, seconds: float, reason: str) -> None:
        """Be registering for so long, then give up: no connection of the kind asked for can be made."""
        self._forget_client()
        self._step(CloudEvent.OPEN)
        self.server = server
        self._spawn(self._give_up(seconds, reason))

    async def _give_up(self, seconds: float, reason: str) -> None:
        await asyncio.sleep(seconds)
        if self._step(CloudEvent.UNANSWERED):
            self._tell("cloud.refused", reason=reason)

    def renew(self) -> None:
        """Register a live session anew, as a client does whose data nobody observes."""
        client = self.client
        assert client is not None
        self._spawn(client.register())

    def refresh(self) -> None:
        """Update a live registration."""
        client = self.client
        assert client is not None
        self._spawn(client.update())

    def close(self) -> None:
        """Start to deregister; the state becomes DEREGISTERED when the platform answered or time is up."""
        client = self.client
        assert client is not None
        self._step(CloudEvent.CLOSE)
        self._spawn(self._deregister(client))

    def send(self, payload: bytes, *, confirmable: bool, rai: int, sequence: int | None = None) -> int:
        """Send host data as a notification of object 19/0/0; returns its message id."""
        client = self.client
        assert client is not None
        message_id = client.notify(DATA_PATH, payload, confirmable=confirmable, rai=rai)
        if confirmable:
            self._awaited = message_id
            self.uplink_status = UplinkStatus.WAITING
            self.uplink_sequence = sequence
        return message_id

    def drop(self) -> None:
        """Forget the session without a word on the air, as a restart does."""
        self._happened.clear()
        self.uplink_sequence = None
        self._forget_client()
        self._step(CloudEvent.DROP)
        self.uplink_status = UplinkStatus.NOT_SENT
        self.server = None

    def address_changed(self, ip: str) -> None:
        """The bearer came back; a new address makes a live registration update itself."""
        if self.live and self.client is not None and ip != self._address:
            self._address = ip
            self._spawn(self.client.update())

    def bearer_lost(self) -> None:
        """The address is gone: a confirmable uplink that waits for its acknowledgement has failed."""
        self._end_report(UplinkStatus.FAILED)

    async def _deregister(self, client: Client) -> None:
        confirmed = await client.deregister()
        if client is self.client:
            self._end_report(UplinkStatus.FAILED)
            self._forget_client()
            self._step(CloudEvent.CLOSED)
            self._tell("cloud.closed", confirmed=confirmed)

    def _end_report(self, status: UplinkStatus) -> None:
        """The fate of the confirmable uplink that is waited for, if there is one."""
        if self._awaited is not None:
            self._awaited = None
            self.uplink_status = status
            self._tell("cloud.uplink", status=int(status), sequence=self.uplink_sequence)

    def _tell(self, event: str, **values: Any) -> None:
        self._happened.pop(event, None)
        self._happened[event] = None
        self._publish(event, **values)

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
            self._tell("cloud.registered")
        elif state is ClientState.REGISTERING:
            self._step(CloudEvent.RETRY)
        elif state is ClientState.REJECTED and self._step(CloudEvent.REFUSED):
            self._tell("cloud.refused", reason=reason)
        elif state is ClientState.TIMEOUT and self._step(CloudEvent.UNANSWERED):
            self._tell("cloud.refused", reason="timeout")

    def _on_updated(self, automatic: bool) -> None:
        self._tell("cloud.updated", automatic=automatic)

    def _on_update_failed(self, reason: str | None) -> None:
        self._tell("cloud.update_failed", reason=reason)

    def _on_observed(self, path: tuple[int, ...], active: bool, cause: str) -> None:
        if cause == "rst":
            return
        if path != DATA_PATH:
            kind = "observed" if active else "unobserved"
            self._tell(f"cloud.path_{kind}", path="/".join(map(str, path)))
        elif active and self._step(CloudEvent.OBSERVE):
            self._tell("cloud.observed")
        elif not active and self._step(CloudEvent.CANCEL):
            self._tell("cloud.unobserved")
            self._end_report(UplinkStatus.RESET)

    def _on_report(self, path: tuple[int, ...], message_id: int, outcome: str, confirmable: bool) -> None:
        if path != DATA_PATH or outcome not in _OUTCOMES:
            return
        if confirmable and message_id == self._awaited:
            self._end_report(_OUTCOMES[outcome])
        if outcome == "rst":
            if self._step(CloudEvent.RESET):
                self._forget_client()
                self._tell("cloud.reset")
        elif confirmable:
            self._tell("cloud.report_acked" if outcome == "ack" else "cloud.report_failed",
                          message_id=message_id)  # fmt: skip

    def _on_written(self, path: tuple[int, ...], value: bytes, message_id: int) -> None:
        if path[0] == DATA_PATH[0]:
            self._publish("cloud.downlink", length=len(value), message_id=message_id)
            self._arrive(value)
