"""One module on the air: attach and detach (EMM), the RRC connection, the PDN connection, radio figures."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable
from ipaddress import IPv4Address

from modemsim.radio.emm import TRANSITIONS, Emm, EmmEvent
from modemsim.radio.network import Network
from modemsim.radio.psm import PowerSaving, Saving
from modemsim.radio.reselection import Reselection
from modemsim.radio.rrc import RAI_NO_MORE_DATA, RadioDown, Rrc, RrcConnection
from modemsim.radio.signal import Signal, measured
from modemsim.timing import Timing
from modemsim.trace import Trace

ACT_NB_IOT = 9  # <AcT> "E-UTRAN (NB-S1 mode)" (3GPP TS 27.007 10.1.22)
POOL_BASE = int(IPv4Address("100.64.0.0"))  # shared address space of operators (RFC 6598)
POOL_SIZE = 1 << 22


class Radio:
    """EMM, RRC and PDN of one module; every change is published and traced.

    Published: `emm` (stat, tac, ci, act, reject: EMM cause of a refusal, saving: timers), `emm.timers`
    (the same, when only the timers changed), `rrc` (mode 0 or 1), `psm` (asleep), `pdn` (ip or None) and
    `nitz` (utc, zone_quarters). tac, ci and act are None unless registered. Coverage that is lost and comes
    back keeps the PDN connection and its address (3GPP TS 24.301 5.2.3.2.5).
    """

    def __init__(
        self,
        network: Network,
        imsi: Callable[[], str | None],
        timing: Timing,
        publish: Callable[..., None],
        trace: Trace,
        act: int = ACT_NB_IOT,
        resource_blocks: int = 1,
    ) -> None:
        self.network = network
        self.act = act
        self.emm = Emm.OFF
        self.ip: str | None = None
        self.backed_off = False
        self.full_search = False
        """No channel is remembered: the next search goes through all of them (delay "full_search")."""
        self._width = round(10 * math.log10(resource_blocks))
        self._imsi = imsi
        self._timing = timing
        self._publish = publish
        self._trace = trace
        self._rrc = RrcConnection(
            timing, lambda: self._by_level("rrc_setup"), lambda: self.reachable, self._rrc_changed
        )
        self.saving = PowerSaving(lambda asleep: publish("psm", asleep=asleep), self._update_due)
        self.reselection = Reselection(network, timing, trace, self._can_move, self._moved)
        self._updating: asyncio.Task[None] | None = None
        self._step: asyncio.TimerHandle | None = None
        self._nitz: asyncio.TimerHandle | None = None
        self._leave_network: Callable[[], None] = lambda: None
        self._gone_cell = (False, False)  # outage, barred, as this module knows them
        self._life = 0
        self._reported: tuple[int, int | None, int | None, int | None] = (0, None, None, None)
        self._reported_saving = Saving()
        self.until_paging = self.saving.until_paging
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def rrc(self) -> Rrc:
        """The signalling connection: idle or connected."""
        return self._rrc.state

    @property
    def connected(self) -> bool:
        """The signalling connection stands."""
        return self._rrc.state is Rrc.CONNECTED

    @property
    def reject(self) -> int | None:
        """EMM cause of the refusal the module stands under; None when there is none."""
        return self._reported[3]

    @property
    def attached(self) -> bool:
        """Registered in the network, at home or roaming."""
        return self.emm.registered

    @property
    def off(self) -> bool:
        """Not on the air at all."""
        return self.emm is Emm.OFF

    @property
    def asleep(self) -> bool:
        """In PSM: nothing reaches the module before it wakes by itself."""
        return self.saving.asleep

    @property
    def reachable(self) -> bool:
        """Attached, and the air carries something at this moment."""
        return self.attached and self._heard

    @property
    def _heard(self) -> bool:
        """There is a cell for this module: a barred one carries what was connected before."""
        return not self.network.outage and (not self.network.barred or self.connected)

    def switch_on(self, *, attach: bool = True) -> None:
        """AT+CFUN=1: search, attach (unless told not to), get an address; without a USIM limited service."""
        if self.emm is not Emm.OFF:
            return
        self._leave_network = self.network.listen(self._network_changed)
        self._gone_cell = (self.network.outage, self.network.barred)
        if self._imsi() is None:
            self._enter(EmmEvent.SWITCH_ON_WITHOUT_SIM)
            return
        if not attach:
            self._enter(EmmEvent.SWITCH_ON_WITHOUT_ATTACH)
            return
        self._enter(EmmEvent.SWITCH_ON)
        self._search()

    async def switch_off(self) -> None:
        """AT+CFUN=0 or 4: detach with its signalling, then nothing is on the air."""
        if self.emm is not Emm.OFF:
            await self._detach(EmmEvent.SWITCH_OFF)

    def kill(self) -> None:
        """Power cut: everything stops where it is and nobody is told."""
        if self.emm is Emm.OFF:
            return
        self._trace.emit("air", "power_cut")
        self._rrc.cut("the power was cut")
        self.ip = None
        self.emm = TRANSITIONS[self.emm, EmmEvent.SWITCH_OFF]
        self.saving.gone()
        self._reported = (self.emm.stat, None, None, None)
        self._gone()
        self._wake()

    def start_attach(self) -> None:
        """AT+CGATT=1 in the background; nothing to do when attached or on the way."""
        if (self.emm, EmmEvent.ATTACH) in TRANSITIONS and self._imsi() is not None:
            self._enter(EmmEvent.ATTACH)
            self._search()

    async def attach(self) -> None:
        """AT+CGATT=1 to its end, however long the network is away; raises RadioDown when it is refused."""
        self.start_attach()
        while not self.attached:
            if self.emm not in (Emm.SEARCHING, Emm.ATTACHING):
                raise RadioDown(f"no attach: the module is {self.emm.label}")
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(future)
            await future

    async def detach(self) -> None:
        """AT+CGATT=0: leave the network with its signalling and stay switched on."""
        if self.emm not in (Emm.OFF, Emm.DETACHED):
            await self._detach(EmmEvent.DETACH)

    async def connect(self) -> None:
        """Return once the RRC connection stands; raises RadioDown when not attached or coverage is lost."""
        if not self.attached:
            raise RadioDown(f"not attached: the module is {self.emm.label}")
        if self.asleep:
            self.saving.wanted()
            if any(self._gone_cell):
                self._outage_began()
            self.reselection.consider()
        await self._rrc.wait()

    def wish(self, saving: Saving) -> None:
        """Ask the network for these timers: with the attach, or by an update when attached already."""
        changed, self.saving.wish = saving != self.saving.wish, saving
        if changed and self.attached:
            self._update_due()

    def release_early(self, after: float | None) -> None:
        """Ask for the release after so many seconds without data (None: do not ask)."""
        if after != self._rrc.early:
            self._rrc.early = after
            self._rrc.activity()

    def renumber(self) -> None:
        """Get another address on the bearer that stands."""
        self._new_address()
        self._pdn_changed()

    def activity(self, rai: int = 0, *, downlink: bool = False, lasting: float = 0.0) -> None:
        """Data goes either way for `lasting` seconds: restarts the inactivity timer behind it.

        `rai` 1: no more data, release soon after this uplink; 2: release soon after the next downlink.
        """
        self._rrc.activity(rai, downlink=downlink, lasting=lasting)

    def latency(self) -> float:
        """Draw the one-way time of a datagram, in seconds."""
        if self.network.latency is not None:
            return self.network.latency.draw(self._timing.stream("latency"))
        return self._timing.draw(f"latency_ce{self.network.coverage_level}")

    def lost(self) -> bool:
        """Draw whether a datagram is lost on the way."""
        loss = self.network.loss
        return loss > 0 and self._timing.stream("loss").random() < loss

    def signal(self) -> Signal:
        """The figures of this instant for CSQ, CESQ and cell reports."""
        listening = self.emm.camped and self._heard
        return measured(self.network, self._width) if listening else Signal()

    def _search(self) -> None:
        if self.network.outage or (self.network.barred and not self.reselection.select()):
            return  # `_network_changed` goes on from here
        total = self._by_level("attach")
        signalling = min(self._by_level("rrc_setup"), total)
        if self.full_search:
            self.full_search = False
            total += self._timing.draw("full_search")
        self._later(total - signalling, lambda: self._cell_found(signalling))

    def _cell_found(self, signalling: float) -> None:
        self._enter(EmmEvent.CELL_FOUND)
        self._rrc.establish()
        self._rrc.keep()
        self._later(signalling, self._attach_answered)

    def _attach_answered(self) -> None:
        imsi = self._imsi()
        if imsi is None:
            self._refused(EmmEvent.SIM_GONE)
            return
        self.backed_off = self.network.congested
        if self.backed_off:
            self._rrc.release()
            self._enter(EmmEvent.BACKED_OFF)
            self._later(self._timing.draw("search_retry"), self._search)
            return
        subscriber = self.network.subscriber(imsi)
        if not subscriber.allowed:
            self._refused(EmmEvent.REJECTED, subscriber.cause)
            return
        self._accepted(EmmEvent.ACCEPTED_ROAMING if subscriber.roaming else EmmEvent.ACCEPTED)

    def _accepted(self, event: EmmEvent) -> None:
        self._rrc.activity()
        self.saving.granted = self.network.grant(self.saving.wish)
        fresh = self.ip is None
        if fresh:
            self._new_address()
        life = self._life
        self._enter(event)
        if fresh and life == self._life:
            self._pdn_changed()
            loop = asyncio.get_running_loop()
            self._nitz = loop.call_later(self._timing.draw("nitz"), self._tell_time)

    def _new_address(self) -> None:
        self.ip = str(IPv4Address(POOL_BASE + self._timing.dice("ip").randrange(1, POOL_SIZE - 1)))

    def _refused(self, event: EmmEvent, cause: int | None = None) -> None:
        self._rrc.release()
        self._drop_pdn()
        self._enter(event, cause)

    async def _detach(self, event: EmmEvent) -> None:
        life = self._life
        self._cancel_step()
        if self.reachable:
            with contextlib.suppress(RadioDown):
                await self._rrc.wait()
                self._rrc.keep()
                await asyncio.sleep(self._timing.draw("detach"))
        if life != self._life or (self.emm, event) not in TRANSITIONS:
            return  # the power was cut, or somebody else has detached meanwhile
        self._rrc.lose("the module detached")
        self._cancel_step()
        self._drop_pdn()
        self._enter(event)
        if self.emm is Emm.OFF:
            self._gone()

    def _network_changed(self) -> None:
        (was_out, was_barred), (out, barred) = self._gone_cell, (self.network.outage, self.network.barred)
        self._gone_cell = (out, barred)
        if (out and not was_out) or (barred and not was_barred and not out):
            self._outage_began()
        elif (was_out and not out) or (was_barred and not barred and not out):
            if self.attached and not barred:
                self._cancel_step()
                self._rrc.resume()
            elif self.emm is Emm.SEARCHING:
                self._later(self._timing.draw("search_retry"), self._search)
        self._report()
        self.reselection.consider()

    def _can_move(self) -> bool:
        return self.attached and not self.connected and not self.asleep

    def _moved(self, elsewhere: bool) -> None:
        """On another cell: one of another tracking area has to be told."""
        if elsewhere:
            self._update_due()

    def _update_due(self) -> None:
        """T3412 has run out, or new timers are wanted: a tracking area update."""
        if self._updating is None or self._updating.done():
            self._updating = asyncio.get_running_loop().create_task(self._update())

    async def _update(self) -> None:
        with contextlib.suppress(RadioDown):
            await self.connect()
            self.saving.granted = self.network.grant(self.saving.wish)
            self._trace.emit("air", "tau", active=self.saving.granted.active)
            self._report()
            self._rrc.activity(rai=RAI_NO_MORE_DATA)

    def _outage_began(self) -> None:
        if self.asleep or self._heard:
            return  # noticed at the next sign of life, or behind the connection
        if self.attached:
            self._later(self._timing.draw("out_of_coverage"), self._coverage_lost)
        elif self.emm is Emm.ATTACHING:
            self._coverage_lost()
        elif self.emm is Emm.SEARCHING:
            self._cancel_step()

    def _coverage_lost(self) -> None:
        self._rrc.lose("out of coverage")
        self._cancel_step()
        self._enter(EmmEvent.CELL_LOST)
        if not self.network.outage:
            self._later(self._timing.draw("search_retry"), self._search)

    def _enter(self, event: EmmEvent, cause: int | None = None) -> None:
        self.emm = TRANSITIONS[self.emm, event]
        if not self.attached:
            self.saving.gone()
        self._trace.emit("air", "emm", state=self.emm.label, stat=self.emm.stat, cause=cause)
        self._report(cause)
        self._wake()

    def _report(self, cause: int | None = None) -> None:
        tac, ci = (self.network.tac, self.network.cell_id) if self.attached else (None, None)
        if self.emm is Emm.DENIED and cause is None:
            cause = self._reported[3]
        report, saving = (self.emm.stat, tac, ci, cause), self.saving.granted
        if report == self._reported and saving == self._reported_saving:
            return
        event = "emm.timers" if report == self._reported else "emm"
        self._reported, self._reported_saving = report, saving
        act = self.act if self.attached else None
        self._publish(event, stat=self.emm.stat, tac=tac, ci=ci, act=act, reject=cause, saving=self.saving)

    def _rrc_changed(self, state: Rrc) -> None:
        self._trace.emit("air", "rrc", state=state.name.lower())
        if state is Rrc.CONNECTED:
            self.saving.connected()
        elif self.attached:
            self.saving.released()
            if any(self._gone_cell):
                self._outage_began()
        self._publish("rrc", mode=state.value)
        self.reselection.consider()

    def _pdn_changed(self) -> None:
        self._trace.emit("air", "pdn", ip=self.ip, apn=self.network.apn)
        self._publish("pdn", ip=self.ip)

    def _drop_pdn(self) -> None:
        if self._nitz is not None:
            self._nitz.cancel()
            self._nitz = None
        if self.ip is not None:
            self.ip = None
            self._pdn_changed()

    def _tell_time(self) -> None:
        self._nitz = None
        self._publish("nitz", utc=self.network.now_utc(), zone_quarters=self.network.zone_quarters)

    def _gone(self) -> None:
        self._life += 1
        self.backed_off = False
        self.reselection.stop()
        self._cancel_step()
        if self._nitz is not None:
            self._nitz.cancel()
            self._nitz = None
        self._leave_network()

    def _by_level(self, name: str) -> float:
        level = self.network.coverage_level
        return self._timing.draw(f"{name}_ce{level}" if level else name)

    def _later(self, delay: float, step: Callable[[], None]) -> None:
        self._cancel_step()
        self._step = asyncio.get_running_loop().call_later(delay, step)

    def _cancel_step(self) -> None:
        if self._step is not None:
            self._step.cancel()
            self._step = None

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for future in waiters:
            if not future.done():
                future.set_result(None)
