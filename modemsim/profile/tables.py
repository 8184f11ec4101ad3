"""The tables of a profile: every value a manual prints, frozen, closed, each with source and provenance."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from modemsim.profile.base import Provenance as Provenance
from modemsim.profile.base import Table
from modemsim.profile.events import EVENTS
from modemsim.profile.paste import Paste
from modemsim.profile.power import EnergyTable, PsmTable, Seconds, SleepTable
from modemsim.profile.sockets import SocketOptionsTable
from modemsim.timing import Delay

SaveClass = Literal["ram", "sleep", "nvm", "reboot", "profile"]
"""Where a setting lives: RAM; kept over deep sleep; NVM; NVM, effective after a restart; NVM by AT&W."""


class Identity(Table):
    """What the module says it is, and the subscriber identity it ships with in the simulator."""

    manufacturer: str
    model: str
    revision: str
    imei: str = Field(pattern=r"^\d{15}$")
    imeisv: str = Field(pattern=r"^\d{16}$")
    svn: str = Field(pattern=r"^\d{2}$")
    serial_number: str
    imsi: str = Field(pattern=r"^\d{15}$")
    iccid: str = Field(pattern=r"^[0-9A-F]{18,20}$")
    info: tuple[str, ...] = ()
    """The lines of ATI, with {manufacturer}, {model} and {revision}."""


class Serial(Table):
    """The UART: factory rate in baud, buffer in bytes; without pacing bytes take no time."""

    baud: int
    ri_pulse: Seconds = 0.12
    """Length of the pulse on RI with which an unsolicited line is announced; 0: none."""
    receive_buffer: int = 3136
    pacing: bool = True
    rate: str = "+IPR.rate"
    """Setting with the rate in force after a start."""
    rts: str | None = None
    """Setting that lets the host stop the module by RTS while it is 2; else RTS means nothing."""
    cts: str | None = None
    """Setting that lets the module stop the host by CTS while it is 2; else CTS is always on."""


class DialectTable(Table):
    """How the module spells its side of the dialogue; the fields are those of `modemsim.at` `Dialect`."""

    chain: Literal["one_ok", "ok_each"] = "one_ok"
    space_after_colon: bool = True
    echo: Literal["byte", "line"] = "byte"
    busy: Literal["queue", "drop", "refuse", "abort"] = "queue"
    junk: Literal["skip", "refuse", "error"] = "skip"
    repeat: bool = True
    line_errors: Literal["lost", "refuse"] = "lost"
    quiet: Literal["all", "basic"] = "all"
    quiet_urcs: bool = False
    prompt: str = "> "
    escapes: bool = True
    spacing_exceptions: frozenset[str] = frozenset()
    separators: dict[str, str] = {}
    multi_line: Literal["block", "framed"] = "block"
    max_line: int = 4096
    quoted_numbers: bool = True
    unquoted_text: bool = True
    urc_gap: Annotated[float, BeforeValidator(lambda v: Delay.parse(v).low)] = 0.010
    typing_hold: Annotated[float, BeforeValidator(lambda v: Delay.parse(v).low)] = 2.0


def _delay(value: object) -> object:
    """A bare delay is short for a table with nothing but its range."""
    return value if isinstance(value, Mapping) and "range" in value else {"range": value}


class DelaySpec(Table):
    """One named delay with the evidence for it."""

    range: Annotated[Delay, BeforeValidator(Delay.parse)]


class Setting(Table):
    """A value the host can change: factory default and saving class."""

    default: Any
    save: SaveClass = "ram"


class ErrorNumbers(Table):
    """What a group of commands answers in a named situation: a number, or "ERROR" whatever +CMEE says."""

    prefix: str = "+CME ERROR: "
    numeric_only: bool = False
    always: bool = False
    then: str | None = None
    numbers: dict[str, int | Literal["ERROR"]] = {}


class Errors(Table):
    """Error groups (at least "general") and the wordings of +CMEE=2 that differ from 3GPP TS 27.007."""

    groups: dict[str, ErrorNumbers]
    texts: dict[str, str] = {}

    @model_validator(mode="after")
    def _has_general(self) -> Errors:
        if "general" not in self.groups:
            raise ValueError('the group "general" is missing')
        return self


class BootStep(Table):
    """One line of the boot chain: printed `after` its delay, counted from the step before.

    {cause} in the line is the profile's word (words.boot_cause) for why the module started. `noise`: at most
    so many bytes that the boot ROM sends at another rate come first.
    """

    after: str
    noise: int = 0
    line: str | None = None
    when: Literal["always", "sim", "no_sim", "pin"] = "always"
    quirk: str | None = None
    """Only while this quirk is on, or with a "!" in front, off."""
    action: Literal["at_ready", "radio_on", "firmware_result", "none"] = "none"
    ready: int = 0
    """What is ready from here on, as a bit of the sum that AT+QINISTAT tells."""


class Boot(Table):
    """The boot chain; `early_input`: what comes before the module takes commands waits, or is lost."""

    sequence: tuple[BootStep, ...]
    radio_on: tuple[BootStep, ...] = ()
    """What follows when the host switches the radio on again (AT+CFUN=1 after 0 or 4)."""
    early_input: Literal["wait", "lost"] = "wait"


class Urc(Table):
    """One unsolicited line: which event causes it, under which condition, how it is spelled."""

    on: str
    when: dict[str, str | int | bool] = {}
    gate: str | None = None
    """Key of the setting that switches it on; with `lines` its value chooses the spelling."""
    line: str | None = None
    lines: dict[str, str] = {}
    in_command: bool = False
    quirk: str | None = None
    """Only while this quirk is on, or with a "!" in front, off."""
    bare: bool = False
    """The text stands on the line as it is, without CR LF around it."""
    words: dict[str, str] = {}
    """Field of the event -> table of [words] that translates it; "*" there stands for every other value."""

    @field_validator("on")
    @classmethod
    def _known_event(cls, on: str) -> str:
        if on not in EVENTS:
            near = difflib.get_close_matches(on, EVENTS, 1)
            raise ValueError("there is no such event" + (f"; did you mean {near[0]!r}?" if near else ""))
        return on

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every way in which it may be spelled."""
        return (self.line,) if self.line is not None else tuple(self.lines.values())

    @model_validator(mode="after")
    def _one_spelling(self) -> Urc:
        if (self.line is None) == (not self.lines):
            raise ValueError("give either line or lines")
        if self.lines and self.gate is None:
            raise ValueError("lines needs a gate whose value chooses one")
        return self


