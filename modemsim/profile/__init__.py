"""A module type as data: TOML, `extends` and `--set` make one validated, frozen profile, with precise errors.

Everything a manual prints as a value lives in a profile: identity, spelling, error numbers, delays, limits,
the list of commands. What a command means is code (`modemsim.commands`).
"""

from modemsim.profile.loader import ProfileError, available, folder, load
from modemsim.profile.tables import (
    AccessTable,
    BootStep,
    CloudTable,
    CommandEntry,
    DialectTable,
    DtlsTable,
    ErrorNumbers,
    Errors,
    FirmwareTable,
    Identity,
    Lwm2m,
    MqttTable,
    Profile,
    Provenance,
    SaveClass,
    Setting,
    SocketsTable,
    Urc,
    UrcOutput,
)

__all__ = [
    "AccessTable",
    "BootStep",
    "CloudTable",
    "CommandEntry",
    "DialectTable",
    "DtlsTable",
    "ErrorNumbers",
    "Errors",
    "FirmwareTable",
    "Identity",
    "Lwm2m",
    "MqttTable",
    "Profile",
    "ProfileError",
    "Provenance",
    "SaveClass",
    "Setting",
    "SocketsTable",
    "Urc",
    "UrcOutput",
    "available",
    "folder",
    "load",
]
