"""LwM2M with objects of the host's own, as Quectel's LTE modules offer it (AT+QLW...).

Source of the dialogues: the EC800E guide for the AEP platform; ranges and checks where it is silent: the
vendor's newer stack for the same chip family.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from aiocoap.numbers.codes import Code

from modemsim.at.command import Command
from modemsim.at.dialect import Dialect
from modemsim.at.params import Address, Choice, Int, Raw, Text, Token
from modemsim.at.result import Refusal
from modemsim.lwm2m.hosted import Asked, HostedRequest
from modemsim.ue.hosted_buffer import WHOLE_INSTANCE, resource_value
from modemsim.ue.hosted_session import PSK, ServerConfig
from modemsim.ue.module import Ue

GUIDE = "EC800E AEP guide, "
STACK = "AT objects of the vendor's newer stack (EC718)"

RESULTS = {1: Code.CONTENT, 2: Code.CHANGED, 11: Code.BAD_REQUEST, 12: Code.UNAUTHORIZED,
           13: Code.NOT_FOUND, 14: Code.METHOD_NOT_ALLOWED, 15: Code.NOT_ACCEPTABLE}  # fmt: skip
"""Result numbers of the answer commands."""

RESERVED = frozenset({*range(8), 9, 11, 13, 16, 21, 3351, 3370})
"""Objects of the module itself, which the host cannot declare."""


def registered(ue: Ue) -> None:
    """A registration that the platform has accepted."""
    if not ue.hosted.registered:
        raise Refusal("not_registered")


class Qlwcfg(Command):
    """Tell and set options of the LwM2M client by name; they hold from the next registration on."""

    name, source, group = "+QLWCFG", GUIDE + "4.1.3.1", "qlw"
    errors = ("unknown_item", "bad_value")
    test_reply = tuple(
        f'+QLWCFG: "{item}",{ranges}'
        for item, ranges in (
            ("retransmit", "(2-20),(0-8)"),
            ("auto_ack", "(0,1)"),
            ("lifetime_enable", "(0,1)"),
            ("dtls_mode", "(0,1)"),
            ("access_mode", "(0,1)"),
            ("auto_reg", "(0,1)"),
        )
    )
    item = Text(32, doc="retransmit, auto_ack, lifetime_enable, dtls_mode, access_mode, auto_reg or reset")
    value = Int(0, 20, default=None, doc="new value, retransmit: seconds; without it the value is told")
    times = Int(0, 8, default=None, doc="retransmit only: how often")

    SHOWN = ("retransmit", "auto_ack", "lifetime_enable", "dtls_mode")
    """What the read form lists (the guide); the others can be set and asked for by name."""
    SWITCHES = ("auto_ack", "lifetime_enable", "dtls_mode", "access_mode", "auto_reg")

    def read(self, ue: Ue) -> list[str]:
        return [self._line(ue, item) for item in self.SHOWN]

    def _line(self, ue: Ue, item: str) -> str:
        value = ue.settings.get(f"+QLWCFG.{item}")
        shown = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        return f'+QLWCFG: "{item}",{shown}'

    def write(self, ue: Ue, item: str, value: int | None, times: int | None) -> str | None:
        item = item.lower()
        if item == "reset" and value is None:
            for each in ("retransmit", *self.SWITCHES):
                ue.settings.set(f"+QLWCFG.{each}", ue.settings.default(f"+QLWCFG.{each}"))
            return None
        if item not in ("retransmit", *self.SWITCHES):
            raise Refusal("unknown_item")
        if value is None:
            return self._line(ue, item)
        if item == "retransmit":
            if value < 2 or times is None:
                raise Refusal("bad_value")
            ue.settings.set("+QLWCFG.retransmit", [value, times])
        elif value > 1 or times is not None:
            raise Refusal("bad_value")
        else:
            ue.settings.set(f"+QLWCFG.{item}", value)
        return None


class Qlwconfig(Command):
    """Tell and set where to register, as whom, for how long and how secured."""

    name, source, group = "+QLWCONFIG", GUIDE + "4.1.3", "qlw"
    errors = ("already_registered", "bad_psk")
    test_reply = (
        "+QLWCONFIG: (0,1),<server_addr>,<port>,<endpoint_name>,(20-31536000),(0-3),<psk_id>,<psk>,(0,1)"
    )
    read_reply = (
        '+QLWCONFIG: {bootstrap},"{host}",{port},"{endpoint}",{lifetime},{security},"{psk_id}","{psk}",{flag}'
    )
    bootstrap = Choice(0, 1, doc="1: the server is a bootstrap server")
    host = Address(150, doc="address or name of the server")
    port = Int(1, 65535, doc="UDP port")
    endpoint = Text(128, min_length=1, doc="endpoint name: IMEI, urn:imei:IMEI or urn:imei-imsi:IMEI-IMSI")
    lifetime = Int(20, 31536000, doc="seconds")
    security = Choice(0, 2, 3, doc="0 pre-shared key, 2 certificate, 3 none")
    psk_id = Text(128, default="", doc="identity of the key; not looked at without one")
    psk = Text(256, default="", doc="the key as hex digits")
    flag = Choice(0, 1, default=0, doc="kept, without effect")

    def read(self, ue: Ue) -> Any:
        config = ue.hosted.config
        return config and dict(vars(config))

    def write(self, ue: Ue, security: int, psk_id: str, psk: str, **others: Any) -> None:
        if ue.hosted.registered or ue.hosted.registering:
            raise Refusal("already_registered")
        if security != PSK:
            psk_id = psk = ""
        elif not psk_id or not psk or len(psk) % 2 or not re.fullmatch(r"[0-9A-Fa-f]+", psk):
            raise Refusal("bad_psk")
        ue.hosted.configure(ServerConfig(security=security, psk_id=psk_id, psk=psk, **others))


class Qlwaddobj(Command):
    """Declare an instance of an object of the host's own, with its resources."""

    name, source, group = "+QLWADDOBJ", GUIDE + "4.1.3.1", "qlw_code"
    errors = ("bad_value", "list_full")
    test_reply = "+QLWADDOBJ: (1-65535),(0-65535),(1-14),<res_id>[,<res_id>...]"
    read_reply = "+QLWADDOBJ: {object_id},{instance_id},{count}{resources}"
    object_id = Int(1, 65535, doc="object, none of the module's own")
    instance_id = Int(0, 65535, doc="instance")
    count = Int(1, 14, doc="how many resources follow")
    resources = Int(0, 65535, doc="resource ids, as many as said")

    MAX_OBJECTS, MAX_INSTANCES = 15, 4

    def bind(self, tokens: Sequence[Token], dialect: Dialect) -> dict[str, Any]:
        """The resource ids are as many as the count says."""
        values = super().bind(tokens[:4], dialect)
        values["resources"] = tuple(self.params["resources"].parse(token) for token in tokens[3:])
        if len(values["resources"]) != values["count"]:
            raise Refusal("bad_value")
        return values

    def read(self, ue: Ue) -> Any:
        return [
            {"object_id": oid, "instance_id": iid, "count": len(resources),
             "resources": "".join(f",{resource}" for resource in resources)}
            for (oid, iid), resources in ue.hosted.objects.items()
        ]  # fmt: skip

    def write(self, ue: Ue, object_id: int, instance_id: int, count: int, resources: tuple[int, ...]) -> None:
        known = ue.hosted.objects
        if object_id in RESERVED or len(set(resources)) != len(resources):
            raise Refusal("bad_value")
        if (object_id, instance_id) not in known:
            instances = sum(oid == object_id for oid, _ in known)
            objects = {oid for oid, _ in known} - {object_id}
            if instances >= self.MAX_INSTANCES or len(objects) >= self.MAX_OBJECTS:
                raise Refusal("list_full")
        known[object_id, instance_id] = resources
        ue.publish("qlw.object_added", object_id=object_id, instance_id=instance_id)


