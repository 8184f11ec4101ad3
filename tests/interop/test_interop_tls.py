"""TLS of an EC800E and a SIM7020 against openssl s_server, openssl s_client and Mosquitto."""

from __future__ import annotations

import asyncio
import random
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from socket import SOCK_STREAM
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from interop_peers import MOSQUITTO, Host, module, peer, program
from leshan_server import free_port

from modemsim import clock
from modemsim.options import Options
from modemsim.platforms.authority import Authority
from modemsim.port.memory_port import MemoryPort
from modemsim.radio.network import DEFAULT_START
from modemsim.simulation import Simulation
from modemsim.trace import Record

NAME = "server.test"


class Files:
    """An authority and what it has issued, as files for a peer."""

    def __init__(self, folder: Path, *, days: int = 0, kind: str = "ec") -> None:
        self.folder = folder
        self.authority = Authority(lambda: DEFAULT_START + timedelta(days=days), (NAME,))
        folder.mkdir(exist_ok=True)
        key: Any = (
            ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)
        )
        self.pair = self.authority.issue(key)
        self.certificate, self.key = self._file("cert.pem", self.pair[0]), self._file("key.pem", self.pair[1])
        self.ca = self._file("ca.pem", self.authority.certificate)

    def _file(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)


@contextmanager
def openssl(files: Files, *more: str) -> Iterator[int]:
    """`openssl s_server`, which sends every line back in reverse."""
    port = free_port(SOCK_STREAM)
    command = [program("openssl"), "s_server", "-accept", f"127.0.0.1:{port}", "-rev"]
    with peer([*command, "-cert", files.certificate, "-key", files.key, *more], port):
        yield port


class SecureHost(Host):
    """The host's end of a module whose server stands at `NAME`, and what the trace says of TLS."""

    def __init__(self, simulation: Simulation, port: MemoryPort) -> None:
        super().__init__(simulation, port)
        self.reasons: list[str] = []
        self.suites: list[str] = []
        simulation.trace.subscribe(self._listen)

    def _listen(self, record: Record) -> None:
        if record.event == "tls_failed":
            self.reasons.append(record.fields["failure"])
        elif record.event == "tls_up":
            self.suites.append(f"{record.fields['version']} {record.fields['cipher']}")

    async def upload(self, name: str, data: bytes) -> None:
        await self.say(f'AT+QFUPL="{name}",{len(data)},60', "CONNECT\r\n")
        self.write(data)
        await self.hear("OK\r\n")

    async def configure(self, files: Files, *settings: str) -> None:
        await self.upload("ca.pem", files.authority.certificate)
        usual = (
            '"cacert",1,"ca.pem"',
            '"seclevel",1,1',
            '"sni",1,1',
            '"ignorelocaltime",1,0',
            '"negotiatetime",1,10',
        )
        for setting in (*usual, *settings):
            await self.say(f"AT+QSSLCFG={setting}", "OK\r\n")


def with_module(work: Callable[[SecureHost], Awaitable[None]], port: int, profile: str = "ec800e") -> None:
    async def main() -> None:
        async with module(profile, f"{NAME}:443", port) as host:
            await work(SecureHost(host.simulation, host.port))

    clock.run(main(), virtual=True)


async def exchange(host: SecureHost) -> None:
    """Open a pushing socket, say something and hear it reversed."""
    await host.say(f'AT+QSSLOPEN=1,1,0,"{NAME}",443,1', "OK\r\n", "+QSSLOPEN: 0,0\r\n")
    await host.say("AT+QSSLSEND=0,6", "> ")
    host.write(b"hello\n")
    await host.hear('+QSSLURC: "recv",0,6\r\nolleh\n')
    await host.say("AT+QSSLCLOSE=0", "OK\r\n")


async def refused(host: SecureHost, reason: str) -> None:
    await host.say(f'AT+QSSLOPEN=1,1,0,"{NAME}",443,1', "OK\r\n", "+QSSLOPEN: 0,566\r\n")
    assert host.reasons == [reason]


@pytest.mark.parametrize(
    ("kind", "suite", "shown"),
    [
        ("ec", "0XFFFF", "ECDHE-ECDSA"),
        ("ec", "0XC009", "ECDHE-ECDSA-AES128-SHA"),
        ("ec", "0XC024", "ECDHE-ECDSA-AES256-SHA384"),
        ("rsa", "0XFFFF", "ECDHE-RSA"),
        ("rsa", "0X0035", "AES256-SHA"),
        ("rsa", "0X003D", "AES256-SHA256"),
        ("rsa", "0XC014", "ECDHE-RSA-AES256-SHA"),
        ("rsa", "0XC027", "ECDHE-RSA-AES128-SHA256"),
        ("rsa", "0XC030", "ECDHE-RSA-AES256-GCM-SHA384"),
    ],
)
def test_openssl_takes_the_suite_the_host_chose(tmp_path: Path, kind: str, suite: str, shown: str) -> None:
    files = Files(tmp_path, kind=kind)

    async def work(host: SecureHost) -> None:
        await host.configure(files, f'"ciphersuite",1,{suite}')
        await exchange(host)
        assert host.suites[0].startswith(f"TLSv1.2 {shown}")

    with openssl(files) as port:
        with_module(work, port)


