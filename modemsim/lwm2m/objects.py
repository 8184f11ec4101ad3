"""The OMA objects that the modules have: declarations, and instances made from what the module provides."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiocoap.numbers.codes import Code

from modemsim.lwm2m.model import (
    Kind,
    ObjectInstance,
    ObjectModel,
    Operation,
    Refusal,
    Resource,
    Value,
    Values,
)

Source = Values | Callable[[], Values]
"""A value, or the function that gives the present one."""

_LWM2M = "OMA LwM2M TS 1.0.2, appendix E"
_APPDATA = "OMA LwM2M object 19 (Binary App Data Container) 1.0"


def _model(
    oid: int, name: str, multiple: bool, source: str, *rows: tuple[int, str, str, Kind, str]
) -> ObjectModel:
    """A declaration from rows of id, name, operations, type and flags ("m" multiple, "!" mandatory)."""
    resources = {
        rid: Resource(rid, title, operations, kind, "m" in flags, "!" in flags, source)
        for rid, title, operations, kind, flags in rows
    }
    return ObjectModel(oid, name, "1.0", multiple, resources)


_STR, _INT, _FLOAT, _BOOL = Kind.STRING, Kind.INTEGER, Kind.FLOAT, Kind.BOOLEAN
_OPAQUE, _TIME = Kind.OPAQUE, Kind.TIME

SECURITY = _model(
    0, "LwM2M Security", True, _LWM2M,
    (0, "LwM2M Server URI", "", _STR, "!"),
    (1, "Bootstrap-Server", "", _BOOL, "!"),
    (2, "Security Mode", "", _INT, "!"),
    (3, "Public Key or Identity", "", _OPAQUE, "!"),
    (4, "Server Public Key", "", _OPAQUE, "!"),
    (5, "Secret Key", "", _OPAQUE, "!"),
    (10, "Short Server ID", "", _INT, ""),
    (11, "Client Hold Off Time", "", _INT, ""),
)  # fmt: skip

SERVER = _model(
    1, "LwM2M Server", True, _LWM2M,
    (0, "Short Server ID", "R", _INT, "!"),
    (1, "Lifetime", "RW", _INT, "!"),
    (2, "Default Minimum Period", "RW", _INT, ""),
    (3, "Default Maximum Period", "RW", _INT, ""),
    (4, "Disable", "E", _STR, ""),
    (5, "Disable Timeout", "RW", _INT, ""),
    (6, "Notification Storing When Disabled or Offline", "RW", _BOOL, "!"),
    (7, "Binding", "RW", _STR, "!"),
    (8, "Registration Update Trigger", "E", _STR, "!"),
)  # fmt: skip

DEVICE = _model(
    3, "Device", False, _LWM2M,
    (0, "Manufacturer", "R", _STR, ""),
    (1, "Model Number", "R", _STR, ""),
    (2, "Serial Number", "R", _STR, ""),
    (3, "Firmware Version", "R", _STR, ""),
    (4, "Reboot", "E", _STR, "!"),
    (5, "Factory Reset", "E", _STR, ""),
    (6, "Available Power Sources", "R", _INT, "m"),
    (7, "Power Source Voltage", "R", _INT, "m"),
    (8, "Power Source Current", "R", _INT, "m"),
    (9, "Battery Level", "R", _INT, ""),
    (10, "Memory Free", "R", _INT, ""),
    (11, "Error Code", "R", _INT, "m!"),
    (12, "Reset Error Code", "E", _STR, ""),
    (13, "Current Time", "RW", _TIME, ""),
    (14, "UTC Offset", "RW", _STR, ""),
    (15, "Timezone", "RW", _STR, ""),
    (16, "Supported Binding and Modes", "R", _STR, "!"),
    (17, "Device Type", "R", _STR, ""),
    (18, "Hardware Version", "R", _STR, ""),
    (19, "Software Version", "R", _STR, ""),
    (20, "Battery Status", "R", _INT, ""),
    (21, "Memory Total", "R", _INT, ""),
)  # fmt: skip

CONNECTIVITY = _model(
    4, "Connectivity Monitoring", False, _LWM2M,
    (0, "Network Bearer", "R", _INT, "!"),
    (1, "Available Network Bearer", "R", _INT, "m!"),
    (2, "Radio Signal Strength", "R", _INT, "!"),
    (3, "Link Quality", "R", _INT, ""),
    (4, "IP Addresses", "R", _STR, "m!"),
    (5, "Router IP Addresses", "R", _STR, "m"),
    (6, "Link Utilization", "R", _INT, ""),
    (7, "APN", "R", _STR, "m"),
    (8, "Cell ID", "R", _INT, ""),
    (9, "SMNC", "R", _INT, ""),
    (10, "SMCC", "R", _INT, ""),
)  # fmt: skip

FIRMWARE = _model(
    5, "Firmware Update", False, _LWM2M,
    (0, "Package", "W", _OPAQUE, "!"),
    (1, "Package URI", "W", _STR, "!"),
    (2, "Update", "E", _STR, "!"),
    (3, "State", "R", _INT, "!"),
    (5, "Update Result", "R", _INT, "!"),
    (6, "PkgName", "R", _STR, ""),
    (7, "PkgVersion", "R", _STR, ""),
    (8, "Firmware Update Protocol Support", "R", _INT, "m"),
    (9, "Firmware Update Delivery Method", "R", _INT, "!"),
)  # fmt: skip

APPDATA = _model(
    19, "BinaryAppDataContainer", True, _APPDATA,
    (0, "Data", "RW", _OPAQUE, "!"),
    (1, "Data Priority", "RW", _INT, ""),
    (2, "Data Creation Time", "RW", _TIME, ""),
    (3, "Data Description", "RW", _STR, ""),
    (4, "Data Format", "RW", _STR, ""),
    (5, "App ID", "RW", _INT, ""),
)  # fmt: skip

EVENT_LOG = _model(
    20, "Event Log", True, "OMA LwM2M object 20 (Event Log) 1.0",
    (4010, "LogClass", "RW", _INT, ""),
    (4011, "LogStart", "E", _STR, ""),
    (4012, "LogStop", "E", _STR, ""),
    (4013, "LogStatus", "R", _INT, ""),
    (4014, "LogData", "R", _OPAQUE, "!"),
    (4015, "LogDataFormat", "RW", _INT, ""),
)  # fmt: skip

LTE_FDD_BEARER = 6
"""Network Bearer LTE-FDD (OMA LwM2M 1.0.2, E.5): version 1.0 of the object has no number for NB-IoT."""

COAP_PULL_AND_PUSH = 2
"""Delivery Method both (OMA LwM2M 1.0.2, E.6)."""


PRE_SHARED_KEY, NO_SECURITY = 0, 3
"""Security modes (OMA LwM2M 1.0.2, E.1)."""


def security(server_uri: str, *, short_id: int = 1, secured: bool = False) -> ObjectInstance:
    """Object 0, without the keys themselves."""
    mode = PRE_SHARED_KEY if secured else NO_SECURITY
    return ObjectInstance(SECURITY, 0, {0: server_uri, 1: False, 2: mode, 10: short_id})


def server(*, short_id: int = 1) -> ObjectInstance:
    """Object 1; each client that gets it adds lifetime, binding and update trigger, which only it knows."""
    return ObjectInstance(SERVER, 0, {0: short_id, 2: 0, 3: 0, 6: False})


def device(
    values: Mapping[int, Source], *, on_execute: Mapping[int, Callable[[bytes], None]]
) -> ObjectInstance:
    """Object 3 with the resources given (ids of `DEVICE`), no error and binding U; 4 is Reboot."""
    return ObjectInstance(DEVICE, 0, {11: {0: 0}, 16: "U", **values}, on_execute=dict(on_execute))


def connectivity(values: Mapping[int, Source]) -> ObjectInstance:
    """Object 4 with the resources given (ids of `CONNECTIVITY`) on an LTE bearer; RSRP (2) is in dBm."""
    return ObjectInstance(CONNECTIVITY, 0, {0: LTE_FDD_BEARER, 1: {0: LTE_FDD_BEARER}, **values})


def _refuse_write(*written: object) -> None:
    """What a resource does with a package while nobody drives the update."""
    raise Refusal(Code.METHOD_NOT_ALLOWED)


def _refuse_update(arguments: bytes) -> None:
    """What Update does in state 0."""
    raise Refusal(Code.BAD_REQUEST)


def firmware(
    values: Mapping[int, Source] | None = None,
    *,
    on_package: Callable[[int, bytes, bool], None] = _refuse_write,
    on_package_uri: Callable[[Values], None] = _refuse_write,
    on_update: Callable[[bytes], None] = _refuse_update,
) -> ObjectInstance:
    """Object 5 with the resources given (ids of `FIRMWARE`), pull and push; the package comes in parts.

    Without handlers it is idle: packages are refused with 4.05, Update with 4.00.
    """
    protocols: dict[int, Value] = {0: 0}
    return ObjectInstance(
        FIRMWARE,
        0,
        {3: 0, 5: 0, 8: protocols, 9: COAP_PULL_AND_PUSH, **(values or {})},
        on_write={1: on_package_uri},
        on_execute={2: on_update},
        on_part={0: on_package},
    )


def event_log(instance_id: int = 0) -> ObjectInstance:
    """Object 20 with an empty log (class 255 is for vendors); it is neither started nor stopped."""
    return ObjectInstance(EVENT_LOG, instance_id, {4010: 255, 4013: 0, 4014: b""})


def appdata_uplink(instance_id: int = 0) -> ObjectInstance:
    """Object 19 for data of the host: only resource 0 can be observed, and nothing else is allowed."""
    denied = frozenset({Operation.READ, Operation.DISCOVER, Operation.WRITE, Operation.ATTRIBUTES})
    return ObjectInstance(APPDATA, instance_id, {0: b""}, denied=denied, raw=frozenset({0}))


def appdata_downlink(on_data: Callable[[bytes], None], instance_id: int = 1) -> ObjectInstance:
    """Object 19 for data to the host: only resource 0 can be written, as it is, whatever its format."""

    def write(value: Values) -> None:
        if isinstance(value, bytes):
            on_data(value)

    denied = frozenset({Operation.READ, Operation.DISCOVER, Operation.OBSERVE, Operation.ATTRIBUTES})
    return ObjectInstance(APPDATA, instance_id, on_write={0: write}, denied=denied, raw=frozenset({0}))