class Qlwdelobj(Command):
    """Take back an object that the host declared, with all its instances."""

    name, source, group = "+QLWDELOBJ", STACK, "qlw_code"
    provenance = "inferred"
    errors = ("bad_value",)
    object_id = Int(1, 65535, doc="object")

    def write(self, ue: Ue, object_id: int) -> None:
        mine = [key for key in ue.hosted.objects if key[0] == object_id]
        if not mine:
            raise Refusal("bad_value")
        for key in mine:
            del ue.hosted.objects[key]
        ue.publish("qlw.object_removed", object_id=object_id)


class Qlwreg(Command):
    """Register with the server; the result follows the OK."""

    name, source, group = "+QLWREG", GUIDE + "4.1.3.1", "qlw_code"
    errors = ("already_registered", "login_in_progress", "not_configured")

    def execute(self, ue: Ue) -> None:
        if ue.hosted.registering:
            raise Refusal("login_in_progress")
        if ue.hosted.registered:
            raise Refusal("already_registered")
        if ue.hosted.config is None:
            raise Refusal("not_configured")
        ue.hosted.register()


class Qlwupdate(Command):
    """Update the registration, changing its lifetime or binding; the result follows the OK."""

    name, source, group = "+QLWUPDATE", GUIDE + "4.1.3.1", "qlw"
    needs, errors = (registered,), ("not_registered", "bad_value")
    test_reply = "+QLWUPDATE: (0,1),<value>"
    mode = Choice(0, 1, doc="0 lifetime, 1 binding")
    value = Int(0, 31536000, doc="lifetime: 20-31536000 s; binding: 0 U, 1 UQ")

    def write(self, ue: Ue, mode: int, value: int) -> None:
        if (value > 1) if mode else (value < 20):
            raise Refusal("bad_value")
        if mode:
            ue.spawn(ue.hosted.update(binding=("U", "UQ")[value]))
        else:
            ue.spawn(ue.hosted.update(lifetime=value))


