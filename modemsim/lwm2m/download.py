"""Fetching a package by Block2 (RFC 7959) from a URI of object 5, block by block, from where it stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from aiocoap import Message, error
from aiocoap.numbers.codes import CONTENT, GET, REQUEST_ENTITY_INCOMPLETE

from modemsim.coap.endpoint import Address, Endpoint
from modemsim.lwm2m.firmware import DownloadFailed, UpdateResult

PORTS = {"coap": 5683, "coaps": 5684}


@dataclass(frozen=True)
class PackageUri:
    """Where a package is: the parts of its URI that a CoAP request needs."""

    scheme: str
    host: str
    port: int
    path: tuple[str, ...]
    query: tuple[str, ...]

    @classmethod
    def parse(cls, text: str, schemes: tuple[str, ...]) -> PackageUri:
        """The parts of a URI; raises DownloadFailed: 7 for what is no URI, 9 for a scheme not among these."""
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as problem:
            raise DownloadFailed(UpdateResult.INVALID_URI, str(problem)) from None
        if not parts.scheme or not parts.hostname or len(text) > 255:
            raise DownloadFailed(UpdateResult.INVALID_URI, f"{text!r} is no URI of a package")
        if parts.scheme not in schemes:
            raise DownloadFailed(UpdateResult.UNSUPPORTED_PROTOCOL, f"{parts.scheme} is not supported")
        return cls(
            parts.scheme,
            parts.hostname,
            port or PORTS[parts.scheme],
            tuple(unquote(segment) for segment in parts.path.split("/")[1:]),
            tuple(unquote(item) for item in parts.query.split("&") if item),
        )


class Store(Protocol):
    """Where the octets go."""

    @property
    def length(self) -> int:
        """Octets kept so far."""

    @property
    def etag(self) -> bytes:
        """What the server called the representation they are of; empty: it did not say."""

    def begin(self, etag: bytes, total: int | None) -> None:
        """Forget what is kept and take a new package of `total` octets; raises DownloadFailed."""

    def append(self, data: bytes) -> None:
        """Keep what follows; raises DownloadFailed."""

    def truncate(self, length: int) -> None:
        """Forget what is behind."""


async def fetch(
    endpoint: Endpoint, server: Address, uri: PackageUri, store: Store, *, exponent: int = 5, repeats: int = 5
) -> None:
    """Download until the store holds the whole package.

    Blocks of 2 ** (exponent + 4) octets, or smaller ones if the server prefers. A block that does not arrive
    within the acknowledgement timeout of `endpoint`, which must not retransmit by itself, is asked for again
    `repeats` times. Raises DownloadFailed.
    """
    store.truncate(store.length >> exponent + 4 << exponent + 4)
    while True:
        number = store.length >> exponent + 4
        response = await _block(endpoint, server, uri, (number, False, exponent), repeats)
        block2 = response.opt.block2
        if number and (
            response.code == REQUEST_ENTITY_INCOMPLETE or response.opt.etag != (store.etag or None)
        ):
            store.truncate(0)  # another package than the one it began with
            continue
        if response.code != CONTENT:
            raise _refused(response)
        if number == 0:
            store.begin(response.opt.etag or b"", response.opt.size2)
        if block2 is not None:
            exponent = min(exponent, block2.size_exponent)
        store.append(response.payload)
        if block2 is None or not block2.more:
            return


async def _block(
    endpoint: Endpoint, server: Address, uri: PackageUri, block2: tuple[int, bool, int], repeats: int
) -> Message:
    """One block; an answer about another one counts as none."""
    for _ in range(repeats + 1):
        message: Any = Message(code=GET, uri_path=uri.path, uri_query=uri.query, block2=block2)
        if block2[0] == 0:
            message.opt.size2 = 0
        try:
            response = await endpoint.ask(message, server, blockwise=False)
        except error.TimeoutError:
            continue
        except error.LibraryShutdown:
            break
        except error.MessageError:
            raise DownloadFailed(UpdateResult.CONNECTION_LOST, "the server reset the request") from None
        got = response.opt.block2
        start = 0 if got is None else got.block_number << got.size_exponent + 4
        if not response.code.is_successful() or start == block2[0] << block2[2] + 4:
            return response
    raise DownloadFailed(UpdateResult.CONNECTION_LOST, f"no block for {repeats + 1} requests")


def _refused(response: Message) -> DownloadFailed:
    """4.xx: there is no package at the URI; 5.xx: the server has a problem of its own."""
    result = UpdateResult.INVALID_URI if response.code.class_ == 4 else UpdateResult.CONNECTION_LOST
    return DownloadFailed(result, f"the server answered {response.code.dotted}")
