"""Large representations served by Block2 without a memory of who asked for what (RFC 7959)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from aiocoap import Message
from aiocoap.numbers.codes import BAD_REQUEST, CONTENT

from modemsim.coap.blockwise import LARGEST_EXPONENT

_OCTETS = 42
_ETAG_LENGTH = 8


@dataclass(frozen=True)
class Package:
    """Octets with the name that a client recognises them by when it goes on after a break."""

    data: bytes = field(repr=False)
    etag: bytes

    @classmethod
    def of(cls, data: bytes) -> Package:
        """A package named by what is in it."""
        return cls(data, hashlib.sha256(data).digest()[:_ETAG_LENGTH])

    def serve(self, request: Message) -> Message:
        """The block that a GET asks for, the first one if it asks for none."""
        block2 = request.opt.block2
        number, _, exponent = (0, False, LARGEST_EXPONENT) if block2 is None else block2
        start = number << exponent + 4
        end = start + (1 << exponent + 4)
        if exponent > LARGEST_EXPONENT or (number and start >= len(self.data)):
            return Message(code=BAD_REQUEST)
        part: Any = Message(code=CONTENT, payload=self.data[start:end], content_format=_OCTETS)
        part.opt.etag = self.etag
        if block2 is not None or end < len(self.data):
            part.opt.block2 = (number, end < len(self.data), exponent)
        if request.opt.size2 is not None:
            part.opt.size2 = len(self.data)
        return part
