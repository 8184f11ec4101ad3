"""The interoperability list: what each case does at a real server, named by its number in OMA's test specification."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from interop_scene import KEY, SERVER, Scene
from leshan_server import Process

TLV, TEXT, OPAQUE, JSON, SENML_JSON, SENML_CBOR = 11542, 0, 42, 11543, 110, 112


@dataclass(frozen=True)
class Case:
    """One entry of the list."""

    number: str
    what: str
    act: Callable[[Scene], Awaitable[None]]
    overrides: tuple[str, ...] = ()
    versions: tuple[str, ...] = ("1.0", "1.1")


CASES: list[Case] = []


def case(
    number: str, what: str, *overrides: str, versions: tuple[str, ...] = ("1.0", "1.1")
) -> Callable[..., object]:
    """Enter a coroutine function into the list."""

    def enter(act: Callable[[Scene], Awaitable[None]]) -> Callable[[Scene], Awaitable[None]]:
        CASES.append(Case(number, what, act, overrides, versions))
        return act

    return enter


def json_format(scene: Scene) -> int:
    """The JSON of the version that the module registers with."""
    return SENML_JSON if scene.simulation.profile.lwm2m.version == "1.1" else JSON


@case("101", "register")
async def _(scene: Scene) -> None:
    event = await scene.register()
    assert event["version"] == scene.simulation.profile.lwm2m.version
    assert event["binding"] == "[U]"
    assert "</19/0>" in event["links"]


@case("102", "registration update at 90 % of the lifetime", "lwm2m.update_at=0.0005")
async def _(scene: Scene) -> None:
    await scene.attached()
    await scene.say("AT+NCFG=0,1000")
    assert (await scene.register())["lifetime"] == 1000
    await scene.leshan.event("updated", ep=scene.ep)
    await scene.until(r"\+QLWEVTIND: 2")


@case("103", "deregister")
async def _(scene: Scene) -> None:
    await scene.register()
    await scene.say("AT+NCDPCLOSE")
    assert (await scene.leshan.event("unregistered", ep=scene.ep))["expired"] is False


@case("104", "registration update trigger (1/0/8)")
async def _(scene: Scene) -> None:
    await scene.register()
    assert await scene.code("execute", "/1/0/8") == "204"
    await scene.leshan.event("updated", ep=scene.ep)
    await scene.until(r"\+QLWEVTIND: 2")


@case("107", "extend the lifetime (write 1/0/1)")
async def _(scene: Scene) -> None:
    await scene.register()
    assert await scene.code("write", "/1/0/1", value=4242, ct=TEXT) == "204"
    assert (await scene.leshan.event("updated", ep=scene.ep))["lifetime"] == 4242
    assert await scene.ask("read", "/1/0/1", ct=TEXT) == ("205", 4242)
    await scene.until(r"\+QLWEVTIND: 2")


@case("108", "turn queue mode on", 'lwm2m.binding="UQ"')
async def _(scene: Scene) -> None:
    assert (await scene.register())["queue"] is True


@case("109", "queue mode: reachable after each message", 'lwm2m.binding="UQ"')
async def _(scene: Scene) -> None:
    await scene.register()
    await scene.leshan.event("awake", ep=scene.ep)
    assert await scene.code("observe", "/19/0/0", ct=OPAQUE) == "205"
    await scene.until(r"\+QLWEVTIND: 3")
    await scene.say("AT+NMGS=1,01,100")
    await scene.leshan.event("notified", path="/19/0/0", value="hex:01")
    assert await scene.code("write", "/19/1/0", hex="aa", ct=OPAQUE) == "204"
    await scene.until(r"\+NNMI: 1,AA")


@case("201", "read basic information as text")
async def _(scene: Scene) -> None:
    await scene.register()
    identity = scene.simulation.ue.identity
    assert await scene.ask("read", "/3/0/0", ct=TEXT) == ("205", identity.manufacturer)
    assert await scene.ask("read", "/3/0/1", ct=TEXT) == ("205", identity.model)
    assert await scene.ask("read", "/3/0/2", ct=TEXT) == ("205", identity.serial_number)


@case("202", "observe and notify application data as opaque")
async def _(scene: Scene) -> None:
    await scene.register()
    assert await scene.code("observe", "/19/0/0", ct=OPAQUE) == "205"
    await scene.until(r"\+QLWEVTIND: 3")
    await scene.say("AT+NMGS=2,00FF")
    await scene.leshan.event("notified", path="/19/0/0", value="hex:00ff")


@case("203", "read basic information as TLV")
async def _(scene: Scene) -> None:
    await scene.register()
    code, value = await scene.ask("read", "/3/0", ct=TLV)
    assert (code, value["0"]) == ("205", scene.simulation.ue.identity.manufacturer)
    code, value = await scene.ask("read", "/3", ct=TLV)
    assert (code, value["0"]["16"]) == ("205", "U")


@case("204", "read basic information as JSON (SenML in 1.1)")
async def _(scene: Scene) -> None:
    await scene.register()
    code, value = await scene.ask("read", "/3/0", ct=json_format(scene))
    assert (code, value["0"], value["11"]) == ("205", scene.simulation.ue.identity.manufacturer, {"0": 0})
    assert await scene.ask("read", "/3/0/16", ct=json_format(scene)) == ("205", "U")


@case("205", "write basic information as text")
async def _(scene: Scene) -> None:
    await scene.register()
    for path, value in (("/1/0/2", 5), ("/1/0/3", 120)):
        assert await scene.code("write", path, value=value, ct=TEXT) == "204"
        assert await scene.ask("read", path, ct=TEXT) == ("205", value)


@case("210", "write as opaque")
async def _(scene: Scene) -> None:
    await scene.register()
    assert await scene.code("write", "/19/1/0", hex="0102", ct=OPAQUE) == "204"
    await scene.until(r"\+NNMI: 2,0102")


@case("215", "write basic information as TLV")
async def _(scene: Scene) -> None:
    await scene.register()
    values = {"2": 7, "3": 70}
    assert await scene.code("write", "/1/0", values=values, ct=TLV, mode="UPDATE") == "204"
    code, value = await scene.ask("read", "/1/0", ct=TLV)
    assert (code, value["2"], value["3"]) == ("205", 7, 70)


@case("220", "write basic information as JSON (SenML in 1.1)")
async def _(scene: Scene) -> None:
    await scene.register()
    chosen = json_format(scene)
    assert await scene.code("write", "/1/0", values={"2": 9, "3": 90}, ct=chosen, mode="UPDATE") == "204"
    code, value = await scene.ask("read", "/1/0", ct=chosen)
    assert (code, value["2"], value["3"]) == ("205", 9, 90)
    assert await scene.code("write", "/1/0/2", value=8, ct=chosen) == "204"
    assert await scene.ask("read", "/1/0/2", ct=TEXT) == ("205", 8)


@case("241", "execute reboot (3/0/4)")
async def _(scene: Scene) -> None:
    await scene.register()
    assert await scene.code("execute", "/3/0/4") == "204"
    await scene.until(r"RDY")
    await scene.until(r"\+CPIN: READY")


@case("260", "discover, and the attributes it shows")
async def _(scene: Scene) -> None:
    await scene.register()
    code, links = await scene.ask("discover", "/3")
    assert code == "205"
    assert "</3/0/3>" in links
    assert await scene.code("attributes", "/4/0/2", query="pmin=10&pmax=60") == "204"
    code, links = await scene.ask("discover", "/4/0/2")
    assert (code, "pmin=10" in links, "pmax=60" in links) == ("205", True, True)


@case("270", "create and delete on objects that are fixed: 4.05")
async def _(scene: Scene) -> None:
    await scene.register()
    assert await scene.code("create", "/3", values={"0": "x"}, ct=TLV) == "405"
    assert await scene.code("delete", "/3/0") == "405"
    assert await scene.code("delete", "/1/0") == "405"


@case("301", "observe and notify of a value")
async def _(scene: Scene) -> None:
    await scene.register()
    assert await scene.code("attributes", "/4/0/2", query="pmin=0&pmax=60") == "204"
    assert await scene.ask("observe", "/4/0/2", ct=TEXT) == ("205", scene.simulation.network.rsrp)
    scene.simulation.network.patch(rsrp=-101)
    await scene.leshan.event("notified", path="/4/0/2", value=-101)


@case("302", "cancel an observation by Reset")
async def _(scene: Scene) -> None:
    await scene.register()
    assert await scene.code("observe", "/19/0/0", ct=OPAQUE) == "205"
    await scene.until(r"\+QLWEVTIND: 3")
    assert await scene.ask("forget_observations", "/19/0/0") == ("ok", 1)
    await scene.say("AT+NMGS=1,01")
    await scene.until(r"\+QLWEVTIND: 10")


@case("303", "cancel an observation by Observe=1")
async def _(scene: Scene) -> None:
    await scene.register()
    assert await scene.code("observe", "/19/0/0", ct=OPAQUE) == "205"
    await scene.until(r"\+QLWEVTIND: 3")
    assert await scene.code("cancel", "/19/0/0") == "205"
    await scene.say("AT+NMGS=1,01", r"CME ERROR: 954")


@case("401", "DTLS with a pre-shared key, AES-128-CCM-8", 'dtls.suites=["PSK_WITH_AES_128_CCM_8"]')
async def _(scene: Scene) -> None:
    await secured(scene)


@case("401", "DTLS with a pre-shared key, AES-128-CBC-SHA256", 'dtls.suites=["PSK_WITH_AES_128_CBC_SHA256"]')
async def _(scene: Scene) -> None:
    await secured(scene)


async def secured(scene: Scene) -> None:
    """Uplink, downlink and a read in a DTLS session."""
    event = await scene.register(secured=True)
    assert scene.ep in event["transport"]
    assert await scene.code("observe", "/19/0/0", ct=OPAQUE) == "205"
    await scene.until(r"\+QLWEVTIND: 3")
    await scene.say("AT+NMGS=2,BEEF,100")
    await scene.leshan.event("notified", path="/19/0/0", value="hex:beef")
    await scene.until(r"\+QLWEVTIND: 4")
    assert await scene.code("write", "/19/1/0", hex="cafe", ct=OPAQUE) == "204"
    await scene.until(r"\+NNMI: 2,CAFE")
    assert await scene.code("read", "/3/0", ct=TLV) == "205"
    await scene.say("AT+NCDPCLOSE")
    await scene.leshan.event("unregistered", ep=scene.ep)


@case("401", "a wrong key and an unknown identity are TIMEOUT, plain registration with a key is 4.03",
      "dtls.retransmit_first=0.5s", "dtls.retransmit_longest=1s")  # fmt: skip
async def _(scene: Scene) -> None:
    await scene.attached()
    await scene.say(f'AT+NCDPOPEN="{SERVER}",5684,"{KEY}"')
    await scene.until(r"\+QLWEVTIND: 1")
    assert await scene.code("psk", identity=scene.ep, key=KEY) == "ok"
    await scene.say(f'AT+NCDPOPEN="{SERVER}",5684,"{"00" * 16}"')
    await scene.until(r"\+QLWEVTIND: 1")
    await scene.say("AT+NMSTATUS?", "TIMEOUT")
    await scene.say(f'AT+NCDPOPEN="{SERVER}"')
    await scene.until(r"\+QLWEVTIND: 1")
    await scene.say("AT+NMSTATUS?", "REJECTED_BY_SERVER")
    await scene.say(f'AT+NCDPOPEN="{SERVER}",5684,"{KEY}"')
    await scene.until(r"\+QLWEVTIND: 0")


@case("401", "a new DTLS session in place of the old one", "dtls.renew_after=0.5s")
async def _(scene: Scene) -> None:
    await scene.register(secured=True)
    assert await scene.code("observe", "/19/0/0", ct=OPAQUE) == "205"
    await scene.until(r"\+QLWEVTIND: 3")
    for number in range(3):
        await asyncio.sleep(0.7)
        await scene.say(f"AT+NMGS=1,0{number},100")
        await scene.leshan.event("notified", path="/19/0/0", value=f"hex:0{number}")
        await scene.until(r"\+QLWEVTIND: 4")
    await asyncio.sleep(0.7)
    assert await scene.code("write", "/19/1/0", hex="aa", ct=OPAQUE) == "204"


@case("651", "all readable resources of the device object")
async def _(scene: Scene) -> None:
    await scene.register()
    code, value = await scene.ask("read", "/3/0", ct=TLV)
    assert code == "205"
    assert {"0", "1", "2", "3", "11", "13", "14", "16"} <= set(value)
    for resource in ("0", "1", "2", "3", "13", "14", "16"):
        assert await scene.code("read", f"/3/0/{resource}", ct=TEXT) == "205"


@case("652", "firmware version")
async def _(scene: Scene) -> None:
    await scene.register()
    assert await scene.ask("read", "/3/0/3", ct=TEXT) == ("205", scene.simulation.ue.identity.revision)


@case("655", "reboot by the server, and the module registers anew")
async def _(scene: Scene) -> None:
    await scene.register()
    assert await scene.code("execute", "/3/0/4") == "204"
    await scene.until(r"\+CPIN: READY")
    await scene.register()


@case("655", "factory reset (3/0/5): settings are those of the factory after the restart")
async def _(scene: Scene) -> None:
    await scene.attached()
    await scene.say("AT+NCFG=0,1800")
    await scene.register()
    assert await scene.code("execute", "/3/0/5") == "204"
    await scene.until(r"\+CPIN: READY")
    await scene.say("AT+NCFG=0", r"\+NCFG: 0\r")


@case("701", "all readable resources of connectivity monitoring")
async def _(scene: Scene) -> None:
    await scene.register()
    code, value = await scene.ask("read", "/4/0", ct=TLV)
    assert code == "205"
    assert {"0", "1", "2", "4"} <= set(value)
    assert value["4"]["0"] == scene.simulation.ue.radio.ip


@case("710", "observe the signal strength with its attributes")
async def _(scene: Scene) -> None:
    await scene.register()
    assert await scene.code("attributes", "/4/0/2", query="pmin=0&pmax=60&st=5") == "204"
    assert await scene.code("observe", "/4/0/2", ct=TLV) == "205"
    before = scene.simulation.network.rsrp
    scene.simulation.network.patch(rsrp=before - 3)
    await scene.quiet()
    scene.simulation.network.patch(rsrp=before - 9)
    await scene.leshan.event("notified", path="/4/0/2", value=before - 9)
    assert not [event for event in scene.leshan.events if event["event"] == "notified"]


@case("751", "all readable resources of firmware update")
async def _(scene: Scene) -> None:
    await scene.register()
    code, value = await scene.ask("read", "/5/0", ct=TLV)
    assert (code, value["3"], value["5"]) == ("205", 0, 0)


@case("760", "observe the state of firmware update")
async def _(scene: Scene) -> None:
    await scene.register()
    assert await scene.ask("observe", "/5/0/3", ct=TEXT) == ("205", 0)


@case("1900", "observe /19/0/0; CON and NON notifications arrive")
async def _(scene: Scene) -> None:
    await scene.register()
    assert await scene.code("observe", "/19/0/0", ct=OPAQUE) == "205"
    await scene.until(r"\+QLWEVTIND: 3")
    await scene.say("AT+NMGS=1,01,100")
    await scene.leshan.event("notified", path="/19/0/0", value="hex:01")
    await scene.until(r"\+QLWEVTIND: 4")
    await scene.say("AT+NMGS=1,02")
    await scene.leshan.event("notified", path="/19/0/0", value="hex:02")


@case("1901", "write /19/1/0; it cannot be read")
async def _(scene: Scene) -> None:
    await scene.register()
    assert await scene.code("write", "/19/1/0", hex="414243", ct=OPAQUE) == "204"
    await scene.until(r"\+NNMI: 3,414243")
    assert await scene.code("read", "/19/1/0", ct=OPAQUE) == "401"


@case("4.xx", "unknown: object, instance and resource are 4.04")
async def _(scene: Scene) -> None:
    await scene.register()
    for path in ("/6", "/3/7", "/3/0/17", "/5/0/4"):
        assert await scene.code("read", path) == "404", path


@case("4.xx", "forbidden: read of what is written only, write of what is read only, execute of a value: 4.05")
async def _(scene: Scene) -> None:
    await scene.register()
    assert await scene.code("read", "/5/0/0") == "405"
    assert await scene.code("read", "/3/0/4") == "405"
    assert await scene.code("write", "/3/0/0", value="x", ct=TEXT) == "405"
    assert await scene.code("execute", "/3/0/0") == "405"
    assert await scene.code("execute", "/4/0/2") == "405"


@case("4.xx", "security object: 4.01")
async def _(scene: Scene) -> None:
    await scene.register()
    assert await scene.code("read", "/0/0") == "401"
    assert await scene.code("discover", "/0") == "401"


@case("4.xx", "a format that does not fit: read 4.06, write 4.15; nonsense 4.00")
async def _(scene: Scene) -> None:
    await scene.register()
    assert await scene.code("read", "/3/0/0", ct=OPAQUE) == "406"
    assert await scene.code("read", "/3/0", ct=TEXT) == "406"
    assert await scene.code("write", "/1/0/2", value=5, ct=SENML_CBOR) == "415"
    assert await scene.code("write", "/1/0/1", value=0, ct=TEXT) == "400"


@case("disable", "disable (1/0/4): leaves for 1/0/5 seconds, then registers again", "lwm2m.disable=true")
async def _(scene: Scene) -> None:
    await scene.register()
    assert await scene.code("write", "/1/0/5", value=1, ct=TEXT) == "204"
    assert await scene.code("execute", "/1/0/4") == "204"
    await scene.leshan.event("unregistered", ep=scene.ep)
    await scene.leshan.event("registered", ep=scene.ep)


@case("binding", "binding written (1/0/7): told with an update", versions=("1.0",))
async def _(scene: Scene) -> None:
    await scene.register()
    assert await scene.code("write", "/1/0/7", value="UQ", ct=TEXT) == "204"
    assert (await scene.leshan.event("updated", ep=scene.ep))["queue"] is True
    await scene.until(r"\+QLWEVTIND: 2")


async def run_case(entry: Case, version: str, process: Process) -> None:
    """One case with a module that registers with this version."""
    from interop_scene import scene

    async with scene(process, f'lwm2m.version="{version}"', *entry.overrides) as stage:
        await entry.act(stage)
