"""The LwM2M session whose objects and answers are the host's (AT+QLW...): registration, requests, reports.

The module keeps the exchanges open and passes everything on; what it prints on each event is profile data, as
are the status numbers (`words.qlw_register`, `words.qlw_status`) and the spelling of requests
(`words.qlw_request`).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from aiocoap.numbers.codes import CHANGED, CONTENT, Code

from modemsim.coap.endpoint import Tuning
from modemsim.lwm2m.account import ACCOUNT, DISABLE
from modemsim.lwm2m.bootstrap import Account, BootstrapFailed
from modemsim.lwm2m.client import Client
from modemsim.lwm2m.hosted import Asked, HostedRequest, ResourceValue, custom_instance
from modemsim.lwm2m.model import Kind, Path
from modemsim.lwm2m.states import ClientState
from modemsim.lwm2m.tree import ObjectTree
from modemsim.net import Address
from modemsim.timing import Occasions
from modemsim.ue.bootstrap import bootstrap
from modemsim.ue.cloud import DATA_PATH
from modemsim.ue.cloud_states import Cloud
from modemsim.ue.hosted_buffer import RequestBuffer, Series, request_lines
from modemsim.ue.lwm2m_client import policy, standard_objects
from modemsim.ue.security import Protection, follow, secure

if TYPE_CHECKING:
    from modemsim.ue.module import Ue

CONFIG = "+QLWCONFIG.config"
PSK, NO_SECURITY = 0, 3
FIRMWARE = 5

_STATES = {
    ClientState.IDLE: Cloud.UNINITIALISED,
    ClientState.REGISTERING: Cloud.REGISTERING,
    ClientState.REGISTERED: Cloud.REGISTERED,
    ClientState.DEREGISTERING: Cloud.DEREGISTERING,
    ClientState.DEREGISTERED: Cloud.DEREGISTERED,
    ClientState.REJECTED: Cloud.REJECTED,
    ClientState.TIMEOUT: Cloud.TIMEOUT,
}


@dataclass(frozen=True)
class ServerConfig:
    """Where to register and as whom: AT+QLWCONFIG."""

    bootstrap: int
    host: str
    port: int
    endpoint: str
    lifetime: int
    security: int
    psk_id: str = ""
    psk: str = ""
    flag: int = 0


class HostedSession:
    """One registration whose custom objects the host serves; publishes `qlw.*` events."""

    def __init__(self, ue: Ue) -> None:
        self._ue = ue
        self._publish = ue.publish
        self.objects: dict[tuple[int, int], tuple[int, ...]] = {}
        """Custom instances by object and instance id, each with its resources (AT+QLWADDOBJ)."""
        self.buffer = RequestBuffer()
        self.series: defaultdict[str, Series] = defaultdict(Series)
        """Values that the host gives one after the other, by command."""
        self.client: Client | None = None
        self.server: Address | None = None
        self.security: str | None = None
        """The secured connection: None (plain), "running", "up", "failed", "closed"."""
        self._registering = False
        self._lost = False
        self._reason: str | None = None
        self._automatic: set[int] = set()

    # ------------------------------------------------------------ state

    @property
    def in_use(self) -> bool:
        """The host has begun to register through this session since power-on."""
        return self._registering or self.client is not None or self._lost

    @property
    def registering(self) -> bool:
        """A registration is on its way."""
        return self._registering

    @property
    def registered(self) -> bool:
        """The platform has accepted the registration, and it stands."""
        return self.client is not None and self.client.state is ClientState.REGISTERED

    @property
    def state(self) -> Cloud:
        """The session in the words that every session with a platform has."""
        if self.client is None and self._registering:
            return Cloud.REGISTERING
        if self.client is None:
            return Cloud.LOST if self._lost else Cloud.UNINITIALISED
        if self.registered and self.client.observed(DATA_PATH):
            return Cloud.OBSERVED
        return _STATES[self.client.state]

    @property
    def config(self) -> ServerConfig | None:
        """What AT+QLWCONFIG stored; None before."""
        stored = self._ue.settings.get(CONFIG)
        return ServerConfig(*stored) if stored else None

    def configure(self, config: ServerConfig | None) -> None:
        """Store or forget where to register."""
        self._ue.settings.set(CONFIG, None if config is None else list(vars(config).values()))

    def reset(self) -> None:
        """AT+QLWRESET: configuration, custom objects and what is buffered are gone."""
        self.configure(None)
        self.objects.clear()
        self.buffer.clear()

    def knows(self, path: Path) -> bool:
        """Whether a resource exists: one the host declared, or one of the module's own objects."""
        if path[:2] in self.objects:
            return path[2] in self.objects[path[0], path[1]]
        try:
            ObjectTree(*standard_objects(self._ue, ("0.0.0.0", 0))).find(path)
        except LookupError:
            return False
        return True

    # ------------------------------------------------------------ registration

    def register(self) -> None:
        """Start to register; the result is published as "qlw.registered" (status)."""
        self._registering = True
        self._lost = False
        self._ue.spawn(self._register())

    async def _register(self) -> None:
        config, ue = self.config, self._ue
        assert config is not None
        self._forget_client()
        address = await ue.resolve(config.host)
        if ue.radio.ip is None or address is None:
            self._register_failed("no_network" if ue.radio.ip is None else "no_address")
        elif config.security not in (PSK, NO_SECURITY):
            ue.trace.emit("lwm2m", "no_certificates", endpoint=config.endpoint,
                          reason="this simulator secures with pre-shared keys only")  # fmt: skip
            self._register_failed("handshake")
        else:
            await self._begin(config, (address, config.port))

    async def _begin(self, config: ServerConfig, address: Address) -> None:
        """Register at an address, or ask there for the account to register with."""
        self.security = None
        if config.bootstrap:
            try:
                protection = self._protection(config)
                account, host = await bootstrap(self._ue, address, config.endpoint, protection)
            except BootstrapFailed as problem:
                self._ue.trace.emit("lwm2m", "bootstrap_failed", server=config.host, reason=str(problem))
                self._register_failed("no_bootstrap")
                return
            self._publish("qlw.bootstrapped")
            address = (host, account.port)
            config = _with_account(config, account)
        self.server = address
        self.client = self._make_client(config, address)
        await self.client.register()

    def _register_failed(self, reason: str) -> None:
        self._registering = False
        self._publish("qlw.registered", status=self._word("qlw_register", reason), reason=reason)

    async def deregister(self) -> None:
        """Leave the platform; the result is published as "qlw.deregistered" (status)."""
        client = self.client
        assert client is not None
        self.buffer.clear()
        self._reason = None
        confirmed = await client.deregister()
        if client is self.client:
            status = 0 if confirmed else self._status(self._reason)
            self._publish("qlw.deregistered", status=status)

    async def update(self, *, lifetime: int | None = None, binding: str | None = None) -> None:
        """Update the registration; the result is published as "qlw.updated" (status, message_id)."""
        client = self.client
        assert client is not None
        self._reason = None
        done = await client.update(lifetime=lifetime, binding=binding)
        status = 0 if done else self._status(self._reason)
        self._publish("qlw.updated", status=status, message_id=client.update_id)

    def connection_changed(self, up: bool) -> None:
        """The data connection came or went: a registration does not outlive it."""
        if not up and self.registered:
            self._forget_client()
            self._lost = True
            self._publish("qlw.network", up=up)
        elif up and self._lost:
            self._publish("qlw.network", up=up)
        if up and self._ue.settings.get("+QLWCFG.auto_reg") and self.config is not None:
            self._ue.spawn(self._register_by_itself())

    async def _register_by_itself(self) -> None:
        await asyncio.sleep(self._ue.timing.draw("auto_register"))
        if self.client is None and not self._registering and self._ue.radio.ip is not None:
            self.register()

    def drop(self) -> None:
        """Forget everything that is not stored, as a restart does."""
        self._forget_client()
        self.objects.clear()
        self.buffer.clear()
        self.server = None
        self._registering = self._lost = False

    # ------------------------------------------------------------ data and answers

    def answer(self, message_id: int, code: Code, given: tuple[ResourceValue, ...] = ()) -> None:
        """The host's answer to a request; raises LookupError or ValueError as `HostedRequests.answer`."""
        if self.client is None:
            raise LookupError(f"no request {message_id} waits")
        self.client.hosted.answer(message_id, code, given)

    def waiting(self, message_id: int) -> HostedRequest | None:
        """The request that waits for an answer under this message id."""
        return None if self.client is None else self.client.hosted.find(message_id)

    def notify(self, path: Path, given: tuple[ResourceValue, ...], *, confirmable: bool, rai: int) -> None:
        """Send values to the platform: "qlw.reported" (CON only), "qlw.notified", then "qlw.report_acked"."""
        assert self.client is not None
        try:
            message_id = self.client.notify_values(path, given, confirmable=confirmable, rai=rai)
        except LookupError:
            self._publish("qlw.notified", status=self._word("qlw_status", "unobserved"))
            return
        if confirmable:
            self._publish("qlw.reported", message_id=message_id)
        self._publish("qlw.notified", status=0)

    # ------------------------------------------------------------ from the client

    def _hear(self, event: str, **values: Any) -> None:
        self._ue.firmware.heard(event, **values)
        handler = getattr(self, "_on_" + event.removeprefix("lwm2m."), None)
        if handler is not None:
            handler(**values)

    def _on_state(self, state: ClientState, reason: str | None = None) -> None:
        if state is ClientState.DEREGISTERED:
            self._reason = reason
        if not self._registering or state is ClientState.REGISTERING:
            return
        if state is ClientState.REGISTERED:
            self._registering = False
            self._publish("qlw.registered", status=0, reason=None)
        else:
            self._register_failed(self._failure(reason))

    def _failure(self, reason: str | None) -> str:
        """The profile's word for a registration that did not come about."""
        known = self._ue.profile.words["qlw_register"]
        return reason if reason in known else "refused"

    def _on_security(self, state: str, reason: str | None = None) -> None:
        self.security = state
        self._publish("security", state=state, reason=reason)

    def _on_unsecured(self, reason: str) -> None:
        """A connection that was lost cannot be made anew: the session is over."""
        if self.registered:
            self._forget_client()
            self._lost = True
            self._publish("qlw.unsecured", reason=reason)

    def _on_update_failed(self, automatic: bool, message_id: int, reason: str | None) -> None:
        self._reason = reason

    def _on_asked(self, request: HostedRequest) -> None:
        ue = self._ue
        buffered, pushes = ue.settings.get("+QLWCFG.access_mode"), ue.quirk("buffer_also_pushes")
        for text in self._lines(request):
            if buffered:
                first = self.buffer.add(text, ue.limit("qlw_buffer_items"), ue.limit("qlw_buffer_bytes"))
                if first and not pushes:
                    self._publish("qlw.buffered")
            if pushes or not buffered:
                self._publish("qlw.request", text=text)
        if ue.settings.get("+QLWCFG.auto_ack") and request.asked in (Asked.OBSERVE, Asked.WRITE):
            self._answer_by_itself(request)

    def _lines(self, request: HostedRequest) -> Iterator[str]:
        quoted = self._ue.quirk("quoted_opaque")
        return request_lines(request, self._ue.profile.words["qlw_request"], quoted=quoted)

    def _answer_by_itself(self, request: HostedRequest) -> None:
        self._automatic.add(request.message_id)
        if request.asked is Asked.WRITE:
            self.answer(request.message_id, CHANGED)
            return
        empty = (ResourceValue(request.path[2], Kind.OPAQUE, b""),) if len(request.path) == 3 else ()
        self.answer(request.message_id, CONTENT, empty)

    def _on_asked_again(self, request: HostedRequest) -> None:
        for text in self._lines(request):
            self._publish("qlw.request", text=text)

    def _on_answered(self, request: HostedRequest, outcome: str) -> None:
        if request.message_id in self._automatic:
            self._automatic.discard(request.message_id)
            return
        status = 0 if outcome in ("sent", "ack") else self._status(outcome)
        self._publish("qlw.answered", asked=str(request.asked), message_id=request.message_id, status=status)

    def _on_report(self, path: Path, message_id: int, outcome: str, confirmable: bool) -> None:
        if confirmable and outcome != "sent" and path[0] != FIRMWARE:  # what the module itself reports
            status = 0 if outcome == "ack" else self._status(outcome)
            self._publish("qlw.report_acked", status=status, message_id=message_id)

    def _on_written(self, path: Path, value: object, message_id: int) -> None:
        if path[:2] == ACCOUNT:
            self._publish("qlw.server", resource=path[2], value=value)

    def _on_disabled(self, seconds: int) -> None:
        """The server sends the module away for a time."""
        self._publish("qlw.server", resource=DISABLE, value=seconds)
        self._ue.spawn(self._stay_away(seconds))

    # ------------------------------------------------------------ inside

    def _word(self, table: str, key: str) -> str | int:
        return self._ue.profile.words[table][key]

    def _status(self, reason: str | None) -> str | int:
        """The number of a reason: an outcome ("timeout", "rst"), a response code, or anything else."""
        known = self._ue.profile.words["qlw_status"]
        return known.get(reason or "", known["other"])

    def _forget_client(self) -> None:
        if self.client is not None:
            self.client.close()
            self.client = None
        self._automatic.clear()
        self.series.clear()

    def _make_client(self, config: ServerConfig, server: Address) -> Client:
        ue = self._ue
        tree = ObjectTree(*standard_objects(ue, server, secured=config.security == PSK))
        for (object_id, instance_id), resources in self.objects.items():
            tree.add(custom_instance(object_id, instance_id, resources))
        retransmit, times = ue.settings.get("+QLWCFG.retransmit")
        plain = ue.bearer.udp()
        protection = self._ue.protection = self._protection(config)
        secured = None if protection is None else secure(ue, plain, server, protection)
        client = Client(
            name=config.endpoint,
            server=server,
            lifetime=config.lifetime,
            socket=secured or plain,
            objects=tree,
            policy=replace(
                policy(ue.profile.lwm2m),
                links=(*ue.profile.lwm2m.links, *(f"{oid}/{iid}" for oid, iid in self.objects)),
                automatic_update=bool(ue.settings.get("+QLWCFG.lifetime_enable")),
                reregister_on_failed_update=False,
            ),
            tuning=Tuning(
                ack_timeout=float(retransmit),
                ack_random_factor=ue.profile.lwm2m.ack_random_factor,
                max_retransmit=times,
                empty_ack_delay=None if ue.quirk("hold_acknowledgement") else Tuning.empty_ack_delay,
            ),
            stream=Occasions(ue.timing, "coap"),
            publish=self._hear,
            trace=ue.trace,
        )
        if secured is not None:
            follow(secured, client, self._hear)
        return client

    def _protection(self, config: ServerConfig) -> Protection | None:
        """How the connection is secured; with dtls_mode 1 the session lasts however long the module is
        silent."""
        if config.security != PSK:
            return None
        lasting = bool(self._ue.settings.get("+QLWCFG.dtls_mode"))
        return Protection(config.psk_id, bytes.fromhex(config.psk), renew=not lasting)

    async def _stay_away(self, seconds: int) -> None:
        if self.client is not None:
            await self.client.deregister()
        await asyncio.sleep(seconds)
        if not self.registered and not self._registering and self.config is not None:
            self.register()


def _with_account(config: ServerConfig, account: Account) -> ServerConfig:
    """A configuration whose platform is that of a bootstrap."""
    return replace(
        config,
        bootstrap=0,
        host=account.host,
        port=account.port,
        lifetime=account.lifetime,
        security=PSK if account.secured else NO_SECURITY,
        psk_id=account.identity,
        psk=account.key.hex(),
    )
