"""The file area of an EC800E: uploads that break off, what outlives a run, limits, names, any bytes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_ue_tls import on_ec800e, upload
from ue_bench import Bench

from modemsim.commands.files_quectel import checksum
from modemsim.commands.tls_simcom import pem
from modemsim.trace import Trace
from modemsim.ue.files import FileProblem, Files, full_name
from modemsim.ue.nvm import Nvm


def test_an_upload_that_loses_power_leaves_no_file() -> None:
    async def work(bench: Bench) -> None:
        bench.port.host_write(b'AT+QFUPL="ca.pem",1000,60\r')
        await bench.port.host_read_until(b"CONNECT\r\n", 10)
        bench.port.host_write(bytes(500))
        await asyncio.sleep(1)
        await bench.simulation.power("reset")
        await bench.attached()
        await bench.port.host_quiet(10)
        assert (await bench.ask("AT+QFLST"))[-1] == "OK"
        assert bench.simulation.ue.ip.files.find("*") == {}

    on_ec800e(work)


def test_a_slow_upload_is_given_up_only_after_silence_and_no_urc_falls_into_it() -> None:
    async def work(bench: Bench) -> None:
        bench.port.host_write(b'AT+QFUPL="slow",20,2\r')
        await bench.port.host_read_until(b"CONNECT\r\n", 10)
        for at in range(19):
            await asyncio.sleep(1.9)
            bench.port.host_write(b"x")
            bench.simulation.ue.publish("ssl.closed", id=at % 3)
        assert bench.port.host_read() == b""
        bench.port.host_write(b"xAT\r")
        heard = await bench.port.host_quiet(5)
        assert heard.startswith(b"\r\n+QFUPL: 20,0\r\n\r\nOK\r\n")
        assert heard.count(b'+QSSLURC: "closed"') == 19
        assert heard.count(b"\r\nOK\r\n") == 2

    on_ec800e(work)


def test_a_fault_hits_the_acknowledgements_that_are_sent_and_no_others() -> None:
    async def work(bench: Bench) -> None:
        bench.port.host_write(b'AT+QFUPL="acknowledged",2049,60,1\r')
        await bench.port.host_read_until(b"CONNECT\r\n", 10)
        bench.simulation.faults.begin("corrupt", {"at": 0, "byte": "21", "times": 1})
        for size, heard in ((100, b""), (924, b"!"), (1024, b"A")):
            bench.port.host_write(b"x" * size)
            assert await bench.port.host_quiet(1) == heard
        bench.port.host_write(b"x")
        assert (await bench.port.host_quiet(5)).startswith(b"\r\n+QFUPL: 2049,")

    on_ec800e(work)


def test_files_outlive_the_run_and_are_bounded(tmp_path: Path) -> None:
    async def fill(bench: Bench) -> None:
        assert b"+QFUPL: 3,4100" not in await upload(bench, "keep", b"abc")
        await upload(bench, "RAM:lost", b"abc")
        for number in range(62):
            await upload(bench, f"f{number}", b"x")
        assert await bench.ask('AT+QFUPL="more",1') == ["+CME ERROR: 420"]
        assert await bench.ask('AT+QFDEL="f*"') == ["OK"]
        await upload(bench, "big", bytes(200000))
        assert await bench.ask('AT+QFUPL="big2",100000') == ["+CME ERROR: 420"]
        assert await bench.ask('AT+QFUPL="' + "n" * 85 + '",1') == ["+CME ERROR: 400"]

    async def look(bench: Bench) -> list[str]:
        return await bench.ask("AT+QFLST")

    on_ec800e(fill, state_dir=tmp_path)
    kept = ['+QFLST: "UFS:big",200000', '+QFLST: "UFS:keep",3', "OK"]
    assert on_ec800e(look, state_dir=tmp_path) == kept


@pytest.mark.parametrize("name", ["", "*", "a*", "a?", "[a]", "SD:x", "UFS:", "a/b", "..\\x"])
def test_names_that_no_file_can_have_are_refused(name: str) -> None:
    async def work(bench: Bench) -> None:
        (answer,) = await bench.ask(f'AT+QFUPL="{name}",1')
        assert answer in ("+CME ERROR: 400", "+CME ERROR: 406")

    on_ec800e(work)


def test_a_file_of_any_bytes_comes_back_as_it_went() -> None:
    data = bytes(range(256)) * 11 + b"\x81"

    async def work(bench: Bench) -> None:
        sent = await upload(bench, "any", data)
        bench.port.host_write(b'AT+QFDWL="any"\r')
        heard = await bench.port.host_quiet(2)
        assert heard.startswith(b"\r\nCONNECT\r\n" + data + b"\r\n+QFDWL: 2817,")
        assert sent.split(b",")[1] == heard.split(b"+QFDWL: 2817,")[1]

    on_ec800e(work)


def test_the_reference_checksum() -> None:
    """683 bytes, f6e: of the manual's example nothing but the spelling is known; the sum is by its rule."""

    async def work(bench: Bench) -> None:
        assert b"+QFUPL: 2,f6e\r\n" in await upload(bench, "even", b"\x0f\x6e")
        assert b"+QFUPL: 3,ff6e\r\n" in await upload(bench, "odd", b"\x0f\x6e\xf0")

    on_ec800e(work)


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_the_checksum_is_that_of_the_words(first: bytes, second: bytes) -> None:
    even = first + bytes(len(first) % 2)
    assert checksum(even + second) == checksum(even) ^ checksum(second)
    assert 0 <= checksum(first) <= 0xFFFF
    assert checksum(even + even) == 0


@given(st.text(max_size=90), st.binary(max_size=20))
def test_a_file_is_found_by_the_name_it_was_stored_under_or_not_stored(name: str, data: bytes) -> None:
    files = Files(Nvm(None, "m", Trace(lambda: 0.0)), 100, 2)
    situation = "ok"
    try:
        files.store(name, data)
    except FileProblem as problem:
        situation = problem.situation
    if situation != "ok":
        assert (situation, files.find("*")) == ("bad_file_name", {})
        return
    assert files.read(name) == data
    assert files.find(name) == {full_name(name): data}
    assert files.free == 100 - len(data)
    assert files.delete(name) == 1
    assert files.free == 100


@given(st.text(), st.sampled_from(["\\n", "", "\n", "\\r\\n", "\r\n"]))
def test_any_text_is_read_as_pem_without_harm(text: str, end: str) -> None:
    read = pem(text)
    assert (read is None) == (not text.replace("\\r", "").replace("\\n", "").strip())
    body = "QUJD" * 40
    lines = [
        "-----BEGIN CERTIFICATE-----",
        *(body[at : at + 64] for at in range(0, 160, 64)),
        "-----END CERTIFICATE-----",
    ]
    assert pem(end.join([*lines, ""])) == ("\n".join([*lines, ""])).encode()


def test_a_stored_file_that_was_spoilt_is_gone_and_the_others_are_not(tmp_path: Path) -> None:
    nvm = Nvm(tmp_path, "m", Trace(lambda: 0.0))
    nvm.store("files", {"UFS:good": "Z29vZA==", "UFS:bad": "?", "UFS:worse": 5, "SD:odd": "Z29vZA=="})
    assert Files(nvm, 100, 2).find("*") == {"UFS:good": b"good"}