class RadioTable(Table):
    """The module's radio: access technology as AT+CEREG shows it, and the cell a recording was made in."""

    act: int = 9
    resource_blocks: int = 1
    """Width of the cell in resource blocks, by which RSSI lies above RSRP (3GPP TS 36.214 5.1.3)."""
    cell: dict[str, Any] = {}
    """Values of the simulated network (see `Network.patch`) in a run of this module alone."""


class UrcOutput(Table):
    """Settings that decide whether unsolicited lines reach the serial line; keys of [settings]."""

    port: str | None = None
    here: tuple[str, ...] = ()
    """Values of `port` that mean this line."""
    cache: str | None = None
    """While this one is not 0, lines are kept back."""


class CommandEntry(Table):
    """What this module changes of a command's declaration; an empty table means exactly as declared."""

    forms: tuple[Literal["test", "read", "write", "execute"], ...] | None = None
    params: dict[str, Any] = {}
    test: str | None = None
    replies: dict[str, str | list[str]] = {}
    fixed: dict[str, str | list[str]] = {}
    delay: str | None = None
    max_response: Annotated[float, BeforeValidator(lambda v: Delay.parse(v).low)] | None = None
    group: str | None = None


class Lwm2m(Table):
    """How the module's LwM2M client registers and retransmits; times in seconds."""

    version: str = "1.0"
    binding: str = "U"
    root: str = '</>;rt="oma.lwm2m"'
    links: tuple[str, ...] = ()
    """Objects and instances ("1/0") in the order in which a registration lists them, behind `root`."""
    default_lifetime: int = 86400
    update_at: float = 0.9
    refresh: tuple[tuple[int, float, float], ...] = ()
    """Instead of `update_at`; this, the two flags and `disable` as in `modemsim.lwm2m.policy`."""
    reregister_on_failed_update: bool = True
    keep_on_failed_update: bool = False
    disable: bool = False
    observe_answer_hex: str = ""
    observe_format: int = 42
    """Content format of the answer to the Observe of the data resource."""
    notify_observe_option: bool = True
    ack_timeout: float | tuple[float, float, float] = (2.0, 6.0, 10.0)
    """One value, or one for each coverage level."""
    ack_random_factor: float = 1.0
    max_retransmit: int = 4
    nstart: int = 4
    """Confirmable messages that may wait for their acknowledgement at the same time (RFC 7252 4.7)."""


