"""Client-initiated bootstrap: the conversation, what is taken and refused, and modules that register by it."""

from __future__ import annotations

import asyncio
import random
import re

import pytest
from aiocoap import Code
from bootstrap_server import KEY, BootstrapServer, account, instance, security, steps

from modemsim import clock
from modemsim.coap.datagram import PlainSocket
from modemsim.coap.endpoint import Tuning
from modemsim.lwm2m import objects, tlv
from modemsim.lwm2m.bootstrap import Account, Bootstrap, BootstrapFailed
from modemsim.options import Options
from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Simulation

IMEI = "863716049970731"
PLATFORM = "180.101.147.115"


def ask(server: BootstrapServer, name: str = "me") -> Bootstrap:
    return Bootstrap(
        name=name,
        server=server.local,
        socket=PlainSocket(),
        tuning=Tuning(ack_timeout=1),
        stream=random.Random(1),
        trace=None,
    )


def outcome(work: list[tuple[Code, str, bytes]]) -> tuple[Account | str, list[str]]:
    """What becomes of a bootstrap with these steps, and what the module answers to each."""

    async def main() -> tuple[Account | str, list[str]]:
        server = BootstrapServer(work)
        try:
            result: Account | str = await ask(server).run()
        except BootstrapFailed as problem:
            result = str(problem)
        await asyncio.sleep(1)
        server.close()
        assert server.asked == [("bs", "ep=me")]
        return result, server.answers

    return clock.run(main(), virtual=True)


def test_an_account_without_security() -> None:
    result, answers = outcome(steps("coap://10.1.2.3:5700"))
    assert result == Account("10.1.2.3", 5700, False, "", b"", 3600, "U")
    assert answers == ["2.02", "2.04", "2.04", "2.04"]


def test_an_account_with_a_key() -> None:
    result, _ = outcome(steps("coaps://platform.example", identity="id", key=KEY))
    assert result == Account("platform.example", 5684, True, "id", KEY, 3600, "U")
    assert KEY.hex() not in repr(result)


def test_the_bootstrap_servers_own_account_is_not_taken_for_the_platform() -> None:
    own = instance(objects.SECURITY, r0="coap://bs.example", r1=True, r2=3)
    work = [
        (Code.PUT, "/0/0", own),
        (Code.PUT, "/0/1", security("coap://10.0.0.9")),
        (Code.PUT, "/1/3", account()),
    ]
    result, answers = outcome([*work, (Code.GET, "/", b"")])
    assert isinstance(result, Account)
    assert (result.host, result.port) == ("10.0.0.9", 5683)
    assert answers[3] == '2.05 lwm2m="1.0",</0/0>,</0/1>,</1/3>'


def test_whole_objects_and_deleted_instances() -> None:
    def nested(number: int, body: bytes) -> bytes:
        return tlv.encode([tlv.Record(tlv.Level.OBJECT_INSTANCE, number, children=tlv.decode(body))])

    work = [
        (Code.PUT, "/0", nested(0, security("coap://10.0.0.1"))),
        (Code.PUT, "/0", nested(1, security("coap://10.0.0.2"))),
        (Code.DELETE, "/0/0", b""),
        (Code.PUT, "/1", nested(0, account(lifetime=77))),
        (Code.PUT, "/2/0", b""),
    ]
    result, answers = outcome(work)
    assert isinstance(result, Account)
    assert (result.host, result.lifetime) == ("10.0.0.2", 77)
    assert answers == ["2.04", "2.04", "2.02", "2.04", "2.04", "2.04"]


@pytest.mark.parametrize(
    ("work", "answers"),
    [
        ([], ["4.06"]),
        (steps("coap://10.0.0.1")[:2], ["2.02", "2.04", "4.06"]),
        (steps("http://10.0.0.1"), ["2.02", "2.04", "2.04", "4.06"]),
        ([(Code.PUT, "/3/0", account())], ["4.04", "4.06"]),
        ([(Code.PUT, "/0/0", b"\xff")], ["4.00", "4.06"]),
        ([(Code.PUT, "/x", account())], ["4.04", "4.06"]),
        ([(Code.POST, "/0/0", account())], ["4.05", "4.06"]),
    ],
)
def test_what_is_not_enough_is_told_so(work: list[tuple[Code, str, bytes]], answers: list[str]) -> None:
    assert outcome(work) == ("incomplete", answers)


