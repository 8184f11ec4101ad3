"""TOML, `extends` and `--set` -> one validated profile; what is wrong is one sentence with file and key."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from modemsim.profile.base import Table
from modemsim.profile.paste import Paste
from modemsim.profile.power import EnergyTable, PsmTable, SleepTable
from modemsim.profile.tables import (
    AccessTable,
    Boot,
    BootStep,
    CloudTable,
    CommandEntry,
    DelaySpec,
    DialectTable,
    DtlsTable,
    ErrorNumbers,
    Errors,
    FirmwareTable,
    Identity,
    Lwm2m,
    MqttTable,
    Profile,
    RadioTable,
    Serial,
    Setting,
    SocketsTable,
    Urc,
    UrcOutput,
)


class ProfileError(ValueError):
    """A profile cannot be used; the message names file and key and says what was meant."""


def folder() -> Path:
    """Where the shipped profiles are: in the wheel, or beside the package in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "profiles"
    return inside if inside.is_dir() else package.parent / "profiles"


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
    if isinstance(timing := data.get("timing"), dict):
        _place_samples(timing, path.parent)
    parent = data.pop("extends", None)
    if parent is None:
        return data
    more = data.pop("more_urcs", [])
    beside = path.parent / f"{parent}.toml"
    merged = _merge(_read(beside if beside.is_file() else _locate(str(parent)), (*seen, path)), data)
    return {**merged, "urcs": [*merged.get("urcs", []), *more]} if more else merged


def _place_samples(table: dict[str, Any], folder: Path) -> None:
    """Files of recorded delays are named as seen from the folder of the profile that names them."""
    for key, value in table.items():
        if key == "samples" and isinstance(value, str):
            table[key] = str(folder / value)
        elif isinstance(value, dict):
            _place_samples(value, folder)


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
    tables: dict[str, type[Table]] = {
        "identity": Identity,
        "serial": Serial,
        "dialect": DialectTable,
        "boot": BootStep if len(location) > 2 else Boot,
        "lwm2m": Lwm2m,
        "access": AccessTable,
        "cloud": CloudTable,
        "dtls": DtlsTable,
        "psm": PsmTable,
        "sleep": SleepTable,
        "energy": EnergyTable,
        "firmware": FirmwareTable,
        "sockets": SocketsTable,
        "mqtt": MqttTable,
        "radio": RadioTable,
        "urc_output": UrcOutput,
        "paste": Paste,
        "settings": Setting,
        "urcs": Urc,
        "commands": CommandEntry,
        "errors": ErrorNumbers if len(location) > 3 else Errors,
        "timing": DelaySpec,
    }
    model = tables.get(str(location[0]), Profile) if len(location) > 1 else Profile
    return [field.alias or name for name, field in model.model_fields.items()]
