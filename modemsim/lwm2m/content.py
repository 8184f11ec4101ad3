"""Content formats: the values behind a path as a payload, and a payload as values."""

from __future__ import annotations

from aiocoap.numbers.codes import Code

from modemsim.lwm2m import json_formats, tlv, values
from modemsim.lwm2m.json_formats import Leaf
from modemsim.lwm2m.model import Kind, ObjectInstance, Path, Refusal, Resource, Value, Values
from modemsim.lwm2m.tree import Target

TEXT = 0
LINK = 40
OPAQUE = 42
TLV = 11542
TLV_OLD = 1542
"""The number of the TLV format before its registration, still sent by older servers."""

JSON = 11543
JSON_OLD = 1543
"""The number of the JSON format of LwM2M 1.0 before its registration."""
SENML_JSON = 110
"""JSON of LwM2M 1.1 (RFC 8428)."""

TLV_FORMATS = (TLV, TLV_OLD)
_JSON_FORMATS = (JSON, JSON_OLD, SENML_JSON)


def choose(target: Target, accept: int | None, single: int) -> int:
    """The format of a read: what Accept asks for, else `single` for one value and TLV for more.

    Raises Refusal 4.06 when the values cannot be shown in the format asked for.
    """
    resource = target.resource
    alone = resource is not None and not resource.multiple
    opaque = resource is not None and resource.type is Kind.OPAQUE
    if accept is None:
        if not alone:
            return TLV
        return OPAQUE if opaque and single == TEXT else single
    fits = accept in (*TLV_FORMATS, *_JSON_FORMATS) or (
        alone and (accept == TEXT or (accept == OPAQUE and opaque))
    )
    if not fits:
        raise Refusal(Code.NOT_ACCEPTABLE)
    return accept


def render(target: Target, content_format: int) -> bytes:
    """The readable values behind a path in a format that `choose` gave."""
    resource = target.resource
    if content_format in TLV_FORMATS:
        return tlv.encode(_records(target))
    if content_format in _JSON_FORMATS:
        return json_formats.encode(target.path, _leaves(target), senml=content_format == SENML_JSON)
    if resource is None:
        raise ValueError(f"{target.path} is no single resource")
    value = target.instances[0].read(resource.id)
    if isinstance(value, dict):
        raise TypeError(f"{target.path} is a single resource with several values")
    if content_format == OPAQUE and isinstance(value, bytes):
        return value
    return values.format_text(resource.type, value).encode()


def _records(target: Target) -> list[tlv.Record]:
    if target.resource is not None:
        return [_record(target.instances[0], target.resource)]
    shown = [
        (
            instance,
            tuple(
                _record(instance, r) for r in instance.resources() if r.readable and r.id in instance.values
            ),
        )
        for instance in target.instances
    ]
    if len(target.path) == 2:
        return list(shown[0][1])
    return [tlv.Record(tlv.Level.OBJECT_INSTANCE, instance.id, children=inner) for instance, inner in shown]


def _leaves(target: Target) -> list[Leaf]:
    """The readable values behind a path, one by one."""
    leaves: list[Leaf] = []
    for instance in target.instances:
        chosen = [target.resource] if target.resource is not None else instance.resources()
        for resource in chosen:
            if not resource.readable or resource.id not in instance.values:
                continue
            path, value = (*instance.path, resource.id), instance.read(resource.id)
            several = value.items() if isinstance(value, dict) else ()
            leaves += [((*path, number), resource.type, each) for number, each in sorted(several)]
            if not isinstance(value, dict):
                leaves.append((path, resource.type, value))
    return leaves


def _record(instance: ObjectInstance, resource: Resource) -> tlv.Record:
    value = instance.read(resource.id)
    if isinstance(value, dict):
        inner = tuple(
            tlv.Record(tlv.Level.RESOURCE_INSTANCE, number, values.format_octets(resource.type, each))
            for number, each in sorted(value.items())
        )
        return tlv.Record(tlv.Level.MULTIPLE_RESOURCE, resource.id, children=inner)
    return tlv.Record(tlv.Level.RESOURCE, resource.id, values.format_octets(resource.type, value))


