"""The registration interface as a strict server reads it: register and update requests, link format.

Sources: OMA LwM2M TS 1.0 5.3 and 1.1 6.2, RFC 6690; what is refused follows Leshan 2.0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from aiocoap import Code

from modemsim.platforms.style import PlatformStyle

_BINDINGS_1_0 = frozenset({"U", "UQ", "S", "SQ", "US", "UQS"})
_BINDING_1_1 = re.compile(r"(?!.*(.).*\1)[UMHTSN]+")
_LIFETIME = re.compile(r"[0-9]{1,10}")

_PATH = re.compile(r"<(/[^<>\s\"]*)>")
_ATTRIBUTE = re.compile(r';([A-Za-z][A-Za-z0-9_-]*)(?:=("(?:[^"\\]|\\.)*"|[^\s",;<>\\]+))?')
_UNQUOTED = frozenset({"ver", "ct", "dim", "pmin", "pmax", "ssid"})
_ROOT_TYPE = '"oma.lwm2m"'


class Refused(Exception):
    """A request that gets an error answer: response code, diagnostic sentence, and who sent it if known."""

    def __init__(self, code: Code, reason: str, endpoint: str | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.endpoint = endpoint


@dataclass(frozen=True)
class Link:
    """One entry of a link-format document: absolute path and attributes as written (None: no value)."""

    path: str
    attributes: dict[str, str | None]


@dataclass(frozen=True)
class Registration:
    """What a register request says; `objects` are the paths of objects and instances without the root."""

    endpoint: str
    version: str
    lifetime: int
    binding: str
    queue_mode: bool
    objects: list[str]


@dataclass(frozen=True)
class Changes:
    """What an update request changes; None leaves the registered value."""

    lifetime: int | None
    binding: str | None
    queue_mode: bool | None
    objects: list[str] | None


def parse_links(payload: bytes) -> list[Link]:
    """Links of an RFC 6690 document without blanks between them; raises ValueError for anything else."""
    text = payload.decode()  # UnicodeDecodeError is a ValueError
    links: list[Link] = []
    position = 0
    while True:
        path = _PATH.match(text, position)
        if path is None:
            raise ValueError(f"no </path> at character {position}")
        attributes, position = _parse_attributes(text, path.end())
        links.append(Link(path[1], attributes))
        if position == len(text):
            return links
        if text[position] != ",":
            raise ValueError(f"unexpected {text[position]!r} at character {position}")
        position += 1


def _parse_attributes(text: str, position: int) -> tuple[dict[str, str | None], int]:
    attributes: dict[str, str | None] = {}
    while match := _ATTRIBUTE.match(text, position):
        name, value = match.groups()
        if name in _UNQUOTED and (value or '"').startswith('"'):
            raise ValueError(f"{name} wants an unquoted value")
        attributes[name] = value
        position = match.end()
    return attributes, position


def parse_register(queries: Sequence[str], payload: bytes, style: PlatformStyle) -> Registration:
    """Read POST /rd; raises Refused with the response code this platform answers."""
    query = _parse_query(queries)
    version = query.get("lwm2m")
    if version not in style.versions:
        raise Refused(Code.BAD_REQUEST, f"lwm2m version {version or 'missing'}")
    endpoint = query.get("ep")
    if not endpoint:
        raise Refused(style.missing_endpoint, "endpoint name missing")
    binding, queue_mode = _parse_binding(query, version)
    lifetime = _parse_lifetime(query)
    return Registration(
        endpoint=endpoint,
        version=version,
        lifetime=style.default_lifetime if lifetime is None else lifetime,
        binding=binding or "U",
        queue_mode=queue_mode,
        objects=_parse_objects(payload),
    )


def parse_update(queries: Sequence[str], payload: bytes, version: str) -> Changes:
    """Read POST /rd/<id> of a client of that LwM2M version; raises Refused."""
    query = _parse_query(queries)
    binding, queue_mode = _parse_binding(query, version)
    return Changes(
        lifetime=_parse_lifetime(query),
        binding=binding,
        queue_mode=queue_mode if "b" in query or "Q" in query else None,
        objects=_parse_objects(payload) if payload else None,
    )


def _parse_query(queries: Sequence[str]) -> dict[str, str]:
    return {name: value for name, _, value in (query.partition("=") for query in queries)}


def _parse_binding(query: dict[str, str], version: str) -> tuple[str | None, bool]:
    """Binding and queue mode: `b=UQ` in LwM2M 1.0, `b=U` and a bare `Q` in 1.1."""
    binding = query.get("b")
    if version == "1.0":
        if binding is not None and binding not in _BINDINGS_1_0:
            raise Refused(Code.BAD_REQUEST, f"binding {binding} is none of LwM2M 1.0")
        return binding, binding is not None and "Q" in binding
    if binding is not None and not _BINDING_1_1.fullmatch(binding):
        raise Refused(Code.BAD_REQUEST, f"binding {binding} is none of LwM2M 1.1")
    return binding, "Q" in query


def _parse_lifetime(query: dict[str, str]) -> int | None:
    text = query.get("lt")
    if text is None:
        return None
    if not _LIFETIME.fullmatch(text):
        raise Refused(Code.BAD_REQUEST, f"lifetime {text} is no number of seconds")
    return int(text)


def _parse_objects(payload: bytes) -> list[str]:
    try:
        links = parse_links(payload)
    except ValueError as problem:
        raise Refused(Code.BAD_REQUEST, f"object links: {problem}") from None
    return [link.path for link in links if link.attributes.get("rt") != _ROOT_TYPE]
