"""LwM2M requests of any kind that somebody has a platform ask: read, write, execute, observe, cancel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiocoap import Code, Message, error

from modemsim.coap.endpoint import Endpoint, Observation
from modemsim.platforms.store import Address

TEXT, OCTETS, TLV = 0, 42, 11542
FORMATS = {"text": TEXT, "octets": OCTETS, "tlv": TLV}
"""Content formats of a write by name (OMA LwM2M 1.0, 6.4)."""

KINDS = ("read", "write", "execute", "observe", "cancel")


@dataclass
class Question:
    """One request and what became of it: a response code ("2.05"), "timeout" or "reset"; None: not yet."""

    kind: str
    path: str
    code: str | None = None
    payload: bytes = b""

    def settle(self, response: asyncio.Future[Message]) -> None:
        """Take the outcome of the request."""
        if response.cancelled():
            self.code = "cancelled"
        elif (problem := response.exception()) is not None:
            self.code = "reset" if isinstance(problem, error.MessageError) else "timeout"
        else:
            self.code, self.payload = response.result().code.dotted, response.result().payload


def segments(path: str) -> tuple[str, ...]:
    """The segments of "/19/0/0"."""
    return tuple(path.strip("/").split("/"))


class Questioner:
    """Asks one device; observations of further paths are kept by path until they are cancelled."""

    def __init__(self, notified: Callable[[str, Message], None]) -> None:
        self._notified = notified
        self._observed: dict[str, Observation] = {}

    def ask(
        self, endpoint: Endpoint, device: Address, kind: str, path: str, payload: bytes, form: str
    ) -> Question:
        """Send a request; ValueError for an unknown kind, LookupError to cancel what is not observed."""
        question = Question(kind, path)
        if kind == "observe":
            message = Message(code=Code.GET, uri_path=segments(path))
            observation = endpoint.observe(message, device, lambda told: self._notified(path, told))
            self._observed[path] = observation
            observation.response.add_done_callback(question.settle)
            return question
        if kind == "cancel":
            if path not in self._observed:
                raise LookupError(f"{path} is not observed")
            endpoint.unobserve(self._observed.pop(path)).response.add_done_callback(question.settle)
            return question
        request = endpoint.request(_message(kind, path, payload, form), device, blockwise=False)
        request.response.add_done_callback(question.settle)
        return question

    def forget(self) -> None:
        """Drop every observation without a word."""
        for observation in self._observed.values():
            observation.cancel()
        self._observed.clear()


def _message(kind: str, path: str, payload: bytes, form: str) -> Message:
    if kind == "read":
        return Message(code=Code.GET, uri_path=segments(path))
    if kind == "execute":
        return Message(code=Code.POST, uri_path=segments(path), payload=payload)
    if kind == "write":
        return Message(code=Code.PUT, uri_path=segments(path), payload=payload, content_format=FORMATS[form])
    raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")