def parse_resource(
    instance: ObjectInstance, resource: Resource, content_format: int | None, payload: bytes
) -> Values:
    """The value that a write of one resource carries; raises Refusal 4.15, or ValueError for 4.00."""
    if content_format in _JSON_FORMATS:
        base = (*instance.path, resource.id)
        return _from_json(instance, base, content_format, payload)[resource.id]
    if content_format in TLV_FORMATS:
        records = tlv.decode(payload)
        if len(records) != 1 or records[0].id != resource.id:
            raise ValueError("not the record of this resource")
        return _value(resource, records[0])
    opaque = resource.type is Kind.OPAQUE
    if resource.multiple or content_format not in (None, TEXT, OPAQUE) or (content_format == OPAQUE) > opaque:
        raise Refusal(Code.UNSUPPORTED_CONTENT_FORMAT)
    if opaque and content_format != TEXT:
        return payload
    return values.parse_text(resource.type, payload.decode())


def parse_instance(instance: ObjectInstance, content_format: int | None, payload: bytes) -> dict[int, Values]:
    """The values that a write of an instance carries, by resource id; nothing is written.

    Raises Refusal 4.15 (neither TLV nor JSON), 4.04 (no such resource), 4.05 (not writable), or ValueError
    for 4.00.
    """
    if content_format in _JSON_FORMATS:
        return _from_json(instance, instance.path, content_format, payload)
    if content_format not in TLV_FORMATS:
        raise Refusal(Code.UNSUPPORTED_CONTENT_FORMAT)
    records = tlv.decode(payload)
    if len(records) == 1 and records[0].level is tlv.Level.OBJECT_INSTANCE:
        if records[0].id != instance.id:
            raise ValueError("the record of another instance")
        records = records[0].children
    if any(record.level is tlv.Level.OBJECT_INSTANCE for record in records):
        raise ValueError("an instance within another, or several of them")
    known = {resource.id: resource for resource in instance.resources()}
    written: dict[int, Values] = {}
    for record in records:
        if record.id not in known:
            raise Refusal(Code.NOT_FOUND)
        if not known[record.id].writable:
            raise Refusal(Code.METHOD_NOT_ALLOWED)
        written[record.id] = _value(known[record.id], record)
    return written


def _value(resource: Resource, record: tlv.Record) -> Values:
    if record.level is tlv.Level.MULTIPLE_RESOURCE and resource.multiple:
        several: dict[int, Value] = {
            child.id: values.parse_octets(resource.type, child.value) for child in record.children
        }
        return several
    if record.level is tlv.Level.RESOURCE and not resource.multiple:
        return values.parse_octets(resource.type, record.value)
    raise ValueError(f"a record of level {record.level.name} for resource {resource.id}")


def _from_json(
    instance: ObjectInstance, base: Path, content_format: int | None, payload: bytes
) -> dict[int, Values]:
    """The values of a JSON document by resource id; raises as `parse_instance`."""
    known = {resource.id: resource for resource in instance.resources()}

    def kind_of(path: Path) -> Kind:
        resource = known.get(path[2])
        if resource is None:
            raise Refusal(Code.NOT_FOUND)
        if not resource.writable:
            raise Refusal(Code.METHOD_NOT_ALLOWED)
        if resource.multiple != (len(path) == 4):
            raise ValueError(f"{path} does not fit the resource")
        return resource.type

    found = json_formats.decode(base, payload, kind_of, senml=content_format == SENML_JSON)
    written: dict[int, Values] = {}
    for path, value in found.items():
        if len(path) == 3:
            written[path[2]] = value
            continue
        several = written.setdefault(path[2], {})
        if isinstance(several, dict):
            several[path[3]] = value
    return written
