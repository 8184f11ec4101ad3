"""The running module: joins serial line, terminal, USIM, radio, bearer and cloud session, and powers them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

from modemsim.at.urc import frame
from modemsim.clock import Calendar
from modemsim.coap.dtls.engine import KeyLog
from modemsim.net import Address
from modemsim.net.bearer import Bearer
from modemsim.net.resolver import NameFailed
from modemsim.net.routes import Routes
from modemsim.profile import Profile
from modemsim.radio.emm import Emm
from modemsim.radio.network import Network
from modemsim.radio.radio import Radio
from modemsim.timing import Timing
from modemsim.trace import Trace
from modemsim.ue.access import Access, registration_fields
from modemsim.ue.cloud import CloudSession
from modemsim.ue.downlinks import Delivery, Downlinks
from modemsim.ue.energy import Meter
from modemsim.ue.enrolment import Enrolment
from modemsim.ue.firmware import Firmware
from modemsim.ue.firmware_http import HttpFirmware
from modemsim.ue.hosted_session import HostedSession
from modemsim.ue.identity import Identity
from modemsim.ue.ip_services import IpServices
from modemsim.ue.language import Language
from modemsim.ue.line_rate import LineRate
from modemsim.ue.lwm2m_client import SIGNAL_STRENGTH, make_client, tuning
from modemsim.ue.nvm import Nvm
from modemsim.ue.pdp import PdpContexts
from modemsim.ue.power import EPOCH, EPOCH_ZONE, Power, PowerEvent, next_state
from modemsim.ue.raw_coap import RawCoap
from modemsim.ue.saving import early_release, setting_keys, wished
from modemsim.ue.security import Protection
from modemsim.ue.serial_line import SerialLine
from modemsim.ue.service import Service
from modemsim.ue.settings import Settings
from modemsim.ue.sleep import Sleeper
from modemsim.ue.startup import Startup
from modemsim.ue.statistics import AirTime
from modemsim.ue.terminal import Terminal
from modemsim.ue.uplinks import Uplinks
from modemsim.ue.urc_output import UrcGate
from modemsim.ue.urcs import UrcSources
from modemsim.ue.usim import SimState, Usim

SESSION_END = "session_end"
"""The delay for which a module takes a session down that has ended, where it has one."""


class Ue:
    """One module, from power key to platform; commands act on it, `publish` tells what happened inside."""

    def __init__(
        self,
        profile: Profile,
        language: Language,
        *,
        serial: SerialLine,
        network: Network,
        routes: Routes,
        trace: Trace,
        seed: int = 0,
        imei: str | None = None,
        imsi: str | None = None,
        state: Path | None = None,
        keylog: KeyLog | None = None,
    ) -> None:
        self.profile = profile
        self.catalogue = language.catalogue
        self.serial = serial
        self.network = network
        self.routes = routes
        self.trace = trace
        self.keylog = keylog
        self.timing = Timing(profile.delays, seed)
        self.identity = Identity.of(profile.identity, imei)
        self.usim = Usim(imsi or profile.identity.imsi, profile.identity.iccid, on_change=self._sim_changed)
        self.nvm = Nvm(state, profile.name, trace)
        self.settings = Settings(profile.settings, self.nvm)
        self.calendar = Calendar(EPOCH, EPOCH_ZONE)
        self.radio = Radio(
            network,
            self._readable_imsi,
            self.timing,
            self.publish,
            trace,
            profile.radio.act,
            profile.radio.resource_blocks,
        )
        self.access = Access(self.radio, network, self.settings, self.timing, self.spawn, profile.access)
        self.bearer = Bearer(self.radio, routes, self.timing, trace)
        self.bearer.keeps = lambda: network.keeps_downlinks
        self.bearer.nat_timeout = lambda: network.nat_timeout
        self.raw_coap = RawCoap(self.bearer, self.publish)
        self.pdp = PdpContexts(self.radio, self.settings, self.timing, self.publish)
        self.ip = IpServices(self)
        self.resolver, self.sockets, self.mqtt = self.ip.resolver, self.ip.sockets, self.ip.mqtt
        self.hosted = HostedSession(self)
        self.downlinks = Downlinks(
            self.limit("downlink_messages"),
            self.limit("downlink_bytes"),
            self.publish,
            profile.limits.get("downlink_history", 0),
        )
        self.cloud = CloudSession(
            self.publish,
            self.spawn,
            lambda payload: self.downlinks.arrive(payload, self.delivery(), self.cloud.service.name),
            link_up=lambda: self.radio.ip is not None,
            linger=lambda: self.timing.draw(SESSION_END) if SESSION_END in self.timing else 0.0,
        )
        self.terminal = Terminal(
            serial,
            catalogue=language.catalogue,
            errors=language.errors,
            dialect=language.dialect,
            settings=self.settings,
            ue=self,
            timing=self.timing,
            trace=trace,
            receive_buffer=profile.serial.receive_buffer,
        )
        self.terminal.on_urc_sent = self.ip.line_idle
        self.delivery: Callable[[], Delivery] = lambda: Delivery(
            self.settings.get(profile.cloud.delivery) if profile.cloud.delivery else Delivery.DIRECT
        )
        self.enrolment = Enrolment(self, profile.cloud)
        self.protection: Protection | None = None
        """That of the session opened last."""
        self.firmware = Firmware(self)
        self.http_firmware = HttpFirmware(self)
        self.uplinks = Uplinks(self)
        self.line_rate = LineRate(self)
        self.air_time = AirTime()
        self.urc_gate = UrcGate(profile.urc_output, self.settings, self._print_urc, trace)
        self.urcs = UrcSources(
            profile.urcs_by_event, self.settings, self.urc_gate.send, profile.words, self.in_force
        )
        self.startup = Startup(self)
        self.state = Power.OFF
        self._tasks: set[asyncio.Task[Any]] = set()
        self._boot_task: asyncio.Task[None] | None = None
        self._boot_lifetime: int | None = None
        self.sleeper = Sleeper(self, profile.sleep)
        self.energy = Meter(self, profile.energy)
        self.bearer.on_uplink = self.energy.sent
        self._autobaud = False
        self._rssi_index: int | None = None
        self.settings.listen(self._setting_changed)
        self._leave_network = network.listen(self._network_changed)

    # ------------------------------------------------------------ what happened inside

    def publish(self, event: str, **values: Any) -> None:
        """Record a change of state, let the parts concerned react, and print the URCs it has."""
        prepare = getattr(self, "_on_" + event.replace(".", "_"), None)
        if prepare is not None:
            values = prepare(values)
        self.trace.emit("ue", event, **values)
        self.urcs.happened(event, values)
        self.sleeper.reconsider()
        self.energy.changed()

    def _on_emm(self, values: dict[str, Any]) -> dict[str, Any]:
        return registration_fields(values)

    _on_emm_timers = _on_emm

    def _setting_changed(self, key: str, value: Any) -> None:
        self.urc_gate.changed(key, value)
        self.ip.setting_changed(key)
        self.line_rate.setting_changed(key)
        if key in setting_keys(self.profile.psm):
            self.radio.wish(wished(self.profile.psm, self.settings))
            self.radio.release_early(early_release(self.profile.psm, self.settings))
        self.sleeper.reconsider()

    def _on_pdn(self, values: dict[str, Any]) -> dict[str, Any]:
        ip = values["ip"]
        if ip is not None:
            self.access.bearer_up()
            self.cloud.address_changed(ip)
            if not self.firmware.bearer_up():
                self.enrolment.bearer_up()
        else:
            self.ip.bearer_lost()
            self.enrolment.bearer_lost()
            self.cloud.address_lost()
            if self.quirk("report_fails_with_bearer"):
                self.cloud.bearer_lost()
        self.pdp.connection_changed(ip)
        return {**values, "up": ip is not None}

    def _on_rrc(self, values: dict[str, Any]) -> dict[str, Any]:
        self.air_time.connected(bool(values["mode"]))
        if values["mode"]:
            self.bearer.awake()
        return values

    def _on_pdp(self, values: dict[str, Any]) -> dict[str, Any]:
        self.hosted.connection_changed(values["up"])
        if not values["up"]:
            self.ip.bearer_lost(by_host=values["by_host"])
        return values

    def _on_nitz(self, values: dict[str, Any]) -> dict[str, Any]:
        zone = values["zone_quarters"]
        if any(self.settings.get(key) for key in self.profile.access.network_time):
            self.calendar.set(values["utc"], zone)
        return {"utc": values["utc"], "zone": zone, "local": values["utc"] + timedelta(minutes=15 * zone)}

    def _network_changed(self) -> None:
        if self.cloud.client is not None:
            self.cloud.client.tuning = tuning(self.profile.lwm2m, self.network.coverage_level)
            self.cloud.client.changed(SIGNAL_STRENGTH)
        signal = self.radio.signal()
        if self.state is Power.ON and signal.rssi_index != self._rssi_index:
            self._rssi_index = signal.rssi_index
            self.publish("signal", rssi=signal.rssi_index, ber=signal.ber)

    def _sim_changed(self, state: SimState) -> None:
        self.publish("sim", state=state.value)
        if state is SimState.READY and self.radio.emm is Emm.LIMITED:
            self.radio.start_attach()

    def _print_urc(self, line: str, in_command: bool = False) -> None:
        """A line nobody asked for; without a rate learnt from the host there is no way to send it."""
        if self.firmware.in_boot_loader:
            self.serial.send(frame(self.terminal.fit(line)))
            self.trace.emit("at", "urc", line=line)
        elif self._autobaud and not self.terminal.heard:
            self.trace.emit("at", "no_rate", lost=line)
        elif not self.sleeper.hold(line, in_command):
            self.terminal.urc(line, in_command=in_command)

    def _readable_imsi(self) -> str | None:
        return self.usim.imsi if self.usim.ready else None

    # ------------------------------------------------------------ small services for commands

    def limit(self, name: str) -> int:
        """A figure of the profile's [limits]; raises KeyError for an unknown one."""
        return self.profile.limits[name]

    def quirk(self, name: str) -> bool:
        """Whether a named quirk of the profile is on."""
        return self.profile.quirks.get(name, False)

    def in_force(self, quirk: str | None) -> bool:
        """Whether what depends on this quirk happens: "name" on, "!name" off, None always."""
        if quirk is None:
            return True
        return self.quirk(quirk.removeprefix("!")) is not quirk.startswith("!")

    async def change_functionality(self, fun: int) -> None:
        """AT+CFUN= on a module whose USIM loses its supply at minimum functionality."""
        before = self.access.functionality
        await self.access.set_functionality(fun)
        if fun == 0 and before != 0:
            self.publish("usim_power", on=False, state=None)
        elif fun != 0 and before == 0:
            self.spawn(self._power_usim())

    async def _power_usim(self) -> None:
        await asyncio.sleep(self.timing.draw("usim_up"))
        self.publish("usim_power", on=True, state=self.usim.state.value)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something in the background until it ends or the module loses power."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            self.trace.emit("ue", "internal_error", error=repr(problem))

    def open_cloud(
        self,
        server: Address,
        *,
        name: str | None = None,
        lifetime: int | None = None,
        service: Service | None = None,
        retries: Callable[[], int] = lambda: 0,
        protection: Protection | None = None,
        binding: str | None = None,
    ) -> None:
        """Start to register with the platform at `server`; without a `name` the IMEI is the endpoint name.

        With a protection the connection is secured by DTLS, whatever the port is.
        """
        assert self.radio.ip is not None
        endpoint = name or self.identity.imei
        seconds = self.lifetime if lifetime is None else lifetime
        self.protection = protection
        self.firmware.session_opened()
        self.cloud.open(
            lambda hear: make_client(
                self, server, endpoint, seconds, self._both(hear), service, protection, binding
            ),
            server,
            self.radio.ip,
            service,
            retries,
        )

    def _both(self, hear: Callable[..., None]) -> Callable[..., None]:
        """Let the firmware update hear of the client what the cloud session hears."""

        def told(event: str, **values: Any) -> None:
            hear(event, **values)
            self.firmware.heard(event, **values)

        return told

    async def resolve(self, host: str) -> str | None:
        """The address a host name stands for, asked across the air; None when nobody tells it."""
        try:
            return (await self.resolver.resolve(host))[0]
        except NameFailed:
            return None

    @property
    def lifetime(self) -> int:
        """The lifetime of the next registration in seconds; 0: none."""
        key = self.profile.cloud.lifetime
        value = (
            self._boot_lifetime if self.quirk("lifetime_needs_restart") else key and self.settings.get(key)
        )
        return int(self.profile.lwm2m.default_lifetime if value is None else value)

    def reboot_soon(self) -> None:
        """Restart as the platform asked for, once it had its answer (object 3, Reboot)."""
        self.spawn(self._reboot())

    def factory_reset_soon(self) -> None:
        """Forget every stored setting and restart, as the platform asked for (object 3, Factory Reset)."""
        self.settings.factory_reset()
        self.reboot_soon()

    async def _reboot(self) -> None:
        await asyncio.sleep(self.timing.draw("reboot"))
        self.power("reset", cause="platform")

    @property
    def busy(self) -> bool:
        """Something is under way that keeps the chip awake."""
        return self.terminal.busy or self.cloud.busy or self.firmware.busy or bool(self._tasks)

    @property
    def uplinks_waiting(self) -> int:
        """Uplinks that wait for the signalling connection."""
        return self.bearer.waiting

    def apply_rate(self) -> None:
        """Bring the rate that the host has chosen into force; 0 is that of the host itself."""
        self.serial.baud = self.settings.get(self.profile.serial.rate) or self.serial.baud

    # ------------------------------------------------------------ power

    def power(self, action: str, *, cause: str | None = None) -> None:
        """Switch on or off, reset, or cut the supply; raises ValueError for anything else.

        `cause`: why, where it is neither key nor supply ("command", "platform"); the boot chain may tell it.
        """
        event = PowerEvent(action)
        following = next_state(self.state, event)
        self.trace.emit("power", action, before=self.state.value, after=(following or self.state).value)
        if following is None:
            return
        self.state = following
        self.startup.cause = cause or event.value
        if event is PowerEvent.SWITCH_OFF:
            self._stop_tasks()
            self._boot_task = asyncio.get_running_loop().create_task(self._switch_off())
            return
        self.energy.changed()
        self._halt()
        if following is Power.BOOTING:
            self._power_up()
            self._boot_task = asyncio.get_running_loop().create_task(self._boot())

    def close(self) -> None:
        """Cut the supply for good: what outlives this module hears and tells nothing of it any more."""
        self.power("cut")
        self._leave_network()

    def _halt(self) -> None:
        """Everything stops where it is, as when the supply is gone."""
        self.sleeper.stop()
        self.cloud.drop()
        self.hosted.drop()
        self._stop_tasks()
        self.terminal.stop()
        self.radio.kill()
        self.bearer.close()
        self.ip.clear()
        self.raw_coap.clear()
        self.downlinks.clear()
        self.uplinks.clear()
        self.line_rate.stop()
        self.air_time = AirTime()
        self.urc_gate.clear()
        self.serial.powered = False

    def _stop_tasks(self) -> None:
        if self._boot_task is not None and self._boot_task is not asyncio.current_task():
            self._boot_task.cancel()
        self._boot_task = None
        for task in tuple(self._tasks):
            if task is not asyncio.current_task():
                task.cancel()

    async def _switch_off(self) -> None:
        """Leave the network in good order, then stop."""
        await self.radio.switch_off()
        await asyncio.sleep(self.timing.draw("shutdown"))
        self.publish("power.off")
        await self.terminal.drained()
        self.state = next_state(self.state, PowerEvent.STOPPED) or self.state
        self._halt()

    def _power_up(self) -> None:
        """What is so from the first instant: stored settings, the serial line, a calendar at its epoch."""
        self.settings.restart()
        self.enrolment.restart()
        self._boot_lifetime = self.settings.get(self.profile.cloud.lifetime or "")
        self.apply_rate()
        self._autobaud = self.serial.autobaud = self.settings.get("+IPR.rate") == 0
        self.calendar = Calendar(EPOCH, EPOCH_ZONE)
        self.pdp.restart()
        self.usim.power_up()
        self.serial.powered = True
        self.startup.power_up()
        self.firmware.power_up()

    async def _boot(self) -> None:
        await self.startup.run()
        self.state = next_state(self.state, PowerEvent.BOOTED) or self.state
        self.trace.emit("power", "booted")
        self.energy.changed()