_Seconds = Annotated[float, BeforeValidator(lambda v: Delay.parse(v).low)]


class DtlsTable(Table):
    """How the module secures a connection with a pre-shared key; times as durations."""

    suites: tuple[Literal["PSK_WITH_AES_128_CCM_8", "PSK_WITH_AES_128_CBC_SHA256"], ...] = (
        "PSK_WITH_AES_128_CCM_8",
        "PSK_WITH_AES_128_CBC_SHA256",
    )
    """What it offers, in order, unless the host chooses."""
    retransmit_first: _Seconds = 1.0
    retransmit_longest: _Seconds = 60.0
    """A handshake flight is sent again after the first interval, which doubles up to the longest; when that
    is over too, the handshake has failed (RFC 6347 4.2.4.1)."""
    renew_after: _Seconds | None = None
    """A session whose last datagram to the platform is older is made anew before the next one."""
    kept_asleep: bool = True
    """Whether a session outlives deep sleep; else it is made anew before the next datagram."""
    resume: bool = False
    """Whether a new session offers to continue the last one; needs the backend openssl."""
    backend: Literal["auto", "mbedtls", "openssl"] = "auto"
    """The library: python-mbedtls, pyOpenSSL, or what is installed."""


class AccessTable(Table):
    """Which settings steer the search for a network, and the number of the default bearer."""

    bands: str | None = "+QBAND.bands"
    """Setting with the bands that are searched; without it all are."""
    network_time: tuple[str, ...] = ("+CTZU.onoff",)
    """Settings of which any switches setting the calendar by network time on."""
    apn: str | None = None
    """Setting with the access point name the module asks for; without one, or empty, the network's."""
    default_cid: int = 0
    autoconnect: str | None = None
    """Setting that lets the module switch its radio on and attach by itself; else it always does."""
    channel: str | None = None
    """Setting with the only channel (EARFCN) that is used, -1 for any; else any."""
    reselection: str | None = None
    """Setting that lets an idle module move to a better cell; else it always does."""


class CloudTable(Table):
    """Which settings steer the session with the platform; without one the default holds."""

    delivery: str | None = None
    """Setting with the way downlink data reaches the host (0 store, 1 at once, 2 announce); else at once."""
    lifetime: str | None = None
    """Setting with the lifetime of a registration in seconds; else the default of [lwm2m]."""
    switch: str | None = None
    """Setting that says who registers: 0 the host, 1 the module by itself, 2 nobody; else the host."""
    servers: tuple[str, ...] = ()
    """Settings with a stored server ([host, port] or []); the first one that is set counts."""
    bootstrap: str | None = None
    """Setting with a stored bootstrap server ([host, port] or []), asked when no other server is set."""
    hold_off: str | None = None
    """Setting with the seconds the module waits before it asks."""
    security: str | None = None
    """Setting that asks for a secured connection when it is not 0."""
    credentials: str | None = None
    """Setting with the identity and the key, as hex digits, of a secured connection."""
    lasting: str | None = None
    """Setting that keeps a secured connection however long the module is silent, when it is not 0."""
    endpoint: str | None = None
    """Setting with the endpoint name; else, or when empty, the IMEI."""
    binding: str | None = None
    """Setting with the binding mode (1: U, 2: UQ); else that of [lwm2m]."""


class SocketsTable(Table):
    """The module's TCP/IP sockets; sizes in bytes.

    `ids`: how many there are, numbered from 0. `buffer`: received data that waits for the host, each socket;
    `send_buffer`: sent data without acknowledgement; `push`: most in one line that hands data over.
    `announce`: waiting data is announced once until it was read, or with every arrival. `numbers`: result of
    each situation. `show_length`, `show_address`: settings that put them into the line with received data.
    `options`: the other settings that sockets listen to.
    """

    ids: int = 5
    buffer: int = 4096
    send_buffer: int = 8192
    push: int = 1024
    announce: Literal["once", "each"] = "once"
    show_length: str | None = None
    show_address: str | None = None
    options: SocketOptionsTable = SocketOptionsTable()
    numbers: dict[str, int] = {}


