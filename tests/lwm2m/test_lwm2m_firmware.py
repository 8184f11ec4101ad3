"""Object 5 and the download below it: every state and event, and every way a package can fail to arrive."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from aiocoap import Code, Message

from modemsim import clock
from modemsim.coap.endpoint import Endpoint, PlainSocket, Tuning
from modemsim.coap.packages import Package
from modemsim.lwm2m.download import PackageUri, fetch
from modemsim.lwm2m.firmware import (
    RESULT_PATH,
    STATE_PATH,
    TRANSITIONS,
    DownloadFailed,
    FirmwareEvent,
    FirmwareState,
    FirmwareUpdate,
    UpdateResult,
)
from modemsim.lwm2m.model import Refusal
from modemsim.ue.firmware_flash import Flash

DATA = random.Random("package").randbytes(5000)


class Driver:
    """Keeps what object 5 asks of the module."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.ask_host = False

    def asks_first(self, event: FirmwareEvent, uri: str = "") -> bool:
        return self.ask_host

    def fetch(self, uri: str) -> None:
        self.asked.append(uri)

    def part(self, offset: int, data: bytes, more: bool) -> None:
        self.asked.append((offset, data, more))

    def cancel(self) -> None:
        self.asked.append("cancel")

    def install(self) -> None:
        self.asked.append("install")

    def moved(self, before: FirmwareState) -> None:
        self.asked.append(before)


@pytest.mark.parametrize("state", FirmwareState)
@pytest.mark.parametrize("event", FirmwareEvent)
def test_every_state_and_event(state: FirmwareState, event: FirmwareEvent) -> None:
    update, told = FirmwareUpdate(Driver()), []
    update.told = told.append
    update.restore(state, UpdateResult.INITIAL)
    after = TRANSITIONS.get((state, event))
    assert update.step(event, UpdateResult.INTEGRITY) is (after is not None)
    assert update.state is (state if after is None else after)
    assert update.result is (UpdateResult.INITIAL if after is None else UpdateResult.INTEGRITY)
    expected = [] if after is None else ([STATE_PATH] if after is not state else []) + [RESULT_PATH]
    assert told == expected


@pytest.mark.parametrize("state", FirmwareState)
def test_what_a_server_may_ask_in_each_state(state: FirmwareState) -> None:
    def ask(act: Callable[[Any], None]) -> bool:
        update = FirmwareUpdate(Driver())
        update.restore(state, UpdateResult.INITIAL)
        try:
            act(update.instance())
        except Refusal:
            return False
        return True

    idle, downloading = state is FirmwareState.IDLE, state is FirmwareState.DOWNLOADING
    assert ask(lambda five: five.write(1, "coap://h/p")) is idle
    assert ask(lambda five: five.on_part[0](0, b"x", True)) is (idle or downloading)
    assert ask(lambda five: five.on_part[0](16, b"x", False)) is downloading
    assert ask(lambda five: five.write(1, "")) is (state is not FirmwareState.UPDATING)
    assert ask(lambda five: five.write(0, b"\0")) is (state is not FirmwareState.UPDATING)
    assert ask(lambda five: five.on_execute[2](b"")) is (state is FirmwareState.DOWNLOADED)
    assert not ask(lambda five: five.on_execute[2](b"0='1'"))


def test_a_host_that_decides_is_asked_first() -> None:
    driver = Driver()
    driver.ask_host = True
    update = FirmwareUpdate(driver)
    update.instance().write(1, "coap://h/p")
    assert (update.state, driver.asked) == (FirmwareState.IDLE, [])
    update.begin("coap://h/p")
    assert update.state is FirmwareState.DOWNLOADING
    update.step(FirmwareEvent.COMPLETE)
    update.instance().on_execute[2](b"")
    assert update.state is FirmwareState.DOWNLOADED
    update.execute()
    assert driver.asked[-1] == "install"


def test_a_refusal_of_the_host_is_told_with_the_state_unchanged() -> None:
    update, told = FirmwareUpdate(Driver()), []
    update.told = told.append
    update.report(UpdateResult.UPDATE_FAILED)
    assert told == [STATE_PATH, RESULT_PATH]
    assert update.instance().read(5) == 8


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("http://h/p", 9), ("coaps://h/p", 9), ("h/p", 7), ("coap:", 7), ("coap://", 7), ("", 7),
        ("coap://h:port/p", 7), ("coap://[::1/p", 7), ("coap://h/" + "p" * 250, 7),
    ],
)  # fmt: skip
def test_a_uri_that_cannot_be_used(text: str, result: int) -> None:
    with pytest.raises(DownloadFailed) as failed:
        PackageUri.parse(text, ("coap",))
    assert failed.value.result == result


def test_the_parts_of_a_uri() -> None:
    assert PackageUri.parse("coaps://h.cn/a%20b/c?x=1&y", ("coap", "coaps")) == PackageUri(
        "coaps", "h.cn", 5684, ("a b", "c"), ("x=1", "y")
    )
    assert PackageUri.parse("coap://1.2.3.4:99", ("coap",)).port == 99


