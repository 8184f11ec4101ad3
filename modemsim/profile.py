"""A module type as data: TOML, `extends` and `--set` make one validated, frozen profile, with precise errors.

Everything a manual prints as a value lives here: identity, spelling, error numbers, delays, limits, the list
of commands. What a command means is code (`modemsim.commands`).
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from modemsim.timing import Delay

Provenance = Literal["manual", "log", "inferred"]
SaveClass = Literal["ram", "sleep", "nvm", "reboot", "profile"]
"""Where a setting lives: RAM; kept over deep sleep; NVM; NVM, effective after a restart; NVM by AT&W."""


class ProfileError(ValueError):
    """A profile cannot be used; the message names file and key and says what was meant."""


class _Table(BaseModel):
    """A table of a profile: frozen, closed, with the source it was taken from."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    source: str = ""
    provenance: Provenance | None = None


class Identity(_Table):
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


class Serial(_Table):
    """The UART: factory rate in baud, buffer in bytes; without pacing bytes take no time."""

    baud: int
    receive_buffer: int = 3136
    pacing: bool = True
    rate: str = "+IPR.rate"
    """Setting with the rate in force after a start."""


class DialectTable(_Table):
    """How the module spells its side of the dialogue; the fields are those of `modemsim.at` `Dialect`."""

    chain: Literal["one_ok", "ok_each"] = "one_ok"
    space_after_colon: bool = True
    echo: Literal["byte", "line"] = "byte"
    busy: Literal["queue", "drop", "refuse", "abort"] = "queue"
    junk: Literal["skip", "refuse", "error"] = "skip"
    repeat: bool = True
    quiet: Literal["all", "basic"] = "all"
    quiet_urcs: bool = False
    prompt: str = "> "
    escapes: bool = True
    spacing_exceptions: frozenset[str] = frozenset()
    multi_line: Literal["block", "framed"] = "block"
    max_line: int = 4096
    quoted_numbers: bool = True
    unquoted_text: bool = True
    urc_gap: Annotated[float, BeforeValidator(lambda v: Delay.parse(v).low)] = 0.010
    typing_hold: Annotated[float, BeforeValidator(lambda v: Delay.parse(v).low)] = 2.0


def _delay(value: object) -> object:
    """A bare delay is short for a table with nothing but its range."""
    return value if isinstance(value, Mapping) and "range" in value else {"range": value}


class DelaySpec(_Table):
    """One named delay with the evidence for it."""

    range: Annotated[Delay, BeforeValidator(Delay.parse)]


class Setting(_Table):
    """A value the host can change: factory default and saving class."""

    default: Any
    save: SaveClass = "ram"


class ErrorNumbers(_Table):
    """What a group of commands answers in a named situation: a number, or "ERROR" whatever +CMEE says."""

    prefix: str = "+CME ERROR: "
    numeric_only: bool = False
    always: bool = False
    then: str | None = None
    numbers: dict[str, int | Literal["ERROR"]] = {}


class Errors(_Table):
    """Error groups (at least "general") and the wordings of +CMEE=2 that differ from 3GPP TS 27.007."""

    groups: dict[str, ErrorNumbers]
    texts: dict[str, str] = {}

    @model_validator(mode="after")
    def _has_general(self) -> Errors:
        if "general" not in self.groups:
            raise ValueError('the group "general" is missing')
        return self


class BootStep(_Table):
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
    action: Literal["at_ready", "radio_on", "none"] = "none"
    ready: int = 0
    """What is ready from here on, as a bit of the sum that AT+QINISTAT tells."""


class Boot(_Table):
    """The boot chain; `early_input`: what comes before the module takes commands waits, or is lost."""

    sequence: tuple[BootStep, ...]
    radio_on: tuple[BootStep, ...] = ()
    """What follows when the host switches the radio on again (AT+CFUN=1 after 0 or 4)."""
    early_input: Literal["wait", "lost"] = "wait"