class Qlwdereg(Command):
    """Deregister; buffered and waiting requests are forgotten, the result follows the OK."""

    name, source, group = "+QLWDEREG", GUIDE + "4.1.3.1", "qlw"
    needs, errors = (registered,), ("not_registered",)

    def execute(self, ue: Ue) -> None:
        ue.spawn(ue.hosted.deregister())


class Qlwnotify(Command):
    """Report resource values to the server as a notification of what it observes."""

    name, source, group = "+QLWNOTIFY", GUIDE + "4.1.4.1", "qlw"
    needs, errors = (registered,), ("not_registered", "unknown_resource", "bad_value")
    object_id = Int(0, 65535, doc="object")
    instance_id = Int(0, 65535, doc="instance")
    resource_id = Int(0, 65535, doc="resource")
    type = Int(1, 5, doc="1 string, 2 opaque as hex digits, 3 integer, 4 float, 5 boolean")
    length = Int(1, 1024, doc="bytes of the value")
    content = Raw(1024, doc="the value, with or without quotes")
    index = Int(0, 1024, doc="how many resources of the instance follow; the last has 0")
    ack = Choice(0, 1, default=0, doc="0 NON, 1 CON")
    rai = Choice(0, 1, 2, default=0, doc="release assistance")

    def write(
        self, ue: Ue, object_id: int, instance_id: int, resource_id: int, type: int, length: int,
        content: str, index: int, ack: int, rai: int,
    ) -> None:  # fmt: skip
        path = (object_id, instance_id, resource_id)
        if not ue.hosted.knows(path):
            raise Refusal("unknown_resource")
        try:
            value = resource_value(resource_id, type, length, content)
            complete = ue.hosted.series[self.name].add(path[:2], index, value)
        except ValueError:
            raise Refusal("bad_value") from None
        if complete is None:
            return
        target = path if len(complete) == 1 else path[:2]
        ue.hosted.notify(target, complete, confirmable=bool(ack), rai=rai)


class _Answer(Command):
    """Base of the answers to what the server asked; `asked` says which requests it is for."""

    asked = Asked.READ

    def waiting(self, ue: Ue, message_id: int) -> HostedRequest:
        """The request that is answered; raises Refusal when none of this kind waits under the id."""
        request = ue.hosted.waiting(message_id)
        if request is None or request.asked is not self.asked:
            raise Refusal("unknown_message")
        return request