@pytest.mark.parametrize(("chosen", "version"), [(1, "-tls1"), (2, "-tls1_1"), (3, "-tls1_2"), (4, "-tls1")])
def test_openssl_takes_the_version_the_host_chose(tmp_path: Path, chosen: int, version: str) -> None:
    files = Files(tmp_path)

    async def work(host: SecureHost) -> None:
        await host.configure(files, f'"sslversion",1,{chosen}')
        await exchange(host)

    with openssl(files, version, "-cipher", "ALL:@SECLEVEL=0") as port:
        with_module(work, port)


def test_a_server_for_newer_versions_only_is_refused_by_its_alert(tmp_path: Path) -> None:
    files = Files(tmp_path)

    async def work(host: SecureHost) -> None:
        await host.configure(files)
        await refused(host, "tls_refused")

    with openssl(files, "-tls1_3") as port:
        with_module(work, port)


@pytest.mark.parametrize(
    ("days", "reason"), [(-30 * 365, "tls_expired"), (60, "tls_not_yet_valid"), (0, "tls_untrusted")]
)
def test_a_certificate_that_does_not_do_is_refused(tmp_path: Path, days: int, reason: str) -> None:
    files = Files(tmp_path / "one", days=days)
    trusted = files if days else Files(tmp_path / "two")

    async def work(host: SecureHost) -> None:
        await host.configure(trusted)
        await refused(host, reason)

    with openssl(files) as port:
        with_module(work, port)


def test_openssl_asks_for_a_certificate_and_gets_one_or_says_so(tmp_path: Path) -> None:
    files, client = Files(tmp_path / "server"), Files(tmp_path / "client", kind="rsa")

    async def work(host: SecureHost) -> None:
        await host.configure(files)
        await refused(host, "tls_refused")
        await host.upload("client.pem", client.pair[0])
        await host.upload("key.pem", client.pair[1])
        for setting in ('"clientcert",1,"client.pem"', '"clientkey",1,"key.pem"', '"seclevel",1,2'):
            await host.say(f"AT+QSSLCFG={setting}", "OK\r\n")
        await exchange(host)

    with openssl(files, "-Verify", "1", "-verify_return_error", "-CAfile", client.ca) as port:
        with_module(work, port)


@pytest.mark.parametrize("allowed", [0, 1])
def test_a_negotiation_that_openssl_wants_again(tmp_path: Path, allowed: int) -> None:
    files, port = Files(tmp_path), free_port(SOCK_STREAM)
    command = [program("openssl"), "s_server", "-accept", f"127.0.0.1:{port}", "-tls1_2"]

    with peer([*command, "-cert", files.certificate, "-key", files.key], port) as process:
        source = process.stdin
        assert source is not None

        async def type_in(text: bytes) -> None:
            with clock.hold():
                await asyncio.sleep(0.5)
                source.write(text)
                source.flush()
                await asyncio.sleep(0.5)

        async def work(host: SecureHost) -> None:
            await host.configure(files, f'"renegotiation",1,{allowed}')
            await host.say(f'AT+QSSLOPEN=1,1,0,"{NAME}",443,1', "OK\r\n", "+QSSLOPEN: 0,0\r\n")
            await type_in(b"r\n")
            if not allowed:
                await host.hear('+QSSLURC: "closed",0\r\n')
                return
            await host.say("AT+QSSLSEND=0,6", "> ")
            host.write(b"hello\n")
            await host.hear("SEND OK\r\n")
            await type_in(b"down\n")
            await host.hear('+QSSLURC: "recv",0,5\r\ndown\n')

        with_module(work, port)