def test_a_refusal_silence_and_a_server_that_stops_half_way() -> None:
    async def main() -> None:
        server = BootstrapServer([])
        server.answer = Code.BAD_REQUEST
        with pytest.raises(BootstrapFailed, match=r"4\.00"):
            await ask(server).run()
        server.answer, server.silent = Code.CHANGED, True
        started = asyncio.get_running_loop().time()
        with pytest.raises(BootstrapFailed, match="timeout"):
            await ask(server).run()
        assert asyncio.get_running_loop().time() - started == pytest.approx(247, abs=1)
        server.close()
        with pytest.raises(BootstrapFailed, match="timeout"):
            await ask(server).run()

    clock.run(main(), virtual=True)


def host(profile: str, lines: list[str], *, bs_key: bool, psk: bool, until: str, port: int = 5683) -> str:
    """What a module prints whose host says these lines, with a bootstrap server at 10.9.9.9."""

    async def main() -> str:
        key = {"identity": IMEI, "key": KEY} if psk else {}
        uri = f"coaps://{PLATFORM}:5684" if psk else f"coap://{PLATFORM}:5683"
        server = BootstrapServer(steps(uri, **key), keys={IMEI: KEY} if bs_key else None)
        options = Options(
            profile,
            imei=IMEI,
            routes=(f"10.9.9.9:{port}=127.0.0.1:{server.local[1]}",),
            offline=True,
            psk=(f"{IMEI}={KEY.hex()}",) if psk else (),
        )
        simulation, serial = Simulation(options), MemoryPort()
        await simulation.start(serial)
        while simulation.ue.radio.ip is None:
            await asyncio.sleep(1)
        await asyncio.sleep(5)
        for line in lines:
            serial.host_write(line.encode() + b"\r")
            await asyncio.sleep(2)
        printed = ""
        for _ in range(300):
            printed += serial.host_read().decode(errors="replace")
            if re.search(until, printed):
                break
            await asyncio.sleep(1)
        registered = [p.store[IMEI] for p in simulation.platforms.values() if IMEI in p.store]
        state = [device.registered for device in registered if device.lifetime == 3600]
        server.close()
        await simulation.stop()
        return f"{printed} {state}"

    return clock.run(main(), virtual=True)


NEUL = ["AT+QLWEVTIND=1", "AT+QLWSERVERIP=BS,10.9.9.9,5683", "AT+QLWSREGIND=0"]


@pytest.mark.parametrize("psk", [False, True])
def test_a_neul_module_registers_where_the_bootstrap_server_says(psk: bool) -> None:
    said = host("bc35", NEUL, bs_key=False, psk=psk, until="QLWEVTIND:3")
    assert re.search(r"\+QLWEVTIND:4.*\+QLWEVTIND:0.*\+QLWEVTIND:3", said, re.DOTALL), said
    assert said.endswith("[True]")


def test_the_bootstrap_server_may_be_secured_too() -> None:
    lines = ["AT+QSECSWT=1", f"AT+QSETPSK=0,{KEY.hex()}", *NEUL]
    said = host("bc35", lines, bs_key=True, psk=True, until="QLWEVTIND:3")
    assert re.search(r"\+QLWEVTIND:4.*\+QLWEVTIND:3", said, re.DOTALL), said


def test_no_bootstrap_server_is_a_failed_registration() -> None:
    said = host("bc35", [*NEUL[:1], "AT+QLWSERVERIP=BS,10.8.8.8,5683", NEUL[2], "AT+NMSTATUS?"],
                bs_key=False, psk=False, until="OK\r\n$")  # fmt: skip
    assert "QLWEVTIND:0" not in said


@pytest.mark.parametrize(("bs_key", "psk"), [(False, False), (False, True), (True, True)])
def test_an_ec800e_registers_where_the_bootstrap_server_says(bs_key: bool, psk: bool) -> None:
    security_part = f'0,"{IMEI}","{KEY.hex()}"' if bs_key else "3,0"
    lines = [
        'AT+QLWCFG="auto_ack",1',
        f'AT+QLWCONFIG=1,"10.9.9.9",5683,"{IMEI}",86400,{security_part}',
        "AT+QLWADDOBJ=19,0,1,0",
        "AT+QLWREG",
    ]
    said = host("ec800e", lines, bs_key=bs_key, psk=psk, until=r"QLWREG: -?\d")
    assert re.search(r'\+QLWURC: "bs_finished".*\+QLWREG: 0', said, re.DOTALL), said
    assert said.endswith("[True]")


def test_an_ec800e_whose_bootstrap_fails() -> None:
    lines = [f'AT+QLWCONFIG=1,"10.8.8.8",5683,"{IMEI}",86400,3,0', "AT+QLWADDOBJ=19,0,1,0", "AT+QLWREG"]
    assert "+QLWREG: 1" in host("ec800e", lines, bs_key=False, psk=False, until=r"QLWREG: -?\d")
