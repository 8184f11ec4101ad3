"""AEP over TCP: login, data both ways and heartbeats, in frames of a type byte and 16-bit lengths."""

from __future__ import annotations

import asyncio
from enum import IntEnum

from modemsim.platforms.connected import ConnectedPlatform
from modemsim.platforms.store import Device

SOURCE = "EC800E AEP guide, 4.3.3"
HEARTBEAT_LIMIT = 300.0
"""Seconds within which a device must send a heartbeat (EC800E AEP guide, 4.3.3: five minutes)."""
LOGIN_LIMIT = 60.0
"""Seconds a connection may stay without a login; the guide names none."""


class Frame(IntEnum):
    """The first byte of a frame."""

    LOGIN = 1
    UPLINK = 2
    DOWNLINK = 3
    HEARTBEAT = 4
    LOGIN_ANSWER = 5
    HEARTBEAT_ANSWER = 6


class Login(IntEnum):
    """Result of a login."""

    OK = 0
    UNKNOWN_ERROR = 1
    NOT_REGISTERED = 2
    NOT_AUTHENTIC = 3
    ALREADY = 4


class AepTcp(ConnectedPlatform):
    """AEP's TCP access; the device id is the endpoint name, its feature string the password."""

    name = "aep-tcp"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Login first, then frames until the device is silent for too long, sends nonsense, or goes."""
        async with asyncio.timeout(LOGIN_LIMIT):
            device = await self._login(reader, writer)
        if device is None:
            return

        def send(payload: bytes) -> bool:
            writer.write(bytes([Frame.DOWNLINK]) + len(payload).to_bytes(2, "big") + payload)
            return True

        address = writer.get_extra_info("peername")[:2]
        self.logged_in(device.endpoint, address, send, writer.transport.abort)
        reason = "the connection ended"
        try:
            reason = await self._frames(device, reader, writer)
        finally:
            self.logged_out(device, send, reason)

    async def _login(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Device | None:
        """The device that logged in; None, and the connection is over, when it may not."""
        kind = (await reader.readexactly(1))[0]
        result, name = Login.UNKNOWN_ERROR, ""
        if kind == Frame.LOGIN:
            name, secret, version = await _credentials(reader)
            result = self._judge(name, secret, version)
        if self.down:
            await self.hang(reader)
        self._answer(writer, name, result)
        await writer.drain()
        return self.store[name] if result is Login.OK else None

    def _answer(self, writer: asyncio.StreamWriter, name: str, result: Login) -> None:
        self.emit("login", endpoint=name, result=int(result))
        writer.write(bytes([Frame.LOGIN_ANSWER]) + int(result).to_bytes(2, "big"))

    def _judge(self, name: str, secret: str, version: str) -> Login:
        if not name or version != "1.0":
            return Login.UNKNOWN_ERROR
        if not self.knows(name):
            return Login.NOT_REGISTERED
        if not self.proves(name, secret):
            return Login.NOT_AUTHENTIC
        return Login.OK if self.end_of(name) is None else Login.ALREADY

    async def _frames(
        self, device: Device, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> str:
        """Why the connection is over."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + HEARTBEAT_LIMIT
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    kind = (await reader.readexactly(1))[0]
                    payload = await _sized(reader) if kind == Frame.UPLINK else b""
            except TimeoutError:
                return "no heartbeat"
            if self.down:
                continue
            if kind == Frame.UPLINK:
                self.uplink(device, "tcp", payload, "TCP", len(device.uplinks))
            elif kind == Frame.HEARTBEAT:
                deadline = loop.time() + HEARTBEAT_LIMIT
                self.heard(device)
                writer.write(bytes([Frame.HEARTBEAT_ANSWER]))
            elif kind == Frame.LOGIN:
                name, _, _ = await _credentials(reader)
                self._answer(writer, name, Login.ALREADY)
                return "a second login"
            else:
                return f"frame type {kind}"


async def _credentials(reader: asyncio.StreamReader) -> list[str]:
    """Device id, password and version of a login."""
    return [(await _sized(reader)).decode("latin-1") for _ in range(3)]


async def _sized(reader: asyncio.StreamReader) -> bytes:
    """A field behind its 16-bit length."""
    return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
