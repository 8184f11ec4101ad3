"""A package over HTTP or HTTPS at the host's word (AT+QFOTADL), then installed like any other.

Published: "fota.http_started" (secured), "fota.http_progress" (percent) and "fota.http_ended" (code, from
`words.http_error`). The command names no certificates, so the server of an HTTPS address is not checked.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from modemsim.lwm2m.firmware import DownloadFailed, FirmwareEvent, FirmwareState, UpdateResult
from modemsim.net.crossing import CrossingFailed
from modemsim.net.tls import make_stream, open_stream
from modemsim.net.tls_settings import TlsFailed, TlsSettings

if TYPE_CHECKING:
    from modemsim.ue.module import Ue

RESPONSE_WITHIN = 60.0
"""Seconds the server may be silent."""

PORTS = {"http": 80, "https": 443}
"""Where a server listens when the address names no port, by scheme."""

_PIECE = 4096


class HttpFailed(Exception):
    """The package did not come; the text is a key of `words.http_error`."""


class HttpFirmware:
    """One download at a time; object 5 shows it as its own."""

    def __init__(self, ue: Ue) -> None:
        self._ue = ue

    @property
    def possible(self) -> bool:
        """Nothing else is being downloaded or installed."""
        return self._ue.firmware.object.state is FirmwareState.IDLE

    def start(self, url: str, *, restart: bool, every: int | None) -> None:
        """Download and install at once or with the next restart; progress is told every so many percent."""
        self._ue.firmware.object.step(FirmwareEvent.BEGIN)
        self._ue.spawn(self._run(url, restart, every))

    async def _run(self, url: str, restart: bool, every: int | None) -> None:
        ue, firmware = self._ue, self._ue.firmware
        parts = urlsplit(url)
        ue.publish("fota.http_started", secured=parts.scheme == "https")
        try:
            await self._fetch(parts, every)
        except HttpFailed as failed:
            ue.publish("fota.http_ended", code=ue.profile.words["http_error"][str(failed)])
            firmware.object.step(FirmwareEvent.FAIL, UpdateResult.CONNECTION_LOST)
            return
        ue.publish("fota.http_ended", code=0)
        firmware.object.step(FirmwareEvent.COMPLETE)
        firmware.object.step(FirmwareEvent.EXECUTE)
        if restart:
            await asyncio.sleep(ue.timing.draw("fota_restart"))
            ue.power("reset")

    async def _fetch(self, url: SplitResult, every: int | None) -> None:
        host, port = url.hostname, url.port or PORTS[url.scheme]
        address = await self._ue.resolve(host) if host else None
        if address is None:
            raise HttpFailed("dns")
        reader = asyncio.StreamReader()
        security = TlsSettings(server_name=host, limit=RESPONSE_WITHIN) if url.scheme == "https" else None
        connection = make_stream(self._ue.bearer, security)
        connection.on_data = reader.feed_data
        connection.on_end = lambda loss: reader.feed_eof()
        try:
            await open_stream(connection, (address, port))
            path = (url.path or "/") + (f"?{url.query}" if url.query else "")
            head = f"GET {path} HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close\r\n\r\n"
            connection.send(head.encode())
            await self._receive(reader, every)
        except (CrossingFailed, TlsFailed, OSError):
            raise HttpFailed("connect") from None
        finally:
            connection.abort()

    async def _receive(self, reader: asyncio.StreamReader, every: int | None) -> None:
        try:
            async with asyncio.timeout(RESPONSE_WITHIN):
                head = await reader.readuntil(b"\r\n\r\n")
        except TimeoutError:
            raise HttpFailed("timeout") from None
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise HttpFailed("closed") from None
        length = _length(head)
        flash = self._ue.firmware.flash
        told = 0
        try:
            flash.begin(b"", length)
            while flash.length < length:
                async with asyncio.timeout(RESPONSE_WITHIN):
                    data = await reader.read(min(_PIECE, length - flash.length))
                if not data:
                    raise HttpFailed("closed")
                flash.append(data, quietly=True)
                percent = 100 * flash.length // length
                if every is not None and percent - told >= every:
                    told = percent - percent % every
                    self._ue.publish("fota.http_progress", percent=told)
        except TimeoutError:
            raise HttpFailed("timeout") from None
        except DownloadFailed:
            raise HttpFailed("storage") from None


def _length(head: bytes) -> int:
    """Octets of the body of a good answer; raises HttpFailed."""
    status, *lines = head.decode("latin-1").split("\r\n")
    if status.split()[1:2] != ["200"]:
        raise HttpFailed("status")
    fields = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    length = fields.get("content-length", "")
    if not length.isdecimal() or not int(length):
        raise HttpFailed("status")
    return int(length)
