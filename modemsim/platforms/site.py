"""The registration interface on the wire: POST /rd, POST and DELETE /rd/<id>."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from aiocoap import Code, Message
from aiocoap.pipe import Pipe

from modemsim.coap.blockwise import BlockTransfers
from modemsim.platforms.registration import Refused
from modemsim.platforms.store import Address


class Directory(Protocol):
    """Who keeps the registrations; each method raises Refused with the response code of its refusal."""

    def register(self, queries: Sequence[str], payload: bytes, sender: Address) -> str:
        """Accept a registration; returns its id below /rd."""
        ...

    def update(self, location: str, queries: Sequence[str], payload: bytes, sender: Address) -> None:
        """Refresh a registration."""

    def deregister(self, location: str, sender: Address) -> None:
        """End a registration."""

    def refused(self, problem: Refused, sender: Address) -> None:
        """Record a refusal."""


class RegistrationSite:
    """What a platform serves: /rd with registrations below it, and nothing else."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._transfers = BlockTransfers(asyncio.get_running_loop().time)

    async def render_to_pipe(self, pipe: Pipe) -> None:
        """Answer one request; a payload that comes in blocks is put together first (RFC 7959)."""
        pipe.add_response(self._transfers.serve(pipe.request, self._answer), is_last=True)

    def _answer(self, request: Message) -> Message:
        try:
            return self._dispatch(request)
        except Refused as problem:
            self._directory.refused(problem, request.remote.address)
            return Message(code=problem.code, payload=problem.reason.encode())

    def _dispatch(self, request: Message) -> Message:
        path, queries, sender = request.opt.uri_path, request.opt.uri_query, request.remote.address
        if not path or path[0] != "rd" or len(path) > 2:
            raise Refused(Code.NOT_FOUND, "no such resource")
        if len(path) == 1:
            if request.code != Code.POST:
                raise Refused(Code.METHOD_NOT_ALLOWED, "register with POST")
            response = Message(code=Code.CREATED)
            response.opt.location_path = ("rd", self._directory.register(queries, request.payload, sender))
            return response
        if request.code == Code.POST:
            self._directory.update(path[1], queries, request.payload, sender)
            return Message(code=Code.CHANGED)
        if request.code == Code.DELETE:
            self._directory.deregister(path[1], sender)
            return Message(code=Code.DELETED)
        raise Refused(Code.METHOD_NOT_ALLOWED, "update with POST, deregister with DELETE")
