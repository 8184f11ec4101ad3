"""The JSON of the control API: what comes in (unknown fields refused) and what goes out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _hex(text: str) -> str:
    try:
        bytes.fromhex(text)
    except ValueError:
        raise ValueError(f"{text!r} is not hex: write two digits for each byte") from None
    return text


class _Request(BaseModel):
    """What a client sends: closed, since a misspelt field that does nothing is a trap."""

    model_config = ConfigDict(extra="forbid", strict=True)


class PowerRequest(_Request):
    """Press the power key, pull the reset line or cut the supply."""

    action: Literal["on", "off", "reset", "cut"]


class SimRequest(_Request):
    """Put the USIM in, or take it out."""

    present: bool


class DeviceRequest(_Request):
    """A device as its owner makes it known; with a key it can only register over DTLS.

    Without `psk_identity` the device's IMEI, or else its endpoint name, is the identity.
    """

    psk_hex: Annotated[str, AfterValidator(_hex)] | None = Field(
        default=None, examples=["00112233445566778899"]
    )
    psk_identity: str | None = None


class FaultRequest(_Request):
    """A fault of the list in docs/faults.md, with its parameters as text or numbers."""

    name: str = Field(examples=["delay"])
    parameters: dict[str, str | int | float] = Field(default={}, examples=[{"of": "urc", "seconds": "2s"}])


class DownlinkRequest(_Request):
    """A command of the platform to its device.

    Without `service_id` the payload goes out as it is. With it (AEP) it is the body of a service command
    under a new task id, with `variable` one field of variable length.
    """

    payload_hex: Annotated[str, AfterValidator(_hex)] = Field(examples=["AABBCC"])
    service_id: int | None = Field(default=None, ge=0, le=65535, examples=[8001])
    variable: bool = False


class DeviceChanges(_Request):
    """What the owner of a device sets: with `power_saving` commands wait until the device is next heard."""

    power_saving: bool


class Cell(BaseModel):
    """A cell beside the one that serves; powers and ratios in dBm and dB."""

    cell_id: int
    tac: int
    earfcn: int
    pci: int
    rsrp: int
    rsrq: int
    sinr: int
    barred: bool


class CellChanges(_Request):
    """A neighbour cell; `cell_id`, `pci` and `rsrp` have to be given, the rest is as the serving cell's."""

    cell_id: int
    pci: int
    rsrp: int
    tac: int | None = None
    earfcn: int | None = None
    rsrq: int | None = None
    sinr: int | None = None
    barred: bool = False


class NetworkChanges(_Request):
    """What to change in the access network; what is left out stays. Ranges are checked by the network itself.

    `rsrp` dBm; `rsrq`, `sinr` dB; `loss` 0..1; `latency` one way, a duration ("1.2s") or [min, most likely,
    max]; null for `loss` or `latency` returns to what the coverage level gives.
    """

    coverage_level: int | None = Field(default=None, description="0, 1 or 2")
    rsrp: int | None = None
    rsrq: int | None = None
    sinr: int | None = None
    loss: float | None = None
    latency: str | list[str] | None = Field(default=None, examples=["1.2s"])
    outage: bool | None = None
    congested: bool | None = None
    barred: bool | None = Field(default=None, description="the cell takes nobody")
    neighbour: CellChanges | None = Field(default=None, description="null: there is no other cell")
    nat_timeout: float | None = Field(default=None, description="seconds; null: mappings never expire")
    plmn: str | None = None
    tac: int | None = None
    cell_id: int | None = None
    earfcn: int | None = None
    pci: int | None = None
    band: int | None = None
    apn: str | None = None
    zone_quarters: int | None = None
    psm: bool | None = None
    edrx: bool | None = None
    active_time: float | None = Field(
        default=None, description="granted T3324 in seconds; null: as asked for"
    )
    periodic_update: float | None = Field(default=None, description="granted T3412; null: as asked for")
    keeps_downlinks: bool | None = None