class _ValueAnswer(_Answer):
    """Base of the answers that carry values."""

    message_id = Int(1, 65535, doc="message id of the request")
    result = Choice(*RESULTS, doc="1 2.05, 2 2.04, 11 4.00, 12 4.01, 13 4.04, 14 4.05, 15 4.06")
    object_id = Int(0, 65535, doc="object, as in the request")
    instance_id = Int(0, 65535, doc="instance, as in the request")
    resource_id = Int(WHOLE_INSTANCE, 65535, doc="resource, as in the request")
    type = Int(1, 5, doc="1 string, 2 opaque as hex digits, 3 integer, 4 float, 5 boolean")
    length = Int(1, 1024, doc="bytes of the value")
    content = Raw(1024, doc="the value, with or without quotes")
    index = Int(0, 20, doc="how many resources of the instance follow; the last has 0")

    def write(
        self, ue: Ue, message_id: int, result: int, object_id: int, instance_id: int, resource_id: int,
        type: int, length: int, content: str, index: int,
    ) -> None:  # fmt: skip
        request = self.waiting(ue, message_id)
        if request.path != (object_id, instance_id, resource_id)[: len(request.path)]:
            raise Refusal("unknown_resource")
        if RESULTS[result] is not Code.CONTENT:
            ue.hosted.answer(message_id, RESULTS[result])
            return
        try:
            value = resource_value(resource_id, type, length, content)
            series = f"{self.name} {message_id}"
            complete = ue.hosted.series[series].add(message_id, index, value)
            if complete is not None:
                del ue.hosted.series[series]
                ue.hosted.answer(message_id, Code.CONTENT, complete)
        except ValueError:
            raise Refusal("bad_value") from None


class Qlwobsrsp(_ValueAnswer):
    """Answer an observe request, or its cancellation, with the present value."""

    name, source, group = "+QLWOBSRSP", GUIDE + "4.1.3.1", "qlw"
    errors = ("unknown_message", "unknown_resource", "bad_value")
    asked = Asked.OBSERVE


class Qlwrdrsp(_ValueAnswer):
    """Answer a read request with the present value."""

    name, source, group = "+QLWRDRSP", "BC66 transcript; " + STACK, "qlw"
    provenance = "inferred"
    errors = ("unknown_message", "unknown_resource", "bad_value")
    asked = Asked.READ


class _CodeAnswer(_Answer):
    """Base of the answers that are a result only."""

    message_id = Int(1, 65535, doc="message id of the request")
    result = Choice(2, 11, 12, 13, 14, 15, doc="2 2.04, 11 4.00, 12 4.01, 13 4.04, 14 4.05, 15 4.06")

    def write(self, ue: Ue, message_id: int, result: int) -> None:
        self.waiting(ue, message_id)
        ue.hosted.answer(message_id, RESULTS[result])


class Qlwwrrsp(_CodeAnswer):
    """Answer a write request."""

    name, source, group = "+QLWWRRSP", GUIDE + "4.1.3.1", "qlw"
    errors = ("unknown_message",)
    asked = Asked.WRITE


class Qlwexersp(_CodeAnswer):
    """Answer an execute request."""

    name, source, group = "+QLWEXERSP", STACK, "qlw"
    provenance = "inferred"
    errors = ("unknown_message",)
    asked = Asked.EXECUTE


class Qlwrd(Command):
    """Read the oldest buffered request, with how many are left behind it; tell how many wait."""

    name, source, group = "+QLWRD", GUIDE + "4.1.4.2", "qlw"
    errors = ("buffer_empty",)
    execute_reply = "+QLWRD: {left},{text}"
    read_reply = "+QLWRD: {count}"

    def read(self, ue: Ue) -> Any:
        return {"count": len(ue.hosted.buffer)}

    def execute(self, ue: Ue) -> Any:
        text = ue.hosted.buffer.take()
        if text is None and not ue.quirk("read_empty_ok"):
            raise Refusal("buffer_empty")
        return text and {"left": len(ue.hosted.buffer), "text": text}


class Qlwstatus(Command):
    """Tell the state of the registration."""

    name, source, group = "+QLWSTATUS", STACK, "qlw"
    provenance = "inferred"
    read_reply = "+QLWSTATUS: {state}"

    def read(self, ue: Ue) -> Any:
        return {"state": ue.profile.words["qlw_state"][ue.hosted.state]}


class Qlwreset(Command):
    """Forget configuration, declared objects and buffered requests."""

    name, source, group = "+QLWRESET", STACK, "qlw"
    provenance = "inferred"
    errors = ("already_registered",)

    def execute(self, ue: Ue) -> None:
        if ue.hosted.registered or ue.hosted.registering:
            raise Refusal("already_registered")
        ue.hosted.reset()