class Urc(_Table):
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
    words: dict[str, str] = {}
    """Field of the event -> table of [words] that translates it; "*" there stands for every other value."""

    @model_validator(mode="after")
    def _one_spelling(self) -> Urc:
        if (self.line is None) == (not self.lines):
            raise ValueError("give either line or lines")
        if self.lines and self.gate is None:
            raise ValueError("lines needs a gate whose value chooses one")
        return self


class RadioTable(_Table):
    """The module's radio: access technology as AT+CEREG shows it, and the cell a recording was made in."""

    act: int = 9
    resource_blocks: int = 1
    """Width of the cell in resource blocks, by which RSSI lies above RSRP (3GPP TS 36.214 5.1.3)."""
    cell: dict[str, Any] = {}
    """Values of the simulated network (see `Network.patch`) in a run of this module alone."""


class UrcOutput(_Table):
    """Settings that decide whether unsolicited lines reach the serial line; keys of [settings]."""

    port: str | None = None
    here: tuple[str, ...] = ()
    """Values of `port` that mean this line."""
    cache: str | None = None
    """While this one is not 0, lines are kept back."""


class CommandEntry(_Table):
    """What this module changes of a command's declaration; an empty table means exactly as declared."""

    forms: tuple[Literal["test", "read", "write", "execute"], ...] | None = None
    params: dict[str, Any] = {}
    test: str | None = None
    replies: dict[str, str | list[str]] = {}
    fixed: dict[str, str | list[str]] = {}
    delay: str | None = None
    max_response: Annotated[float, BeforeValidator(lambda v: Delay.parse(v).low)] | None = None
    group: str | None = None


class Lwm2m(_Table):
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


class DtlsTable(_Table):
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
    resume: bool = False
    """Whether a new session offers to continue the last one; needs the backend openssl."""
    backend: Literal["auto", "mbedtls", "openssl"] = "auto"
    """The library: python-mbedtls, pyOpenSSL, or what is installed."""


class AccessTable(_Table):
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


class CloudTable(_Table):
    """Which settings steer the session with the platform; without one the default holds."""

    delivery: str | None = None
    """Setting with the way downlink data reaches the host (0 store, 1 at once, 2 announce); else at once."""
    lifetime: str | None = None
    """Setting with the lifetime of a registration in seconds; else the default of [lwm2m]."""
    switch: str | None = None
    """Setting that says who registers: 0 the host, 1 the module by itself, 2 nobody; else the host."""
    servers: tuple[str, ...] = ()
    """Settings with a stored server ([host, port] or []); the first one that is set counts."""
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


class Profile(_Table):
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
    radio: RadioTable = RadioTable()
    urc_output: UrcOutput = UrcOutput()
    limits: dict[str, int] = {}
    words: dict[str, dict[str, str | int]] = {}
    """Names for internal states in replies, e.g. words.nmstatus."""
    quirks: dict[str, bool] = {}

    def delays(self) -> dict[str, Delay]:
        """The [timing] table as distributions."""
        return {name: spec.range for name, spec in self.timing.items()}


def folder() -> Path:
    """Where the shipped profiles are: in the wheel, or beside the package in a checkout."""
    inside = Path(__file__).parent / "profiles"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "profiles"


def available() -> list[str]:
    """Names of the shipped profiles, sorted."""
    return sorted(path.stem for path in folder().glob("*.toml"))


def load(name_or_path: str, overrides: Iterable[str] = ()) -> Profile:
    """The profile of that name or file, with `--set` overrides ("timing.command=0s"); raises ProfileError."""
    path = _locate(name_or_path)
    data = _read(path)
    for override in overrides:
        _override(data, override)
    data["commands"] = {name: entry for name, entry in data.get("commands", {}).items() if entry is not False}
    try:
        return Profile.model_validate(data)
    except ValidationError as error:
        raise ProfileError(_explain(path, error)) from None


