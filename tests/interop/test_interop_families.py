"""Every module family at Eclipse Leshan by its own AT commands, plain and over DTLS with either suite."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from interop_scene import KEY, Scene, scene
from leshan_server import Process

from modemsim import clock

pytestmark = pytest.mark.realtime
OPAQUE = 42
WITH_OBSERVE_OPTION = "lwm2m.notify_observe_option=true"
"""Hi2115 modules leave the option out of notifications, which Californium takes for the end of the
observation."""
IOT, AEP = "180.101.147.115", "221.229.214.202"

CCM_8, CBC = "PSK_WITH_AES_128_CCM_8", "PSK_WITH_AES_128_CBC_SHA256"
SECURITY = {"plain": (), "ccm8": (CCM_8,), "cbc": (CBC,)}


async def observed(stage: Scene) -> None:
    assert await stage.code("observe", "/19/0/0", ct=OPAQUE) == "205"


async def uplink_arrived(stage: Scene) -> None:
    await stage.leshan.event("notified", path="/19/0/0", value="hex:0102")


async def downlink(stage: Scene) -> None:
    assert await stage.code("write", "/19/1/0", hex="aabb", ct=OPAQUE) == "204"


async def registered(stage: Scene, *, secured: bool) -> None:
    event = await stage.leshan.event("registered", ep=stage.ep)
    assert ("unsecure" in event["transport"]) is not secured


async def ncdpopen(stage: Scene, suite: str | None) -> None:
    await stage.say(f'AT+NCDPOPEN="{IOT}",5684,"{KEY}"' if suite else f'AT+NCDPOPEN="{IOT}"')
    await registered(stage, secured=suite is not None)
    await observed(stage)
    await stage.until(r"\+QLWEVTIND: 3")
    await stage.say("AT+NMGS=2,0102,100")
    await uplink_arrived(stage)
    await stage.until(r"\+QLWEVTIND: 4")
    await downlink(stage)
    await stage.until(r"\+NNMI: 2,AABB")
    await stage.say("AT+NCDPCLOSE")
    await stage.leshan.event("unregistered", ep=stage.ep)


async def neul(stage: Scene, suite: str | None) -> None:
    if suite:
        await stage.say("AT+QSECSWT=1")
        await stage.say(f"AT+QSETPSK=0,{KEY}")
    await stage.say("AT+QREGSWT=0")
    await stage.say("AT+NNMI=1")
    await stage.say(f"AT+NCDP={IOT},{5684 if suite else 5683}")
    await stage.say("AT+QLWSREGIND=0")
    await registered(stage, secured=suite is not None)
    await observed(stage)
    await stage.say("AT+QLWULDATAEX=2,0102,0x0100")
    await uplink_arrived(stage)
    await stage.until(r"\+QLWULDATASTATUS:4")
    await downlink(stage)
    await stage.until(r"\+NNMI:2,AABB")
    await stage.say("AT+QLWSREGIND=1")
    await stage.leshan.event("unregistered", ep=stage.ep)


async def cm2mcli(stage: Scene, suite: str | None) -> None:
    key = f',300,"{stage.ep}","{KEY}"' if suite else ""
    await stage.say(f'AT+CM2MCLINEW="{IOT}","{5684 if suite else 5683}","{stage.ep}"{key}')
    await registered(stage, secured=suite is not None)
    await observed(stage)
    await stage.until(r"\+CM2MCLI: 4")
    await stage.say('AT+CM2MCLISEND="0102"')
    await uplink_arrived(stage)
    await downlink(stage)
    await stage.until(r"\+CM2MCLIRECV: AABB")
    await stage.say("AT+CM2MCLIDEL")
    await stage.leshan.event("unregistered", ep=stage.ep)
    await stage.until(r"\+CM2MCLI: 3")


async def ctm2m(stage: Scene, suite: str | None) -> None:
    ue = stage.simulation.ue
    mode = {None: 0, CCM_8: 1, CBC: 2}[suite]
    key = f',"{ue.identity.imei}","{KEY}"' if suite else ""
    await stage.say(f'AT+CTM2MINIT="{AEP}",{5684 if suite else 5683},300,0,{mode}{key}')
    await stage.say("AT+CTM2MREG")
    await registered(stage, secured=suite is not None)
    await observed(stage)
    await stage.until(r"\+CTM2M: obsrv,0")
    await stage.say("AT+CTM2MSEND=0102")
    await uplink_arrived(stage)
    await stage.until(r"\+CTM2M: send,0,")
    await downlink(stage)
    await stage.until(r"\+CTM2MRECV: AABB")
    await stage.say("AT+CTM2MDEREG")
    await stage.leshan.event("unregistered", ep=stage.ep)


async def qlw(stage: Scene, suite: str | None) -> None:
    port, mode = (5684, f'0,"{stage.ep}","{KEY}"') if suite else (5683, "3,0")
    await stage.say('AT+QLWCFG="auto_ack",1')
    await stage.say(f'AT+QLWCONFIG=0,"{AEP}",{port},"{stage.ep}",86400,{mode}')
    await stage.say("AT+QLWADDOBJ=19,0,1,0")
    await stage.say("AT+QLWADDOBJ=19,1,1,0")
    await stage.say("AT+QLWREG")
    await registered(stage, secured=suite is not None)
    await stage.until(r"\+QLWREG: 0")
    await observed(stage)
    await stage.say('AT+QLWNOTIFY=19,0,0,2,2,"0102",0,1')
    await uplink_arrived(stage)
    await stage.until(r'\+QLWURC: "report_ack",0')
    await downlink(stage)
    await stage.until(r'\+QLWURC: "write",\d+,19,1,0,2,2,AABB')
    await stage.say("AT+QLWDEREG")
    await stage.leshan.event("unregistered", ep=stage.ep)


FAMILIES: dict[str, tuple[str, Callable[[Scene, str | None], Awaitable[None]]]] = {
    "bc260y": ("bc260y", ncdpopen),
    "bc35": ("bc35", neul),
    "bc28": ("bc28", neul),
    "bc95": ("bc95", neul),
    "sim7020-cm2mcli": ("sim7020", cm2mcli),
    "sim7020-ctm2m": ("sim7020", ctm2m),
    "ec800e": ("ec800e", qlw),
}


@pytest.mark.parametrize("security", SECURITY)
@pytest.mark.parametrize("family", FAMILIES)
def test_uplink_and_downlink(family: str, security: str, process: Process, record_family: object) -> None:
    profile, dialogue = FAMILIES[family]
    suites = SECURITY[security]
    assert callable(record_family)
    record_family(family, security, False)

    async def main() -> None:
        chosen = [f'dtls.suites=["{suite}"]' for suite in suites]
        if dialogue is neul:
            chosen.append(WITH_OBSERVE_OPTION)
        async with scene(process, *chosen, profile=profile) as stage:
            await stage.attached()
            if dialogue is ctm2m:
                ue = stage.simulation.ue
                stage.ep = f"urn:imei-imsi:{ue.identity.imei}-{ue.usim.imsi}"
            if suites:
                identity = stage.simulation.ue.identity.imei
                assert await stage.code("psk", identity=identity, key=KEY) == "ok"
            await dialogue(stage, suites[0] if suites else None)

    clock.run(main())
    record_family(family, security, True)