class Network(BaseModel):
    """The access network as it is now; units as in NetworkChanges, `latency` in seconds."""

    coverage_level: int
    rsrp: int
    rsrq: int
    sinr: int
    loss: float
    latency: tuple[float, float, float] | None
    outage: bool
    congested: bool
    barred: bool
    neighbour: Cell | None
    nat_timeout: float | None
    plmn: str
    tac: int
    cell_id: int
    earfcn: int
    pci: int
    band: int
    apn: str
    zone_quarters: int
    psm: bool
    edrx: bool
    active_time: float | None
    periodic_update: float | None
    keeps_downlinks: bool


class Emm(BaseModel):
    """The module on the mobile network: EMM state, `stat` as AT+CEREG shows it, address of its PDN."""

    state: str
    stat: int
    attached: bool
    ip: str | None


class Lwm2m(BaseModel):
    """The module's LwM2M client: its state, its endpoint name, the server it talks to.

    `security` is the state of its DTLS session ("running", "up", "failed", "closed"); null without one.
    """

    state: str
    endpoint: str | None
    server: str | None
    security: str | None = None


class Time(BaseModel):
    """Simulated time: seconds since the start, and the date in the module's calendar."""

    simulated_seconds: float
    utc: str


class Module(BaseModel):
    """The running module."""

    profile: str
    imei: str
    imsi: str | None
    revision: str
    power: str
    emm: Emm
    rrc: str
    psm: str = Field(description="awake, listening (T3324 runs) or psm")
    chip: str = Field(description="awake, light, falling, deep or waking")
    lwm2m: Lwm2m
    time: Time


class Energy(BaseModel):
    """Charge taken since the start: mAh in all and by state, and the days a battery lasts at that rate."""

    seconds: float
    mah: float
    by_state: dict[str, float]
    battery_mah: float
    days: float | None


class PlatformSummary(BaseModel):
    """A built-in platform and where it really is: a UDP port, of AEP's MQTT and TCP services a TCP port."""

    name: str
    address: str
    devices: int


class DeviceSummary(BaseModel):
    """A device as its platform sees it; `lifetime` in seconds, `last_heard` in simulated seconds.

    With `power_saving` commands wait for the device.
    """

    endpoint: str
    registered: bool
    lifetime: int | None
    binding: str | None
    address: str | None
    psk_identity: str | None = None
    objects: list[str]
    observed: bool
    last_heard: float | None
    power_saving: bool


class ServicePayload(BaseModel):
    """A payload of AEP's codec; `value_hex` is the field when the body is one of variable length."""

    kind: Literal["data_report", "command", "event_report", "command_response"]
    service_id: int
    task_id: int | None
    body_hex: str
    value_hex: str | None


class UplinkRecord(BaseModel):
    """Data that arrived at a platform; `time` in simulated seconds, base64 as AEP's console shows it."""

    time: float
    path: str
    payload_hex: str
    payload_base64: str
    type: Literal["CON", "NON", "TCP", "QOS0", "QOS1", "QOS2"]
    message_id: int
    decoded: ServicePayload | None


class DownlinkRecord(BaseModel):
    """A downlink command; `reason` says why it failed, `response_hex` is the body of the response to it."""

    id: str
    state: Literal["queued", "sent", "delivered", "completed", "failed"]
    payload_hex: str
    reason: str | None = None
    task_id: int | None = None
    response_hex: str | None = None


class FaultRecord(BaseModel):
    """A fault that was begun and not ended by a request since; one-shot ones may be over."""

    id: int
    name: str
    parameters: dict[str, str | int | float | list[str] | None]


class FaultKind(BaseModel):
    """A fault that can be had: what it does, its parameters, how `ctl fault` writes it."""

    name: str
    doc: str
    usage: str
    parameters: dict[str, str]


class Problem(BaseModel):
    """Why a request was not done, in one sentence."""

    detail: str