class MqttTable(Table):
    """The module's MQTT clients: results of an opening by situation, and of an end by its cause.

    `clients`: how many there are, numbered from 0. `stored`: messages that wait for the host, each client.
    `receive`, `publish`: bytes of the longest packet with a message, None without a limit. `in_flight`:
    messages that wait for their acknowledgement at a time.
    """

    clients: int = 6
    stored: int = 5
    receive: int | None = None
    publish: int | None = None
    in_flight: int | None = None
    numbers: dict[str, int] = {}
    status: dict[str, int] = {}


class FirmwareTable(Table):
    """How the module updates its firmware over object 5; times in seconds."""

    schemes: tuple[Literal["coap", "coaps"], ...] = ("coap",)
    """Schemes of package URIs it can download from; resource 5/0/8 tells their numbers."""
    block: Literal[16, 32, 64, 128, 256, 512, 1024] = 512
    block_wait: float = 10.0
    block_repeats: int = 5
    """How often a block that did not come within `block_wait` is asked for again."""
    starts: Literal["at_once", "acknowledged"] = "at_once"
    """When a download starts: at the write of the URI, or when the server has acknowledged state 1."""
    resume: bool = False
    """Whether a download after a broken connection goes on where it stopped, if the package is the same."""
    after_restart: Literal["fail", "continue"] = "fail"
    """What becomes of a download that a restart interrupts: result 4, or it goes on once registered."""
    source_check: Literal["download", "update"] = "update"
    """When a package for another source revision is found out: result 5 instead of state 2, or result 8."""
    told: Literal["boot_loader", "boot", "session"] = "boot_loader"
    """When the host is told the result: before the boot chain, in it, or when a session is opened."""
    steps: int = 50
    """Progress reports of a whole update."""
    registers: bool = False
    """Whether the module registers by itself after a restart during an update, else the host has to."""
    asks_setting: str | None = None
    """Setting that lets the host decide about download and update while it is not 0."""
    asks_service: str | None = None
    """Command family in whose sessions the host decides about a download within timing.fota_consent."""


class Profile(Table):
    """One module type and firmware revision, complete and checked."""

    schema_version: Literal[1] = Field(alias="schema")
    name: str
    title: str
    families: tuple[str, ...]
    identity: Identity
    serial: Serial
    dialect: DialectTable = DialectTable()
    timing: dict[str, Annotated[DelaySpec, BeforeValidator(_delay)]]
    settings: dict[str, Setting]
    errors: Errors
    boot: Boot
    urcs: tuple[Urc, ...] = ()
    commands: dict[str, CommandEntry]
    lwm2m: Lwm2m
    access: AccessTable = AccessTable()
    cloud: CloudTable = CloudTable()
    dtls: DtlsTable = DtlsTable()
    psm: PsmTable = PsmTable()
    sleep: SleepTable | None = None
    energy: EnergyTable | None = None
    firmware: FirmwareTable | None = None
    radio: RadioTable = RadioTable()
    urc_output: UrcOutput = UrcOutput()
    sockets: SocketsTable = SocketsTable()
    cip: SocketsTable = SocketsTable()
    """The connections of the SIM800-style commands, which have numbers of their own."""
    mqtt: MqttTable = MqttTable()
    paste: Paste = Paste()
    limits: dict[str, int] = {}
    words: dict[str, dict[str, str | int]] = {}
    """Names for internal states in replies, e.g. words.nmstatus."""
    quirks: dict[str, bool] = {}

    @cached_property
    def urcs_by_event(self) -> Mapping[str, tuple[Urc, ...]]:
        """The [[urcs]] by what causes them, in their order; made once for all modules of this profile."""
        events: dict[str, list[Urc]] = {}
        for urc in self.urcs:
            events.setdefault(urc.on, []).append(urc)
        return {event: tuple(urcs) for event, urcs in events.items()}

    @cached_property
    def delays(self) -> Mapping[str, Delay]:
        """The [timing] table as distributions; made once for all modules of this profile."""
        return {name: spec.range for name, spec in self.timing.items()}
