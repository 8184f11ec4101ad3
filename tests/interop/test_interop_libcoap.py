"""libcoap's coap-client, bound to the platform's port, plays the platform; from another port it changes nothing."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from interop_peers import program

pytestmark = pytest.mark.realtime
PLATFORM = "180.101.147.115:5683"
SPEED = "10"


class Desk:
    """A module on a pty whose platform is a plain socket of this test."""

    def __init__(self, folder: Path) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(20)
        self.port = self.socket.getsockname()[1]
        link = folder / "module"
        command = [sys.executable, "-m", "modemsim", "run", "bc260y", "--link", str(link), "--speed", SPEED,
                   "--platform", "none", "--offline", "--route", f"{PLATFORM}=127.0.0.1:{self.port}"]  # fmt: skip
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while not link.exists():
            time.sleep(0.01)
        self.host = serial.Serial(str(link), 9600, timeout=20)

    def say(self, line: str, until: str) -> str:
        self.host.write(line.encode() + b"\r")
        return self.host.read_until(until.encode()).decode()

    def register(self) -> int:
        """Accept the module's registration by hand; returns the module's UDP port."""
        for _ in range(50):
            if '"1' in self.say("AT+CGPADDR?", "OK\r\n"):
                break
            time.sleep(0.1)
        self.say(f'AT+NCDPOPEN="{PLATFORM.partition(":")[0]}"', "OK\r\n")
        request, module = self.socket.recvfrom(2048)
        tokens = request[0] & 15
        location = bytes([0x82]) + b"rd" + bytes([0x01]) + b"7"
        self.socket.sendto(bytes([0x60 | tokens, 65]) + request[2 : 4 + tokens] + location, module)
        assert "+QLWEVTIND: 0" in self.host.read_until(b"+QLWEVTIND: 0\r\n").decode()
        self.socket.close()
        return int(module[1])

    def close(self) -> None:
        self.host.close()
        self.process.terminate()
        assert self.process.wait(5) == 0


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    program("coap-client", "coap-client-openssl", "coap-client-notls", "coap-client-gnutls")
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def coap(desk: Desk, module: int, path: str, *options: str, port: int | None = None) -> str:
    """What coap-client prints; it is bound to the platform's port unless another one is given."""
    client = program("coap-client", "coap-client-openssl", "coap-client-notls", "coap-client-gnutls")
    command = [client, "-B", "3", "-p", str(port or desk.port), *options, f"coap://127.0.0.1:{module}{path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout + done.stderr


def test_coap_client_plays_the_platform(desk: Desk) -> None:
    module = desk.register()
    assert "Quectel_BC260Y-CN" in coap(desk, module, "/3/0/1")
    assert "BC260YCNAAR02A02" in coap(desk, module, "/3/0/3")
    discovered = coap(desk, module, "/3/0", "-A", "40")
    assert "</3/0>" in discovered
    assert "</3/0/4>" in discovered
    assert "4.01" in coap(desk, module, "/0/0/0")
    assert "4.04" in coap(desk, module, "/77/0/0")
    coap(desk, module, "/19/1/0", "-m", "put", "-t", "42", "-e", "hello")
    assert "+NNMI: 5,68656C6C6F" in desk.host.read_until(b"6F\r\n").decode()


def test_coap_client_observes_uplinks(desk: Desk) -> None:
    module = desk.register()
    client = program("coap-client", "coap-client-openssl", "coap-client-notls", "coap-client-gnutls")
    command = [client, "-s", "2", "-p", str(desk.port), "-A", "42", f"coap://127.0.0.1:{module}/19/0/0"]
    observer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert "+QLWEVTIND: 3" in desk.host.read_until(b"+QLWEVTIND: 3\r\n").decode()
    assert "+QLWEVTIND: 4" in desk.say("AT+NMGS=5,68656C6C6F,100", "+QLWEVTIND: 4\r\n")
    said, _ = observer.communicate(timeout=20)
    assert b"hello" in said


def test_a_stranger_is_refused_and_changes_nothing(desk: Desk) -> None:
    module = desk.register()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        other = probe.getsockname()[1]
    for path, options in (("/3/0/1", []), ("/19/1/0", ["-m", "put", "-t", "42", "-e", "evil"]),
                          ("/3/0/4", ["-m", "post"]), ("/19/0/0", ["-s", "1"])):  # fmt: skip
        said = coap(desk, module, path, *options, port=other)
        assert "4.01" in said, said
        assert "Quectel" not in said
    assert re.search(r"BUFFERED=0,RECEIVED=0", desk.say("AT+NQMGR", "OK\r\n"))
    assert "REGISTERED\r" in desk.say("AT+NMSTATUS?", "OK\r\n")
