"""DTLS sessions with libraries that nobody here wrote: libcoap's server and client, openssl s_server, and tshark."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from aiocoap import Code, Message
from interop_peers import program
from leshan_server import free_port

from modemsim import clock
from modemsim.coap.datagram import PlainSocket
from modemsim.coap.dtls.association import Cause, Timers
from modemsim.coap.dtls.client import DtlsClientSocket, Security
from modemsim.coap.dtls.engine import BACKENDS, SUITES, Credentials, Suite
from modemsim.coap.dtls.server import DtlsServerSocket
from modemsim.coap.endpoint import Endpoint
from modemsim.trace import Record, Trace

pytestmark = pytest.mark.realtime

IDENTITY, KEY = "module1", b"secretPSK1234567"
OPENSSL_SUITES = {Suite.CCM_8: "PSK-AES128-CCM8", Suite.CBC: "PSK-AES128-CBC-SHA256"}
LIBRARIES = {"mbedtls": "mbedtls", "openssl": "OpenSSL"}
TIMERS = Timers(1.0, 4.0)
LINKTYPE_RAW = 101


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    if find_spec(LIBRARIES[request.param]) is None:
        pytest.skip(f"the library of {request.param} is not installed for this Python")  # wheels end at 3.12
    return str(request.param)


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A peer as a child process, given a moment to open its port."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=quiet) as child:
        try:
            yield child
        finally:
            child.kill()


async def connected(port: int, suite: Suite, backend: str, key: bytes = KEY) -> DtlsClientSocket:
    """A client socket of ours at a server on this machine that may need a moment to be there."""
    security = Security(Credentials(IDENTITY, key), (suite,), TIMERS, backend=backend)
    for _ in range(20):
        client = DtlsClientSocket(PlainSocket(), ("127.0.0.1", port), security)
        with clock.hold():
            ended = await asyncio.wait_for(client.secure(), 10)
        if ended is None or ended.cause is not Cause.TIMEOUT:
            assert ended is None, ended
            return client
        client.close()
    raise AssertionError("the server did not answer")


@pytest.mark.parametrize("suite", list(Suite))
@pytest.mark.parametrize("library", ["openssl", "gnutls"])
def test_a_libcoap_server_answers_our_client(library: str, suite: Suite, backend: str) -> None:
    if library == "openssl" and suite is Suite.CBC:
        pytest.skip("libcoap on OpenSSL offers no CBC suite to anybody")  # its own choice, whoever asks
    server = program(f"coap-server-{library}")
    port = free_port()
    command = [server, "-A", "127.0.0.1", "-p", str(port), "-k", KEY.decode(), "-h", "hint"]

    async def main() -> None:
        client = await connected(port + 1, suite, backend)
        endpoint = Endpoint(client, None, stream=random.Random(1))
        answer = await endpoint.ask(Message(code=Code.GET, uri_path=("time",)), ("127.0.0.1", port + 1))
        assert answer.code == Code.CONTENT
        client.shutdown()
        endpoint.close()

    with running(command):
        clock.run(main())


@pytest.mark.parametrize("suite", list(Suite))
def test_openssl_reads_what_we_send_and_we_what_it_says(suite: Suite, backend: str) -> None:
    openssl, port = program("openssl"), free_port()
    command = [openssl, "s_server", "-dtls1_2", "-psk", KEY.hex(), "-psk_identity", IDENTITY, "-nocert", "-quiet",
               "-accept", f"127.0.0.1:{port}", "-cipher", OPENSSL_SUITES[suite] + ":@SECLEVEL=0", "-listen"]  # fmt: skip

    async def main(child: subprocess.Popen[bytes]) -> None:
        client = await connected(port, suite, backend)
        heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        client.receiver = lambda data, sender: heard.set_result(data)
        client.send(b"from the module\n", ("127.0.0.1", port))
        assert child.stdin is not None
        assert child.stdout is not None
        line = await asyncio.get_running_loop().run_in_executor(None, child.stdout.readline)
        assert line == b"from the module\n"
        child.stdin.write(b"to the module\n")
        child.stdin.flush()
        assert await asyncio.wait_for(heard, 10) == b"to the module\n"
        client.shutdown()
        client.close()

    with running(command) as child:
        clock.run(main(child))


class Greeter:
    """Serves one resource."""

    async def render_to_pipe(self, pipe: Any) -> None:
        pipe.add_response(Message(code=Code.CONTENT, payload=b"hello over coaps"), is_last=True)


@pytest.mark.parametrize("library", ["openssl", "gnutls"])
def test_a_libcoap_client_is_served(library: str, backend: str) -> None:
    client = program(f"coap-client-{library}")

    async def main() -> None:
        keys = {IDENTITY: KEY}
        server = DtlsServerSocket(PlainSocket(), keys.get, backend=backend)
        endpoint = Endpoint(server, Greeter(), stream=random.Random(1))
        command = [
            client,
            "-u",
            IDENTITY,
            "-k",
            KEY.decode(),
            "-B",
            "10",
            f"coaps://127.0.0.1:{server.local[1]}/x",
        ]
        for key, said in ((KEY.decode(), "hello over coaps"), ("wrong key", "")):
            command[command.index("-k") + 1] = key
            run = await asyncio.create_subprocess_exec(
                *command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            out, _ = await asyncio.wait_for(run.communicate(), 20)
            assert said in out.decode()
            assert bool(said) is ("hello" in out.decode())
        endpoint.close()

    clock.run(main())


def packet(data: bytes, source: tuple[str, int], target: tuple[str, int]) -> bytes:
    """An IPv4 packet with one UDP datagram; checksums 0 (not computed)."""
    udp = struct.pack("!HHHH", source[1], target[1], 8 + len(data), 0) + data
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
    return head + socket.inet_aton(source[0]) + socket.inet_aton(target[0]) + udp


@pytest.mark.parametrize("suite", list(Suite))
def test_tshark_decrypts_a_capture_with_our_key_log(suite: Suite, backend: str, tmp_path: Path) -> None:
    tshark = program("tshark")
    lines: list[str] = []
    packets: list[bytes] = []

    class Tapped(PlainSocket):
        def send(self, data: bytes, to: tuple[str, int], rai: int = 0) -> None:
            packets.append(packet(data, self.local, to))
            super().send(data, to, rai)

    async def main() -> None:
        server = DtlsServerSocket(Tapped(), {IDENTITY: KEY}.get, backend=backend)
        serving = Endpoint(server, Greeter(), stream=random.Random(1))
        security = Security(
            Credentials(IDENTITY, KEY), (suite,), TIMERS, backend=backend, keylog=lines.append
        )
        client = Endpoint(DtlsClientSocket(Tapped(), server.local, security), None, stream=random.Random(2))
        answer = await client.ask(Message(code=Code.GET, uri_path=("secret",)), server.local)
        assert answer.payload == b"hello over coaps"
        client.close()
        serving.close()
        shown = decrypted(tshark, packets, lines, server.local[1], tmp_path)
        assert "/secret" in shown
        assert "hello over coaps" in shown
        assert "/secret" not in decrypted(tshark, packets, [], server.local[1], tmp_path)

    clock.run(main())


def decrypted(tshark: str, packets: list[bytes], lines: list[str], port: int, folder: Path) -> str:
    """What tshark makes of a capture with a key log."""
    capture, keys = folder / "session.pcap", folder / "keys.log"
    keys.write_text("\n".join(lines) + "\n", encoding="ascii")
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, LINKTYPE_RAW)
    body = b"".join(struct.pack("<IIII", index, 0, len(p), len(p)) + p for index, p in enumerate(packets))
    capture.write_bytes(head + body)
    command = [tshark, "-r", str(capture), "-d", f"udp.port=={port},dtls", "-d", f"dtls.port=={port},coap",
               "-o", f"tls.keylog_file:{keys}", "-V"]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_no_key_material_is_in_a_trace(backend: str) -> None:
    records: list[Record] = []

    async def main() -> None:
        trace = Trace(asyncio.get_running_loop().time)
        trace.subscribe(records.append)
        lines: list[str] = []
        server = DtlsServerSocket(PlainSocket(), {IDENTITY: KEY}.get, backend=backend, trace=trace)
        security = Security(Credentials(IDENTITY, KEY), SUITES, TIMERS, backend=backend, keylog=lines.append)
        client = DtlsClientSocket(PlainSocket(), server.local, security, trace=trace)
        assert await client.secure() is None
        client.close()
        server.close()
        text = "".join(record.to_json() for record in records)
        assert KEY.hex() not in text
        assert KEY.decode() not in text
        assert lines[0].split()[2] not in text

    clock.run(main())
