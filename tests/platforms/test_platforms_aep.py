"""AEP: service commands and their responses, devices named in three forms, commands that wait, questions."""

from __future__ import annotations

import asyncio

import pytest
from aiocoap import Code
from platforms_fake import IMEI, FakeModule, events, play

from modemsim.platforms.aep_codec import CodecError, Frame, Kind
from modemsim.platforms.base import Platform
from modemsim.platforms.china_telecom import Aep, CtIot
from modemsim.platforms.downlinks import DownlinkState
from modemsim.platforms.names import device_id
from modemsim.trace import Trace


def response(task_id: int | None, body: bytes = b"\x00") -> bytes:
    return Frame(Kind.COMMAND_RESPONSE, 9001, body, task_id).encode()


def test_a_command_is_completed_by_the_response_with_its_task_id() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect()
        first = platform.command(IMEI, 8001, b"\x01")
        second = platform.command(IMEI, 8001, b"\x02")
        await asyncio.sleep(1)
        assert module.written == [
            Frame(Kind.COMMAND, 8001, b"\x01", first.task_id).encode(),
            Frame(Kind.COMMAND, 8001, b"\x02", second.task_id).encode(),
        ]
        assert first.task_id != second.task_id
        module.notify(response(second.task_id, b"done"))
        await asyncio.sleep(1)
        assert (first.state, second.state) == (DownlinkState.DELIVERED, DownlinkState.COMPLETED)
        assert (first.response, second.response) == (None, b"done")
        assert [entry["state"] for entry in events(trace, "downlink")][-1] == "completed"

    play(script, Aep)


def test_responses_that_belong_to_nothing_change_nothing() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect()
        command = platform.command(IMEI, 8001, b"")
        await asyncio.sleep(1)
        assert command.task_id is not None
        for payload in (response(command.task_id + 1), b"\x86", b"helloworld", b"\x02\x00\x01\x00\x00"):
            module.notify(payload)
            await asyncio.sleep(1)
        assert command.state is DownlinkState.DELIVERED
        module.notify(response(command.task_id))
        module.notify(response(command.task_id, b"again"))
        await asyncio.sleep(1)
        assert (command.state, command.response) == (DownlinkState.COMPLETED, b"\x00")

    play(script, Aep)


def test_a_response_may_arrive_before_the_acknowledgement_of_the_command() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect()
        module.deaf = True
        command = platform.command(IMEI, 8001, b"")
        await asyncio.sleep(1)
        module.deaf = False
        module.notify(response(command.task_id))
        await asyncio.sleep(20)
        assert command.state is DownlinkState.COMPLETED
        assert len(module.written) == 1

    play(script, Aep)


def test_a_completed_command_whose_write_is_never_answered_is_not_sent_again() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect()
        module.deaf = True
        command = platform.command(IMEI, 8001, b"")
        await asyncio.sleep(1)
        module.notify(response(command.task_id))
        await asyncio.sleep(150)
        module.deaf = False
        module.notify(b"\x01")
        await asyncio.sleep(5)
        assert command.state is DownlinkState.COMPLETED
        assert module.written == []
        follower = platform.command(IMEI, 8001, b"x")
        await asyncio.sleep(5)
        assert follower.state is DownlinkState.DELIVERED

    play(script, Aep)


def test_only_a_platform_with_services_has_commands_and_only_within_their_ranges() -> None:
    async def without(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect()
        with pytest.raises(TypeError, match="ct-iot has no service commands"):
            platform.command(IMEI, 1, b"")

    async def ranges(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect()
        with pytest.raises(CodecError):
            platform.command(IMEI, 65536, b"")
        with pytest.raises(KeyError):
            platform.command("nobody", 1, b"")

    play(without, CtIot)
    play(ranges, Aep)


@pytest.mark.parametrize("name", [IMEI, f"urn:imei:{IMEI}", f"urn:imei-imsi:{IMEI}-460115472446714"])
def test_every_form_of_the_name_is_the_same_provisioned_device(name: str) -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        platform.store.provision(IMEI)
        module.name = name
        device = await module.connect()
        assert device is platform.store[IMEI]
        assert (device.endpoint, device.registered_as) == (IMEI, name)
        assert len(platform.store) == 1
        platform.downlink(name, b"\x01")
        await asyncio.sleep(1)
        assert module.written == [b"\x01"]
        platform.refuse(IMEI, Code.FORBIDDEN)
        assert (await module.register()).code == Code.FORBIDDEN
        platform.store.remove(name)
        assert IMEI not in platform.store

    play(script, Aep, strict=True)


def test_names_in_none_of_the_forms_stand_for_themselves() -> None:
    for name in ("meter-17", f"urn:imei:{IMEI}x", f"urn:imei-imsi:{IMEI}-12"):
        assert device_id(name) == name
    assert device_id(f"urn:imei-imsi:{IMEI}-460115472446714") == IMEI


@pytest.mark.parametrize("binding", ["U", "UQ"])
def test_commands_wait_for_an_uplink_or_update_of_a_device_that_saves_power(binding: str) -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect(f"b={binding}")
        if binding == "U":
            platform.save_power(IMEI, True)
        await asyncio.sleep(10)
        first, second = platform.downlink(IMEI, b"\x01"), platform.downlink(IMEI, b"\x02")
        await asyncio.sleep(60)
        assert first.state is DownlinkState.QUEUED
        await module.update()
        await asyncio.sleep(1)
        assert (first.state, second.state) == (DownlinkState.DELIVERED, DownlinkState.DELIVERED)
        await asyncio.sleep(10)
        third = platform.downlink(IMEI, b"\x03")
        await asyncio.sleep(60)
        assert third.state is DownlinkState.QUEUED
        if binding == "U":
            platform.save_power(IMEI, False)
        else:
            module.notify(b"\x00")
        await asyncio.sleep(1)
        assert module.written == [b"\x01", b"\x02", b"\x03"]

    play(script, Aep)


def test_questions_and_their_outcomes() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        with pytest.raises(KeyError):
            platform.ask(IMEI, "read", "/3/0/3")
        device = await module.connect()
        written = platform.ask(IMEI, "write", "/1/0/1", b"60", "text")
        executed = platform.ask(IMEI, "execute", "/3/0/4")
        observed = platform.ask(IMEI, "observe", "/4/0/2")
        await asyncio.sleep(1)
        assert (written.code, executed.code, observed.code) == ("2.04", "2.04", "2.05")
        module.notify(b"-80")
        await asyncio.sleep(1)
        assert [(uplink.path, uplink.payload) for uplink in device.uplinks] == [("/4/0/2", b"-80")]
        cancelled = platform.ask(IMEI, "cancel", "/4/0/2")
        await asyncio.sleep(1)
        assert cancelled.code == "2.05"
        assert [int(request.opt.observe or 0) for _, request in module.requests][-1] == 1
        with pytest.raises(LookupError):
            platform.ask(IMEI, "cancel", "/4/0/2")
        with pytest.raises(ValueError, match="'sing' is none of read, write"):
            platform.ask(IMEI, "sing", "/3")
        module.deaf = True
        silent = platform.ask(IMEI, "read", "/3/0/3")
        await asyncio.sleep(150)
        assert silent.code == "timeout"
        module.deaf = False
        await module.deregister()
        with pytest.raises(ConnectionError):
            platform.ask(IMEI, "read", "/3/0/3")

    play(script, Aep)
