"""Download rate of a package: the module's download beside a bare aiocoap client and libcoap's, on one loopback."""

from __future__ import annotations

import asyncio
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiocoap

from modemsim.coap.endpoint import Endpoint, PlainSocket, Tuning
from modemsim.lwm2m.download import PackageUri, fetch
from modemsim.platforms.china_telecom import Aep
from modemsim.platforms.software import PackageForm
from modemsim.trace import Trace
from modemsim.ue.firmware_flash import Flash

SIZE = 1 << 20
EXPONENT = 5
"""Blocks of 512 octets, as the modules ask for."""

LIBCOAP_PORT = 5797
_CLIENTS = ("coap-client", "coap-client-notls")
_SERVERS = ("coap-server", "coap-server-notls")


def package() -> bytes:
    """The octets that are downloaded."""
    return random.Random("package").randbytes(SIZE)


async def _serve() -> None:
    """The built-in platform with one package; prints its URI."""
    import hashlib

    trace = Trace(asyncio.get_running_loop().time)
    platform = Aep(trace=trace, stream=random.Random(1))
    await platform.start()
    platform.upgrades.public = platform.address
    data = package()
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    stored = platform.upgrades.software.add_package("p.bin", data, PackageForm("R02", md5=digest))
    task = platform.upgrade("bench", stored.id, ["device"])
    print(task.devices[0].uri, flush=True)
    await asyncio.Event().wait()


@contextmanager
def platform_server() -> Iterator[str]:
    """The built-in platform in a process of its own; gives the URI of the package."""
    process = subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def libcoap_server() -> Iterator[str | None]:
    """libcoap's example server with the package put there; None where it is not installed."""
    server = next(filter(None, map(shutil.which, _SERVERS)), None)
    client = next(filter(None, map(shutil.which, _CLIENTS)), None)
    if server is None or client is None:
        yield None
        return
    uri = f"coap://127.0.0.1:{LIBCOAP_PORT}/fw"
    command = [server, "-A", "127.0.0.1", "-p", str(LIBCOAP_PORT), "-d", "4"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with tempfile.NamedTemporaryFile() as file:
            file.write(package())
            file.flush()
            time.sleep(0.5)
            subprocess.run([client, "-m", "put", "-b", "1024", "-f", file.name, uri],
                           check=True, timeout=60, capture_output=True)  # fmt: skip
        yield uri
    finally:
        process.terminate()
        process.wait(10)


async def ours(uri: str) -> float:
    """Seconds of the module's download."""
    target = PackageUri.parse(uri, ("coap",))
    tuning = Tuning(ack_timeout=10.0, ack_random_factor=1.0, max_retransmit=0)
    endpoint = Endpoint(PlainSocket(), None, stream=random.Random(2), tuning=tuning)
    flash = Flash(None, SIZE)
    started = time.perf_counter()
    await fetch(endpoint, (target.host, target.port), target, flash, exponent=EXPONENT)
    taken = time.perf_counter() - started
    endpoint.close()
    _check(flash.data)
    return taken


async def bare(uri: str) -> float:
    """Seconds of a bare aiocoap client with the same blocks."""
    context = await aiocoap.Context.create_client_context()
    request = aiocoap.Message(code=aiocoap.GET, uri=uri, block2=(0, False, EXPONENT))
    started = time.perf_counter()
    response = await context.request(request).response
    taken = time.perf_counter() - started
    await context.shutdown()
    _check(response.payload)
    return taken


def libcoap(uri: str) -> float | None:
    """Seconds of libcoap's client with the same blocks; None where it is not installed."""
    client = next(filter(None, map(shutil.which, _CLIENTS)), None)
    if client is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        started = time.perf_counter()
        subprocess.run([client, "-b", str(1 << EXPONENT + 4), "-o", str(out), uri],
                       check=True, timeout=60, capture_output=True)  # fmt: skip
        taken = time.perf_counter() - started
        _check(out.read_bytes())
    return taken


def _check(data: bytes) -> None:
    if data != package():
        raise RuntimeError("what was downloaded is not the package")


def measure(uri: str, rounds: int) -> tuple[float, float, float | None]:
    """Typical octets a second of the module, of bare aiocoap and of libcoap's client, taken in turns."""
    taken: tuple[list[float], list[float], list[float]] = ([], [], [])
    for _ in range(rounds):
        taken[0].append(asyncio.run(ours(uri)))
        taken[1].append(asyncio.run(bare(uri)))
        third = libcoap(uri)
        if third is not None:
            taken[2].append(third)
    mine, yard, other = (SIZE / statistics.median(each) if each else None for each in taken)
    assert mine is not None
    assert yard is not None
    return mine, yard, other


if __name__ == "__main__":
    asyncio.run(_serve())