def test_data_of_any_bytes_crosses_both_ways(tmp_path: Path) -> None:
    files, stream = Files(tmp_path), random.Random(4)
    up, down = stream.randbytes(100_000), stream.randbytes(100_000)
    port = free_port(SOCK_STREAM)
    command = [program("openssl"), "s_server", "-accept", f"127.0.0.1:{port}", "-quiet", "-naccept", "2"]
    command += ["-cert", files.certificate, "-key", files.key]
    heard = bytearray()

    with peer(command, port) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        output, source = process.stdout, process.stdin

        async def work(host: SecureHost) -> None:
            loop = asyncio.get_running_loop()
            await host.configure(files)
            await host.say(f'AT+QSSLOPEN=1,1,0,"{NAME}",443,0', "OK\r\n", "+QSSLOPEN: 0,0\r\n")
            table = host.simulation.ue.ip.ssl_sockets
            link, rest = table.get(0), up
            assert link is not None
            with clock.hold():
                reading = loop.run_in_executor(None, output.read, len(up))
                writing = loop.run_in_executor(None, lambda: (source.write(down), source.flush()))
                while rest or len(heard) < len(down):
                    if rest and table.send(link, rest[:1460]):
                        rest = rest[1460:]
                    heard.extend(table.read(link, 1500)[0])
                    await asyncio.sleep(0.001)
                assert await reading == up
                await writing

        with_module(work, port)
    assert heard == down


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")  # a peer from Debian
@pytest.mark.parametrize("profile", ["ec800e", "sim7020"])
@pytest.mark.parametrize("mutual", [False, True])
def test_mosquitto_serves_the_modules_over_tls(tmp_path: Path, profile: str, mutual: bool) -> None:
    files, client = Files(tmp_path / "server"), Files(tmp_path / "client")
    port, settings = free_port(SOCK_STREAM), tmp_path / "mosquitto.conf"
    settings.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n"
        f"certfile {files.certificate}\nkeyfile {files.key}\ncafile {client.ca}\n"
        f"require_certificate {str(mutual).lower()}\n"
    )

    async def ec800e(host: SecureHost) -> None:
        await host.configure(files)
        if mutual:
            await host.upload("client.pem", client.pair[0])
            await host.upload("key.pem", client.pair[1])
            for setting in ('"clientcert",1,"client.pem"', '"clientkey",1,"key.pem"', '"seclevel",1,2'):
                await host.say(f"AT+QSSLCFG={setting}", "OK\r\n")
        await host.say('AT+QMTCFG="ssl",0,1,1', "OK")
        await host.say('AT+QMTCFG="version",0,4', "OK")
        await host.say(f'AT+QMTOPEN=0,"{NAME}",443', "OK", "+QMTOPEN: 0,0")
        await host.say('AT+QMTCONN=0,"one"', "OK", "+QMTCONN: 0,0,0")
        await host.say('AT+QMTSUB=0,1,"topic/a",1', "OK", "+QMTSUB: 0,1,0,1")
        await host.say('AT+QMTPUBEX=0,5,1,0,"topic/a",5', "> ")
        host.write(b"hello")
        await host.hear_all(b"+QMTPUBEX: 0,5,0", b'"topic/a","hello"')
        await host.say("AT+QMTDISC=0", "OK", "+QMTDISC: 0,0")

    async def sim7020(host: SecureHost) -> None:
        stored = (files.authority.certificate, *client.pair) if mutual else (files.authority.certificate,)
        for kind, content in enumerate(stored):
            text = content.decode().replace("\n", "\\n")
            await host.say(f'AT+CSETCA={kind},{len(text)},0,0,"{text}"', "OK")
        await host.say(f'AT+CMQTTSNEW="{NAME}","443",12000,1024', "+CMQTTSNEW: 0", "OK")
        await host.say('AT+CMQCON=0,4,"one",600,1,0', "OK")
        await host.say("AT+CMQTSYNC=1", "OK")
        await host.say('AT+CMQSUB=0,"topic/a",1', "OK")
        await host.say('AT+CMQPUB=0,"topic/a",1,0,0,4,"1234"', '+CMQPUB: 0,"topic/a",1,0,0,4,"1234"')
        await host.say("AT+CMQDISCON=0", "OK")

    with peer([str(MOSQUITTO), "-c", str(settings)], port):
        with_module(ec800e if profile == "ec800e" else sim7020, port, profile)


def test_mosquitto_without_the_clients_certificate_ends_the_opening(tmp_path: Path) -> None:
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed")  # a peer from Debian
    files, port, settings = Files(tmp_path / "server"), free_port(SOCK_STREAM), tmp_path / "mosquitto.conf"
    settings.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\ncertfile {files.certificate}\n"
        f"keyfile {files.key}\ncafile {files.ca}\nrequire_certificate true\n"
    )

    async def work(host: SecureHost) -> None:
        await host.configure(files)
        await host.say('AT+QMTCFG="ssl",0,1,1', "OK")
        await host.say(f'AT+QMTOPEN=0,"{NAME}",443', "OK", "+QMTOPEN: 0,5")
        assert host.reasons == ["tls_refused"]

    with peer([MOSQUITTO, "-c", str(settings)], port):
        with_module(work, port)


@pytest.mark.realtime
def test_openssl_trusts_the_platforms_in_the_box_by_their_authority(tmp_path: Path) -> None:
    async def main() -> None:
        simulation = Simulation(Options("ec800e", start=clock.wall_utc()))
        await simulation.world.start()
        try:
            assert simulation.world.authority is not None
            (tmp_path / "ca.pem").write_bytes(simulation.world.authority.certificate)
            for key, name in (("echo/tls", "echo.modemsim.test"), ("aep-mqtt/tls", "mqtt.ctwing.cn")):
                host, port = simulation.world.addresses[key]
                client = await asyncio.create_subprocess_exec(
                    program("openssl"), "s_client", "-connect", f"{host}:{port}", "-servername", name,
                    "-verify_hostname", name, "-verify_return_error", "-CAfile", str(tmp_path / "ca.pem"), "-brief",
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                )  # fmt: skip
                output, _ = await asyncio.wait_for(client.communicate(), 20)
                assert b"Verification: OK" in output
                assert b"Verified peername: " + name.encode() in output
        finally:
            await simulation.world.stop()

    clock.run(main())
