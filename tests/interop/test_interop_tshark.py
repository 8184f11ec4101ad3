"""tshark's dissector reads what module and platform exchange, and finds nothing malformed."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

from interop_peers import program

from modemsim import clock
from modemsim.net.capture import Capture
from modemsim.options import Options
from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Simulation

DIALOGUE = b'AT+NCFG=0,900\r|AT+NCDPOPEN="180.101.147.115"\r|AT+NMGS=5,00454c4c4f\r|AT+NMGS=3,010203,100\r|AT+NCDPCLOSE\r'


async def session(capture: Path, profile: str, dialogue: bytes) -> None:
    simulation, port = Simulation(Options(profile)), MemoryPort()
    with capture.open("wb", buffering=0) as file:
        await simulation.start(port)
        bearer = simulation.ue.bearer
        bearer.tap = Capture(file, simulation.network.now_utc, lambda: bearer.ip)
        await asyncio.sleep(30)
        for line in dialogue.split(b"|"):
            port.host_write(line)
            await asyncio.sleep(20)
        await simulation.stop()


def dissected(capture: Path, *options: str) -> list[dict[str, Any]]:
    """The packets as the dissector reads them, checksums checked."""
    checks = [word for name in ("ip", "udp", "tcp") for word in ("-o", f"{name}.check_checksum:TRUE")]
    shown = subprocess.run(
        [program("tshark"), "-r", str(capture), *checks, *options, "-T", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "_ws.malformed" not in shown.stdout
    assert "_ws.expert" not in shown.stdout
    return [packet["_source"]["layers"] for packet in json.loads(shown.stdout)]


def test_the_dissector_finds_every_exchange_and_nothing_malformed(tmp_path: Path) -> None:
    capture = tmp_path / "session.pcap"
    clock.run(session(capture, "bc260y", DIALOGUE), virtual=True)
    packets = dissected(capture, "-d", "udp.port==5683,coap")
    assert all("coap" in packet for packet in packets)
    codes = [int(packet["coap"]["coap.code"]) for packet in packets]
    get, post, put, delete, created, deleted, changed, content = 1, 2, 3, 4, 65, 66, 68, 69
    for code in (get, post, put, delete, created, deleted, changed, content):
        assert code in codes, f"no message with code {code >> 5}.{code & 31:02d}"
    paths = [packet["coap"].get("coap.opt.uri_path_recon") for packet in packets]
    assert {"/rd", "/19/0/0", "/19/1/0"} <= {path for path in paths if path}


MQTT_DIALOGUE = (
    b'AT+QMTOPEN=0,"mqtt.ctwing.cn",1883\r|AT+QMTCONN=0,"device","user","secret"\r|AT+QMTSUB=0,1,"down",1\r'
    b'|AT+QMTPUBEX=0,2,1,0,"up",8\r|{"a": 1}|AT+QMTDISC=0\r'
)


def test_the_dissector_reads_mqtt_out_of_the_segments(tmp_path: Path) -> None:
    capture = tmp_path / "mqtt.pcap"
    clock.run(session(capture, "ec800e", MQTT_DIALOGUE), virtual=True)
    packets = dissected(capture, "-Y", "mqtt")
    assert {packet["ip"]["ip.dst"] for packet in packets} >= {"180.106.148.146"}
    kinds = [
        header["mqtt.hdrflags_tree"]["mqtt.msgtype"] for packet in packets for header in [packet["mqtt"]]
    ]
    connect, connack, publish, puback, subscribe, suback, disconnect = "1", "2", "3", "4", "8", "9", "14"
    assert [kind for kind in kinds if kind in (connect, connack, subscribe, suback, publish, puback, disconnect)] == [
        connect, connack, subscribe, suback, publish, puback, disconnect,
    ]  # fmt: skip
