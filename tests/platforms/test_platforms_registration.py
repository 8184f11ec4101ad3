"""Reading registrations: what is accepted, what a strict server refuses, and that no bytes break it."""

from __future__ import annotations

import pytest
from aiocoap import Code
from hypothesis import given
from hypothesis import strategies as st

from modemsim.platforms.registration import (
    Changes,
    Link,
    Refused,
    Registration,
    parse_links,
    parse_register,
    parse_update,
)
from modemsim.platforms.style import AEP, CT_IOT

LINKS = b'</>;rt="oma.lwm2m",</1/0>,</3/0>,</4/0>,</19/0>,</5/0>,</20/0>'
QUERIES = ["lwm2m=1.0", "ep=866465050000874", "b=U", "lt=86400"]


def code_of(queries: list[str], payload: bytes) -> Code | None:
    """The code with which a registration is refused; None when it is accepted."""
    try:
        parse_register(queries, payload, CT_IOT)
    except Refused as refused:
        return refused.code
    return None


def test_the_captured_registration_of_a_module() -> None:
    assert parse_register(QUERIES, LINKS, CT_IOT) == Registration(
        endpoint="866465050000874",
        version="1.0",
        lifetime=86400,
        binding="U",
        queue_mode=False,
        objects=["/1/0", "/3/0", "/4/0", "/19/0", "/5/0", "/20/0"],
    )


def test_lifetime_binding_and_extra_queries_are_optional() -> None:
    registration = parse_register(["ep=x", "sms=10", "lwm2m=1.0"], b"</1/0>", AEP)
    assert (registration.lifetime, registration.binding, registration.queue_mode) == (86400, "U", False)


@pytest.mark.parametrize(
    ("queries", "binding", "queue_mode"),
    [
        (["lwm2m=1.0", "b=UQ"], "UQ", True),
        (["lwm2m=1.1", "b=U"], "U", False),
        (["lwm2m=1.1", "b=U", "Q"], "U", True),
        (["lwm2m=1.1", "b=UT"], "UT", False),
    ],
)
def test_queue_mode_is_spelled_by_version(queries: list[str], binding: str, queue_mode: bool) -> None:
    registration = parse_register([*queries, "ep=x"], b"</1/0>", CT_IOT)
    assert (registration.binding, registration.queue_mode) == (binding, queue_mode)


@pytest.mark.parametrize(
    ("queries", "payload", "code"),
    [
        (["ep=x", "b=U", "lt=60"], LINKS, Code.BAD_REQUEST),
        (["lwm2m", "ep=x"], LINKS, Code.BAD_REQUEST),
        (["lwm2m=1.0.2", "ep=x"], LINKS, Code.BAD_REQUEST),
        (["lwm2m=2.0", "ep=x"], LINKS, Code.BAD_REQUEST),
        (["lwm2m=1.0", "b=U"], LINKS, Code.FORBIDDEN),
        (["lwm2m=1.0", "ep="], LINKS, Code.FORBIDDEN),
        (["lwm2m=1.1", "ep=x", "b=UQ"], LINKS, Code.BAD_REQUEST),
        (["lwm2m=1.1", "ep=x", "b=UU"], LINKS, Code.BAD_REQUEST),
        (["lwm2m=1.0", "ep=x", "b=X"], LINKS, Code.BAD_REQUEST),
        (["lwm2m=1.0", "ep=x", "lt=-1"], LINKS, Code.BAD_REQUEST),
        (["lwm2m=1.0", "ep=x", "lt="], LINKS, Code.BAD_REQUEST),
        (["lwm2m=1.0", "ep=x", "lt=1h"], LINKS, Code.BAD_REQUEST),
        (QUERIES, b"", Code.BAD_REQUEST),
        (QUERIES, b"<1/0>", Code.BAD_REQUEST),
        (QUERIES, b"</1/0>, </3/0>", Code.BAD_REQUEST),
        (QUERIES, b'</1>;ver="1.0"', Code.BAD_REQUEST),
        (QUERIES, b"</1>;ver", Code.BAD_REQUEST),
        (QUERIES, b"</1/0>,", Code.BAD_REQUEST),
        (QUERIES, b"</1/0", Code.BAD_REQUEST),
        (QUERIES, b"</1/0>;", Code.BAD_REQUEST),
        (QUERIES, b"</1/0></3/0>", Code.BAD_REQUEST),
        (QUERIES, b"\xff\xfe", Code.BAD_REQUEST),
    ],
)
def test_what_a_strict_server_refuses(queries: list[str], payload: bytes, code: Code) -> None:
    with pytest.raises(Refused) as refused:
        parse_register(queries, payload, CT_IOT)
    assert refused.value.code == code
    assert refused.value.reason


def test_link_attributes_are_kept_as_written() -> None:
    assert parse_links(b'</>;rt="oma.lwm2m";ct=11543,</1>;ver=1.1,</1/0>;obs') == [
        Link("/", {"rt": '"oma.lwm2m"', "ct": "11543"}),
        Link("/1", {"ver": "1.1"}),
        Link("/1/0", {"obs": None}),
    ]


def test_an_empty_update_changes_nothing() -> None:
    assert parse_update([], b"", "1.0") == Changes(None, None, None, None)


def test_an_update_names_what_it_changes() -> None:
    changes = parse_update(["lt=900", "b=UQ"], b"</1/0>,</19/0>", "1.0")
    assert changes == Changes(900, "UQ", True, ["/1/0", "/19/0"])


@pytest.mark.parametrize(("queries", "payload"), [(["lt=x"], b""), (["b=?"], b""), ([], b"nonsense")])
def test_a_wrong_update_is_refused(queries: list[str], payload: bytes) -> None:
    with pytest.raises(Refused) as refused:
        parse_update(queries, payload, "1.0")
    assert refused.value.code == Code.BAD_REQUEST


@given(st.binary(max_size=80))
def test_any_payload_is_read_or_refused(payload: bytes) -> None:
    assert code_of(QUERIES, payload) in (None, Code.BAD_REQUEST)


@given(st.lists(st.text(max_size=12), max_size=5))
def test_any_queries_are_read_or_refused(queries: list[str]) -> None:
    assert code_of(queries, b"</1/0>") in (None, Code.BAD_REQUEST, Code.FORBIDDEN)


UNQUOTED = ("ver", "ct", "dim", "pmin", "pmax", "ssid")
NAMES = st.from_regex(r"[a-z]{1,8}", fullmatch=True).filter(lambda name: name not in UNQUOTED)
VALUES = st.none() | st.from_regex(r"[A-Za-z0-9.:/-]{1,8}", fullmatch=True) | st.just('"a, <b>;c"')
PATHS = st.from_regex(r"/(?:[0-9]{1,5}(?:/[0-9]{1,5})?)?", fullmatch=True)


@given(st.lists(st.builds(Link, PATHS, st.dictionaries(NAMES, VALUES, max_size=3)), min_size=1, max_size=6))
def test_links_come_back_as_written(links: list[Link]) -> None:
    text = ",".join(
        f"<{link.path}>" + "".join(f";{k}" if v is None else f";{k}={v}" for k, v in link.attributes.items())
        for link in links
    )
    assert parse_links(text.encode()) == links
