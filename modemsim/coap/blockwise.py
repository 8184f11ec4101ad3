"""Block-wise transfer (RFC 7959) for sites that answer in one call, and for bodies a client sends.

It does what aiocoap's own spools do without their timers, which would outlive an endpoint that is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from aiocoap import Message
from aiocoap.numbers.codes import (
    BAD_REQUEST,
    CONTINUE,
    REQUEST_ENTITY_INCOMPLETE,
    REQUEST_ENTITY_TOO_LARGE,
)
from aiocoap.numbers.optionnumbers import OptionNumber

from modemsim.coap.endpoint import Address, Endpoint
from modemsim.coap.recent import Recent

LARGEST_BODY = 64 * 1024
"""Octets of the longest request body that is put together."""

LARGEST_EXPONENT = 6
"""The largest block size exponent over UDP: 2 ** (6 + 4) = 1024 octets."""

LIFETIME = 247.0
"""Seconds an unfinished transfer is kept: EXCHANGE_LIFETIME of RFC 7252 4.8.2."""

_NOT_IN_KEY = (OptionNumber.BLOCK1, OptionNumber.BLOCK2, OptionNumber.OBSERVE)


def _key(request: Message) -> Hashable:
    key: Hashable = (request.remote.address, request.get_cache_key(_NOT_IN_KEY))
    return key


class BlockTransfers:
    """The unfinished transfers of one site, in both directions."""

    def __init__(self, now: Callable[[], float], *, largest_body: int = LARGEST_BODY) -> None:
        self._largest_body = largest_body
        self._bodies: Recent[Hashable, bytes] = Recent(now)
        self._representations: Recent[Hashable, Message] = Recent(now)

    def serve(self, request: Message, answer: Callable[[Message], Message]) -> Message:
        """Answer one request; `answer` is called once per whole request body and gives the whole response."""
        interim = self.interim(request)
        return self.finish(request, answer(request)) if interim is None else interim

    def interim(self, request: Message) -> Message | None:
        """The answer to a request that is only a part of a transfer.

        None when the request is whole: its payload is the whole body now, and `finish` takes the response.
        """
        block1 = request.opt.block1
        if block1 is not None:
            interim = self._collect(request)
            if interim is not None:
                return interim
        block2 = request.opt.block2
        if block2 is not None and block2.block_number > 0:
            kept = self._representations.get(_key(request))
            if kept is None:
                return Message(code=REQUEST_ENTITY_INCOMPLETE)
            return self._block(request, kept)
        return None

    def finish(self, request: Message, response: Message) -> Message:
        """The answer to a whole request: the response, or the first block of a long one."""
        block1 = request.opt.block1
        response = self.cut(request, response)
        if block1 is not None:
            response.opt.block1 = (block1.block_number, False, block1.size_exponent)
        return response

    def cut(self, request: Message, response: Message) -> Message:
        """The response itself, or its first block when it is too long for one message."""
        block2 = request.opt.block2
        exponent = LARGEST_EXPONENT if block2 is None else block2.size_exponent
        if block2 is None and len(response.payload) <= 1 << exponent + 4:
            return response
        self._representations.add(_key(request), response, LIFETIME)
        return self._block(request, response)

    def _block(self, request: Message, response: Message) -> Message:
        """The block of `response` that the request asks for."""
        block2 = request.opt.block2
        number, exponent = (block2.block_number, block2.size_exponent) if block2 else (0, LARGEST_EXPONENT)
        start, end = number << exponent + 4, number + 1 << exponent + 4
        if exponent > LARGEST_EXPONENT or (number and start >= len(response.payload)):
            return Message(code=BAD_REQUEST)
        part = response.copy(
            payload=response.payload[start:end], block2=(number, end < len(response.payload), exponent)
        )
        if number == 0 and request.opt.size2 is not None:
            part.opt.size2 = len(response.payload)
        part.opt.observe = response.opt.observe if number == 0 else None
        return part

    def _collect(self, request: Message) -> Message | None:
        """Put a block to its body: the answer to it, or None when the request now carries the whole body."""
        block1, key = request.opt.block1, _key(request)
        exponent = block1.size_exponent
        if exponent > LARGEST_EXPONENT or (block1.more and len(request.payload) != 1 << exponent + 4):
            return Message(code=BAD_REQUEST)
        body = b"" if block1.block_number == 0 else self._bodies.take(key)
        if body is None or len(body) != block1.block_number << exponent + 4:
            return Message(code=REQUEST_ENTITY_INCOMPLETE)
        body += request.payload
        if len(body) > self._largest_body:
            return Message(code=REQUEST_ENTITY_TOO_LARGE, size1=self._largest_body)
        if not block1.more:
            request.payload = body
            return None
        self._bodies.add(key, body, LIFETIME)
        return Message(code=CONTINUE, block1=(block1.block_number, True, exponent))


async def ask(endpoint: Endpoint, message: Message, to: Address) -> Message:
    """Send a request, in blocks when its body is too long for one message, and wait for the final response.

    Everything that arrives after the final response is handled after the caller has gone on, which aiocoap's
    own block transfer does not promise. Raises as `Endpoint.ask`.
    """
    body, exponent = message.payload, LARGEST_EXPONENT
    if len(body) <= 1 << exponent + 4:
        return await endpoint.ask(message, to, blockwise=False)
    sent = 0
    while True:
        size = 1 << exponent + 4
        more = sent + size < len(body)
        part: Any = message.copy(payload=body[sent : sent + size], block1=(sent // size, more, exponent))
        part.opt.size1 = len(body) if sent == 0 else None
        response = await endpoint.ask(part, to, blockwise=False)
        if not more or response.code != CONTINUE or response.opt.block1 is None:
            return response
        sent += size
        exponent = min(exponent, response.opt.block1.size_exponent)