def _locate(name_or_path: str) -> Path:
    if name_or_path.endswith(".toml"):
        path = Path(name_or_path)
        if not path.is_file():
            raise ProfileError(f"there is no profile file {path}")
        return path
    path = folder() / f"{name_or_path}.toml"
    if "/" in name_or_path or not path.is_file():
        names = available()
        near = difflib.get_close_matches(name_or_path, names, 1)
        meant = f"; did you mean {near[0]}?" if near else ""
        shipped = ", ".join(names)
        raise ProfileError(f"there is no profile {name_or_path!r}{meant or ';'} shipped are {shipped}")
    return path


def _read(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The TOML of `path` laid over the profile it extends."""
    if path in seen:
        raise ProfileError(f"{path.name}: extends goes round in a circle")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{path.name}: not valid TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path.name}: cannot be read: {error}") from None
    parent = data.pop("extends", None)
    if parent is None:
        return data
    beside = path.parent / f"{parent}.toml"
    return _merge(_read(beside if beside.is_file() else _locate(str(parent)), (*seen, path)), data)


def _merge(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _override(data: dict[str, Any], text: str) -> None:
    """Apply one KEY=VALUE; the value is read as TOML, or as text where it is none."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ProfileError(f"--set {text}: write KEY=VALUE, for example timing.command=0s")
    try:
        parsed: Any = tomllib.loads(f"v = {value}")["v"]
    except tomllib.TOMLDecodeError:
        parsed = value
    parts = _split_key(key)
    _refuse_unknown(data, parts, text)
    table = data
    for part in parts[:-1]:
        child = table.setdefault(part, {})
        if not isinstance(child, dict):
            raise ProfileError(f"--set {text}: {part} is a value, not a table")
        table = child
    table[parts[-1]] = parsed


_OPEN_TABLES = ("timing", "limits", "settings", "quirks", "words", "commands")
"""Tables whose keys are names of the module's own, so that only the profile knows which exist."""


def _refuse_unknown(data: Mapping[str, Any], parts: list[str], text: str) -> None:
    """A name that the profile does not have would change nothing and say nothing."""
    if len(parts) < 2 or parts[0] not in _OPEN_TABLES:
        return
    known = data.get(parts[0], {})
    if parts[1] not in known:
        near = difflib.get_close_matches(parts[1], known, 1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise ProfileError(f"--set {text}: [{parts[0]}] has no {parts[1]}{meant}")


def _split_key(key: str) -> list[str]:
    """Dotted TOML key -> parts; setting keys such as settings."+CMEE.n".default may be quoted."""
    parts, quoted, current = [], False, ""
    for char in key:
        if char == '"':
            quoted = not quoted
        elif char == "." and not quoted:
            parts.append(current)
            current = ""
        else:
            current += char
    return [*parts, current]


def _explain(path: Path, error: ValidationError) -> str:
    """The first problem as one sentence with file and key."""
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"]) or "the file"
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(problem["loc"][-1]), _keys_beside(problem["loc"]), 1)
        message = "unknown key" + (f"; did you mean {near[0]!r}?" if near else "")
    elif problem["type"] == "missing":
        message = "this key is missing"
    else:
        message = f"{message} (found {problem['input']!r})"
    return f"{path.name}: {where}: {message}"


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    """Keys allowed where `location` points, for "did you mean"."""
    tables: dict[str, type[_Table]] = {
        "identity": Identity,
        "serial": Serial,
        "dialect": DialectTable,
        "boot": BootStep if len(location) > 2 else Boot,
        "lwm2m": Lwm2m,
        "access": AccessTable,
        "cloud": CloudTable,
        "dtls": DtlsTable,
        "radio": RadioTable,
        "urc_output": UrcOutput,
        "settings": Setting,
        "urcs": Urc,
        "commands": CommandEntry,
        "errors": ErrorNumbers if len(location) > 3 else Errors,
        "timing": DelaySpec,
    }
    model = tables.get(str(location[0]), Profile) if len(location) > 1 else Profile
    return [field.alias or name for name, field in model.model_fields.items()]
