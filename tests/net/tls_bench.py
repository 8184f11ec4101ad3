"""Servers and clients for TLS on the bench of the bearer: what the tests of negotiation and of data share."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from test_net_bearer import Bench

from modemsim.net.tls import TlsSocket, make_stream, open_stream
from modemsim.net.tls_settings import TlsFailed, TlsFailure, TlsSettings
from modemsim.platforms.authority import Authority
from modemsim.platforms.streams import cut

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAME = "server.test"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def authority(now: datetime = NOW, *names: str) -> Authority:
    return Authority(lambda: now, names or (NAME,))


def wishes(trusted: Authority, **more: Any) -> TlsSettings:
    """A client that checks everything."""
    given = {
        "verify": True,
        "ca": trusted.certificate,
        "server_name": NAME,
        "now": lambda: NOW,
        "limit": 30.0,
    }
    return TlsSettings(**{**given, **more})


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def server(serve: Serve = echo, context: ssl.SSLContext | None = None) -> Any:
    """A server of the test on a port of this machine; without a context it speaks no TLS by itself."""
    writers: list[asyncio.StreamWriter] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(OSError):
            await serve(reader, writer)

    patience = None if context is None else 600
    made = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context, ssl_handshake_timeout=patience)
    try:
        yield made.sockets[0].getsockname()[:2]
    finally:
        made.close()
        for writer in writers:
            cut(writer)
        await asyncio.sleep(0)


def reach(bench: Bench, where: Any) -> None:
    """Let the bench reach a server, which runs on the same virtual time."""
    bench.routes.offline = False
    bench.builtin["test"] = where


async def refused(bench: Bench, settings: TlsSettings, where: Any) -> TlsFailure:
    """The reason for which a connection with these settings is not secured."""
    reach(bench, where)
    tls = make_stream(bench.bearer, settings)
    with pytest.raises(TlsFailed) as caught:
        await open_stream(tls, where)
    assert tls.closed
    await asyncio.sleep(100)
    assert not bench.bearer.streams
    return caught.value.failure


async def opened(bench: Bench, settings: TlsSettings, where: Any, **owner: Any) -> TlsSocket:
    reach(bench, where)
    tls = TlsSocket(bench.bearer, settings)
    for name, value in owner.items():
        setattr(tls, name, value)
    await open_stream(tls, where)
    return tls