class Server:
    """Serves one package, and does to each request what a test wants: lose it, or answer it otherwise."""

    def __init__(self, data: bytes = DATA) -> None:
        self.package = Package.of(data)
        self.blocks: list[int] = []
        self.silent_from: int | None = None
        self.answer: Callable[[Message], Message | None] = lambda request: None
        self.endpoint = Endpoint(PlainSocket(), self, stream=random.Random(1))

    async def render_to_pipe(self, pipe: Any) -> None:
        self.blocks.append(pipe.request.opt.block2.block_number)
        if self.silent_from is not None and self.blocks[-1] >= self.silent_from:
            await asyncio.sleep(1000)
        response = self.answer(pipe.request) or self.package.serve(pipe.request)
        pipe.add_response(response, is_last=True)


def on_wire(test: Callable[[Server, Flash, Callable[..., Any]], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        server, flash = Server(), Flash(None, 100_000)
        tuning = Tuning(ack_timeout=10.0, ack_random_factor=1.0, max_retransmit=0)
        client = Endpoint(PlainSocket(), None, stream=random.Random(2), tuning=tuning)
        uri = PackageUri("coap", "127.0.0.1", server.endpoint.local[1], ("fw",), ())

        async def get(**options: int) -> None:
            await fetch(client, server.endpoint.local, uri, flash, **options)

        try:
            await test(server, flash, get)
        finally:
            client.close()
            server.endpoint.close()

    clock.run(main(), virtual=True)


@pytest.mark.parametrize("exponent", range(7))
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 1024, 1025, 4096])
def test_a_package_of_any_size_in_blocks_of_any_size(exponent: int, size: int) -> None:
    async def test(server: Server, flash: Flash, get: Callable[..., Any]) -> None:
        server.package = Package.of(DATA[:size])
        await get(exponent=exponent)
        assert flash.data == DATA[:size]

    on_wire(test)


def test_a_lost_block_is_asked_for_again_and_the_count_begins_anew_with_each_good_one() -> None:
    async def test(server: Server, flash: Flash, get: Callable[..., Any]) -> None:
        def lossy(request: Message) -> Message | None:
            wanted = server.blocks.count(request.opt.block2.block_number)
            return Message(code=Code.CONTENT, payload=b"late", block2=(99, True, 5)) if wanted < 5 else None

        server.answer = lossy
        await get(exponent=5, repeats=5)
        assert flash.data == DATA
        assert len(server.blocks) == 5 * 10

    on_wire(test)


def test_silence_is_given_up_and_gone_on_with_later() -> None:
    async def test(server: Server, flash: Flash, get: Callable[..., Any]) -> None:
        server.silent_from = 4
        began = asyncio.get_running_loop().time()
        with pytest.raises(DownloadFailed) as failed:
            await get(repeats=2)
        assert failed.value.result is UpdateResult.CONNECTION_LOST
        assert flash.length == 4 * 512
        assert asyncio.get_running_loop().time() - began > 30
        server.silent_from = None
        server.blocks.clear()
        await get()
        assert server.blocks == [4, 5, 6, 7, 8, 9]
        assert flash.data == DATA

    on_wire(test)


def test_another_package_at_the_same_uri_is_downloaded_from_its_start() -> None:
    async def test(server: Server, flash: Flash, get: Callable[..., Any]) -> None:
        flash.begin(b"old", None)
        flash.append(b"old" * 1000)
        await get()
        assert flash.data == DATA

    on_wire(test)


@pytest.mark.parametrize(
    ("code", "result"), [(Code.NOT_FOUND, 7), (Code.FORBIDDEN, 7), (Code.SERVICE_UNAVAILABLE, 4)]
)
def test_a_server_that_refuses(code: Code, result: int) -> None:
    async def test(server: Server, flash: Flash, get: Callable[..., Any]) -> None:
        server.answer = lambda request: Message(code=code)
        with pytest.raises(DownloadFailed) as failed:
            await get()
        assert failed.value.result == result

    on_wire(test)


@pytest.mark.parametrize("told", [True, False])
def test_a_package_that_does_not_fit(told: bool) -> None:
    async def test(server: Server, flash: Flash, get: Callable[..., Any]) -> None:
        server.package = Package.of(bytes(100_001))

        def untold(request: Message) -> Message | None:
            request.opt.size2 = request.opt.size2 if told else None
            return None

        server.answer = untold
        with pytest.raises(DownloadFailed) as failed:
            await get()
        assert failed.value.result is UpdateResult.NO_STORAGE
        assert len(server.blocks) == (1 if told else 196)

    on_wire(test)


@pytest.mark.parametrize("from_block", [0, 1, 3])
def test_a_server_with_smaller_blocks_from_the_start_or_later(from_block: int) -> None:
    async def test(server: Server, flash: Flash, get: Callable[..., Any]) -> None:
        def small(request: Message) -> Message | None:
            number, more, exponent = request.opt.block2
            if exponent > 2 and number >= from_block:
                request.opt.block2 = (number << (exponent - 2), more, 2)
            return None

        server.answer = small
        await get(exponent=6)
        assert flash.data == DATA

    on_wire(test)


def test_the_flash_outlives_the_module(tmp_path: Path) -> None:
    flash = Flash(tmp_path, 1000)
    flash.begin(b"\x01\x02", 500)
    flash.append(b"\n" * 100)
    flash.append(b"x" * 100)
    flash.truncate(150)
    again = Flash(tmp_path, 1000)
    assert (again.etag, again.data) == (b"\x01\x02", b"\n" * 100 + b"x" * 50)
    again.erase()
    assert Flash(tmp_path, 1000).length == 0
