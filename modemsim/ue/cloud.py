"""The operator's IoT cloud as the module sees it: one LwM2M session that carries object 19 both ways.

Several AT command families (NCDPOPEN, QLWULDATA, CM2MCLI, CTM2M) are views on this session; what they print
on its events is profile data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from modemsim.lwm2m.client import Client
from modemsim.lwm2m.states import ClientState
from modemsim.net import Address
from modemsim.ue.cloud_states import ENDED, LIVE, TRANSITIONS, Cloud, CloudEvent, UplinkStatus
from modemsim.ue.service import Service

DATA_PATH = (19, 0, 0)


MakeClient = Callable[[Callable[..., None]], Client]
"""Makes the client of a session; it is given the function that hears the client's events."""

_OUTCOMES = {
    "ack": UplinkStatus.ACKNOWLEDGED,
    "timeout": UplinkStatus.TIMEOUT,
    "rst": UplinkStatus.RESET,
}


class CloudSession:
    """One registration with a platform; publishes `cloud.*` events and hands downlink bytes to `arrive`.

    `link_up` tells whether the module has an address; `linger` draws the seconds for which a session that
    ended is still being taken down.
    """

    def __init__(
        self,
        publish: Callable[..., None],
        spawn: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]],
        arrive: Callable[[bytes], None],
        *,
        link_up: Callable[[], bool] = lambda: True,
        linger: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._hear = publish
        self._spawn = spawn
        self._arrive = arrive
        self._link_up = link_up
        self._linger = linger
        self.service = Service()
        self.events: dict[str, None] = {}
        """What happened since the start, each event once, the newest last."""
        self._ends_at = 0.0
        self._stale = False
        self._leaving: asyncio.Task[None] | None = None
        self._reason: str | None = None
        self._retries: Callable[[], int] = lambda: 0
        self._retried = 0
        self._silent = False
        """The next automatic update is not told when it succeeds."""
        self._disabled_until = 0.0
        self._reopen: Callable[[], None] = lambda: None
        self.state = Cloud.UNINITIALISED
        self.server: Address | None = None
        self.uplink_status = UplinkStatus.NOT_SENT
        self.uplink_sequence: int | None = None
        """The number the host gave its last confirmable uplink."""
        self.client: Client | None = None
        self.security: str | None = None
        """The secured connection: None (plain, or never tried), "running", "up", "pending" (to be made anew),
        "failed", "closed"."""
        self._address: str | None = None
        self._awaited: int | None = None

    def latest(self, events: Collection[str]) -> str | None:
        """Which of these events happened last since the start; None when none did."""
        return next((event for event in reversed(self.events) if event in events), None)

    @property
    def registering(self) -> bool:
        """A registration is on its way."""
        return self.state is Cloud.REGISTERING

    @property
    def live(self) -> bool:
        """The platform has accepted the registration and it was not given up since."""
        return self.state in LIVE

    @property
    def observed(self) -> bool:
        """The platform observes the module's data, so that uplinks can be sent."""
        return self.state is Cloud.OBSERVED

    @property
    def closing(self) -> bool:
        """A deregistration is on its way."""
        return self.state is Cloud.DEREGISTERING

    @property
    def ending(self) -> bool:
        """A session that ended is still being taken down."""
        return asyncio.get_running_loop().time() < self._ends_at

    @property
    def free(self) -> bool:
        """There is no session in any stage of its life."""
        return self.state in ENDED and not self.ending

    @property
    def disabled(self) -> bool:
        """The platform has sent the module away for some time."""
        return asyncio.get_running_loop().time() < self._disabled_until

    @property
    def report_pending(self) -> bool:
        """A confirmable uplink waits for its acknowledgement."""
        return self._awaited is not None

    @property
    def busy(self) -> bool:
        """An exchange with the platform is under way."""
        updating = self.client is not None and self.client.updating
        return updating or self.registering or self.closing or self.report_pending

    def open(
        self,
        make_client: MakeClient,
        server: Address,
        local_ip: str,
        service: Service | None = None,
        retries: Callable[[], int] = lambda: 0,
    ) -> None:
        """Start to register with `server`; the result is published as cloud.registered or cloud.refused.

        `retries` tells how often an automatic update that failed is tried again at once.
        """
        self._forget_client()
        self._step(CloudEvent.OPEN)
        self.server = server
        self.security = None
        self.service = service or Service()
        self._retries = retries
        self._stale = False
        self._address = local_ip
        self.client = make_client(self._from_client)
        self._reopen = lambda: self.open(make_client, server, local_ip, service, retries)
        self._publish("cloud.connecting")
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
            self._publish("cloud.refused", reason=reason)

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

    @property
    def tells_wake(self) -> bool:
        """Whether the host hears of a periodic update that has woken the chip."""
        return self.live and self.service.at_update == 2

    def woken(self) -> None:
        """The network's periodic update has woken the chip."""
        if self.tells_wake:
            self._publish("cloud.woken")
        elif self.live and self.client is not None and self.service.at_update == 1:
            self._silent = True
            self.client.refresh()

    def close(self) -> None:
        """Start to deregister; the state becomes DEREGISTERED when the platform answered or time is up."""
        client = self.client
        assert client is not None
        self._step(CloudEvent.CLOSE)
        if self._leaving is None:
            self._leaving = self._spawn(self._deregister(client))

    async def left(self) -> None:
        """Wait until a deregistration that is on its way has come to its end, whatever that is."""
        if self._leaving is not None:
            await asyncio.wait([self._leaving])

    def abandon(self) -> None:
        """Give up a registration that is on its way, without a word to anybody."""
        self._forget_client()
        self._step(CloudEvent.DROP)
        self._take_down()

    def send(self, payload: bytes, *, confirmable: bool, rai: int, sequence: int | None = None) -> int:
        """Send host data as a notification of object 19/0/0; returns its message id."""
        client = self.client
        assert client is not None
        if not self._can_send():
            message_id = client.take_message_id()
            self._publish("cloud.report_failed", message_id=message_id, reason="not_sent")
            return message_id
        message_id = client.notify(DATA_PATH, payload, confirmable=confirmable, rai=rai)
        if confirmable:
            self._awaited = message_id
            self.uplink_status = UplinkStatus.WAITING
            self.uplink_sequence = sequence
        for _ in range(1, self.service.ids_per_report):
            client.take_message_id()
        return message_id

    def update(self, binding: str) -> int:
        """Tell the platform a binding; returns the message id of the update, whose result is published."""
        client = self.client
        assert client is not None
        if self._can_send():
            return client.begin_update(binding=binding)
        message_id = client.take_message_id()
        self._publish("cloud.update_failed", automatic=False, message_id=message_id, reason="not_sent")
        return message_id

    def drop(self) -> None:
        """Forget the session without a word on the air, as a restart does."""
        self.uplink_sequence = None
        self._forget_client()
        self._step(CloudEvent.DROP)
        self.uplink_status = UplinkStatus.NOT_SENT
        self.server = None
        self.events.clear()
        self._ends_at = 0.0
        self._disabled_until = 0.0

    def address_changed(self, ip: str) -> None:
        """The bearer came back; a new address makes a live registration update itself."""
        if self.service.follows_address and self.live and self.client is not None and ip != self._address:
            self._address = ip
            self._spawn(self.client.update())

    def address_lost(self) -> None:
        """The bearer went; a session that does not follow the address sends nothing from now on."""
        if self.server is not None:
            self._stale = self.client is not None and not self.service.follows_address
            self._publish("cloud.link_lost")
            if self.live:
                self._publish("cloud.broken")

    def _can_send(self) -> bool:
        return self._link_up() and not self._stale

    def _publish(self, event: str, **values: Any) -> None:
        self.events.pop(event, None)
        self.events[event] = None
        self._hear(event, service=self.service.name, **values)

    async def _deregister(self, client: Client) -> None:
        left = await client.deregister() if self._link_up() else False
        if client is not self.client:
            return
        self._leaving = None
        reason = self._reason if self._link_up() else "not_sent"
        if self.service.ends_unanswered or client.state is ClientState.DEREGISTERED:
            self._forget_client()
            self._step(CloudEvent.CLOSED)
            self._take_down()
        self._end_report(UplinkStatus.FAILED)
        if left:
            self._publish("cloud.closed")
        else:
            self._publish("cloud.close_failed", reason=reason)

    def _end(self, event: CloudEvent) -> None:
        """The session is over from inside: forget it at once, take it down for a while."""
        self._step(event)
        self._forget_client()
        self._take_down()

    def _take_down(self) -> None:
        self._ends_at = asyncio.get_running_loop().time() + self._linger()

    def bearer_lost(self) -> None:
        """The address is gone: a confirmable uplink that waits for its acknowledgement has failed."""
        self._end_report(UplinkStatus.FAILED)

    def _end_report(self, status: UplinkStatus) -> None:
        """The fate of the confirmable uplink that is waited for, if there is one."""
        if self._awaited is not None:
            self._awaited = None
            self.uplink_status = status
            self._publish("cloud.uplink", status=int(status), sequence=self.uplink_sequence)

    def _forget_client(self) -> None:
        if self.client is not None:
            self.client.close()
            self.client = None
        self._awaited = None
        self._leaving = None

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
        self._reason = reason
        if state is ClientState.REGISTERED and self._step(CloudEvent.ACCEPTED):
            self._publish("cloud.registered")
        elif state is ClientState.REGISTERING:
            self._step(CloudEvent.RETRY)
        elif state is ClientState.REJECTED and self._step(CloudEvent.REFUSED):
            self._refused(reason)
        elif state is ClientState.TIMEOUT and self._step(CloudEvent.UNANSWERED):
            self._refused(reason or "timeout")

    def _on_security(self, state: str, reason: str | None = None) -> None:
        """The secured connection is being made ("running"), stands ("up"), "failed" or is "closed"."""
        self.security = state
        self._publish("security", state=state, reason=reason)

    def renew_security(self) -> bool:
        """Have a new DTLS session made before the next datagram; False when there is none to renew."""
        secured = None if self.client is None else self.client.secured
        if secured is None or self.security != "up":
            return False
        secured.renew()
        self.security = "pending"
        return True

    def _on_unsecured(self, reason: str) -> None:
        """There is no secured connection any more: a session that was live ends."""
        if self._step(CloudEvent.UNSECURED):
            self._forget_client()
            self._take_down()
            self._publish("cloud.unsecured", reason=reason)

    def _refused(self, reason: str | None) -> None:
        self._take_down()
        self._publish("cloud.refused", reason=reason if self._link_up() else "not_sent")

    def _on_updated(self, automatic: bool, message_id: int) -> None:
        self._retried = 0
        silent, self._silent = automatic and self._silent, False
        self._publish("cloud.updated", automatic=automatic, message_id=message_id, silent=silent)

    def _on_update_failed(self, automatic: bool, message_id: int, reason: str) -> None:
        if reason == "timeout" and not self._link_up():
            reason = "not_sent"
        self._silent = False
        ends = self.service.ends_on_refresh if automatic else self.service.ends_on_update
        if self.live and reason in ends:
            self._end(CloudEvent.DROP)
        self._publish("cloud.update_failed", automatic=automatic, message_id=message_id, reason=reason)
        if automatic and self.client is not None and self._retried < self._retries():
            self._retried += 1
            self.client.refresh()
        else:
            self._retried = 0

    def _on_observed(self, path: tuple[int, ...], active: bool, cause: str) -> None:
        if cause in ("rst", "resume"):
            return
        if path != DATA_PATH:
            kind = "observed" if active else "unobserved"
            self._publish(f"cloud.path_{kind}", path="/".join(map(str, path)))
        elif active and self._step(CloudEvent.OBSERVE):
            self._publish("cloud.observed")
        elif not active and self._step(CloudEvent.CANCEL):
            self._publish("cloud.unobserved")
            self._end_report(UplinkStatus.RESET)

    def _on_report(self, path: tuple[int, ...], message_id: int, outcome: str, confirmable: bool) -> None:
        if path != DATA_PATH:
            return
        if outcome == "sent" and not confirmable:
            self._publish("cloud.report_sent", message_id=message_id)
        if outcome not in _OUTCOMES:
            return
        if confirmable and message_id == self._awaited:
            self._end_report(UplinkStatus.FAILED if self.security == "failed" else _OUTCOMES[outcome])
        if outcome == "rst":
            self._on_reset(message_id)
        elif confirmable and outcome == "ack":
            self._publish("cloud.report_acked", message_id=message_id)
        elif confirmable:
            self._publish("cloud.report_failed", message_id=message_id, reason=outcome)

    def _on_reset(self, message_id: int) -> None:
        """A report was answered with RST: the platform does not observe any more."""
        if self.live and self.service.ends_on_reset:
            self._end(CloudEvent.RESET)
            self._publish("cloud.reset", message_id=message_id)
        elif self.live and self._step(CloudEvent.CANCEL):
            self._publish("cloud.reset", message_id=message_id)

    def _on_disabled(self, seconds: int) -> None:
        """The platform sends the module away (object 1, Disable): leave, stay away, register again."""
        if self.live and not self.disabled:
            self._disabled_until = asyncio.get_running_loop().time() + seconds
            self._publish("cloud.disabled", seconds=seconds)
            self._spawn(self._stay_away(seconds))

    async def _stay_away(self, seconds: int) -> None:
        client = self.client
        if client is not None and self._step(CloudEvent.CLOSE):
            await client.deregister()
            self._end(CloudEvent.CLOSED)
        back = max(self._disabled_until, self._ends_at)
        await asyncio.sleep(back - asyncio.get_running_loop().time())
        if self.free and self._link_up():
            self._reopen()

    def _on_written(self, path: tuple[int, ...], value: bytes, message_id: int) -> None:
        if path[0] == DATA_PATH[0]:
            self._publish("cloud.downlink", length=len(value), message_id=message_id)
            self._arrive(value)
