"""CoAP messages of parts that the host gives: what comes out is a message, or nothing does."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from ue_bench import Bench, on_bench

from modemsim.coap.codec import Peer, decode
from modemsim.ue.raw_coap import RawCoap

PARTS = {
    "kind": st.integers(0, 3),
    "code": st.integers(0, 255),
    "token": st.binary(max_size=8),
    "options": st.binary(max_size=40),
    "payload": st.binary(max_size=64),
}


def clients() -> RawCoap:
    return RawCoap(None, lambda *args, **values: None)  # type: ignore[arg-type]


@given(**PARTS)
def test_any_parts_make_a_message_of_just_these_parts_or_none(
    kind: int, code: int, token: bytes, options: bytes, payload: bytes
) -> None:
    message = clients().compose(kind, code, token, options, payload)
    if message is None:
        return
    read = decode(message, Peer(("", 0), lambda: ("", 0)))
    assert (int(read.mtype), int(read.code), read.token, read.mid) == (kind, code, token, 1)
    assert message[4 + len(token) :] == options + (b"\xff" + payload if payload else b"")


def test_options_that_end_themselves_are_not_joined_with_other_data() -> None:
    assert clients().compose(0, 2, b"", b"\xb1a\xff", b"data") is None
    assert clients().compose(0, 2, b"", b"\xff", b"") is None


def test_message_ids_count_and_come_round() -> None:
    coap = clients()
    ids = [int.from_bytes((coap.compose(0, 1, b"", b"", b"") or b"")[2:4], "big") for _ in range(0x10001)]
    assert ids[:2] == [1, 2]
    assert ids[0xFFFE:] == [0xFFFF, 1, 2]


def test_network_time_survives_neither_power_nor_bearer() -> None:
    async def main(bench: Bench) -> None:
        await bench.attached()
        await bench.ask("ATE0")
        ue = bench.simulation.ue
        for loss in ("AT+CGATT=0", "AT+CFUN=0"):
            assert await bench.ask('AT+CSNTPSTART="192.0.2.99"') == ["OK"]
            await bench.ask(loss)
            await bench.ask("AT+CFUN=1" if "CFUN" in loss else "AT+CGATT=1")
            await asyncio.sleep(70)
            await bench.attached()
            assert await bench.ask('AT+CSNTPSTART="192.0.2.123","+00"') == ["OK"]
            assert b"+00\r\n" in await bench.port.host_quiet(5)
        assert await bench.ask('AT+CSNTPSTART="192.0.2.99"') == ["OK"]
        await bench.simulation.power("reset")
        assert ue.ip.time_query is None
        await bench.attached()
        await asyncio.sleep(30)
        assert await bench.ask('AT+CSNTPSTART="192.0.2.123"') == ["OK"]

    on_bench(main, "sim7020")
