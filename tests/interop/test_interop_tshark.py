"""tshark's dissector reads what module and platform exchange, and finds nothing malformed."""

from __future__ import annotations

import asyncio
import json
import struct
import subprocess
from pathlib import Path

from interop_peers import program

from modemsim import clock
from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Options, Simulation
from modemsim.trace import Record

LINKTYPE_RAW = 101
MODULE, PLATFORM = ("10.0.0.2", 40000), ("180.101.147.115", 5683)
DIALOGUE = b'AT+NCFG=0,900\r|AT+NCDPOPEN="180.101.147.115"\r|AT+NMGS=5,00454c4c4f\r|AT+NMGS=3,010203,100\r|AT+NCDPCLOSE\r'


def ip_packet(data: bytes, source: tuple[str, int], target: tuple[str, int]) -> bytes:
    """An IPv4 packet with one UDP datagram; checksums 0 (not computed)."""

    def address(text: str) -> bytes:
        return bytes(map(int, text.split(".")))

    udp = struct.pack("!HHHH", source[1], target[1], 8 + len(data), 0) + data
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
    return head + address(source[0]) + address(target[0]) + udp


def write_pcap(path: Path, records: list[Record]) -> None:
    """The datagrams of the module's CoAP layer as a capture file."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, LINKTYPE_RAW))
        for record in records:
            ends = (MODULE, PLATFORM) if record.event == "tx" else (PLATFORM, MODULE)
            packet = ip_packet(record.fields["data"], *ends)
            seconds, micros = divmod(int(record.time * 1e6), 1_000_000)
            file.write(struct.pack("<IIII", seconds, micros, len(packet), len(packet)) + packet)


async def session(records: list[Record]) -> None:
    simulation, port = Simulation(Options("bc260y")), MemoryPort()
    simulation.trace.subscribe(lambda r: r.layer == "coap" and records.append(r))
    await simulation.start(port)
    await asyncio.sleep(30)
    for line in DIALOGUE.split(b"|"):
        port.host_write(line)
        await asyncio.sleep(20)
    await simulation.stop()


def test_the_dissector_finds_every_exchange_and_nothing_malformed(tmp_path: Path) -> None:
    tshark = program("tshark")
    records: list[Record] = []
    clock.run(session(records), virtual=True)
    capture = tmp_path / "session.pcap"
    write_pcap(capture, records)
    shown = subprocess.run(
        [tshark, "-r", str(capture), "-d", "udp.port==5683,coap", "-T", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    packets = [packet["_source"]["layers"] for packet in json.loads(shown.stdout)]
    assert len(packets) == len(records)
    assert all("coap" in packet for packet in packets)
    assert "_ws.malformed" not in shown.stdout
    assert "_ws.expert" not in shown.stdout
    codes = [int(packet["coap"]["coap.code"]) for packet in packets]
    get, post, put, delete, created, deleted, changed, content = 1, 2, 3, 4, 65, 66, 68, 69
    for code in (get, post, put, delete, created, deleted, changed, content):
        assert code in codes, f"no message with code {code >> 5}.{code & 31:02d}"
    paths = [packet["coap"].get("coap.opt.uri_path_recon") for packet in packets]
    assert {"/rd", "/19/0/0", "/19/1/0"} <= {path for path in paths if path}
