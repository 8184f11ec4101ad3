"""The JSON formats of LwM2M 1.0 and 1.1: exact documents, round trips, and nonsense that is refused."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemsim.lwm2m import content, objects
from modemsim.lwm2m.json_formats import Leaf, decode, encode
from modemsim.lwm2m.model import Kind, Path, Refusal, Value
from modemsim.lwm2m.policy import Policy
from modemsim.lwm2m.tree import ObjectTree

LEAVES: list[Leaf] = [
    ((3, 0, 0), Kind.STRING, "é"),
    ((3, 0, 9), Kind.INTEGER, 95),
    ((3, 0, 6, 1), Kind.INTEGER, 5),
    ((3, 0, 20), Kind.BOOLEAN, True),
    ((3, 0, 21), Kind.OPAQUE, b"\xfb\xff"),
    ((3, 0, 22), Kind.OBJLNK, (4, 0)),
    ((3, 0, 23), Kind.FLOAT, 0.5),
]
KINDS = {path: kind for path, kind, _ in LEAVES}


def test_the_documents_are_those_of_the_standards() -> None:
    assert encode((3, 0), LEAVES, senml=False).decode() == (
        '{"bn":"/3/0/","e":[{"n":"0","sv":"é"},{"n":"9","v":95},{"n":"6/1","v":5},{"n":"20","bv":true},'
        '{"n":"21","sv":"+/8="},{"n":"22","ov":"4:0"},{"n":"23","v":0.5}]}'
    )
    assert encode((3, 0), LEAVES, senml=True).decode() == (
        '[{"bn":"/3/0/","n":"0","vs":"é"},{"n":"9","v":95},{"n":"6/1","v":5},{"n":"20","vb":true},'
        '{"n":"21","vd":"-_8"},{"n":"22","vlo":"4:0"},{"n":"23","v":0.5}]'
    )
    assert encode((3,), LEAVES[:1], senml=False) == '{"bn":"/3/","e":[{"n":"0/0","sv":"é"}]}'.encode()
    assert encode((3, 0), [], senml=True) == b"[]"


@pytest.mark.parametrize("senml", [False, True])
@pytest.mark.parametrize("base", [(3,), (3, 0)])
def test_what_is_written_is_read_back(senml: bool, base: Path) -> None:
    found = decode(base, encode(base, LEAVES, senml=senml), KINDS.__getitem__, senml=senml)
    assert found == {path: value for path, _, value in LEAVES}


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just(Kind.STRING), st.text(max_size=20)),
            st.tuples(st.just(Kind.INTEGER), st.integers(-(2**53), 2**53)),
            st.tuples(st.just(Kind.BOOLEAN), st.booleans()),
            st.tuples(st.just(Kind.OPAQUE), st.binary(max_size=20)),
            st.tuples(st.just(Kind.FLOAT), st.floats(allow_nan=False, allow_infinity=False)),
            st.tuples(st.just(Kind.OBJLNK), st.tuples(st.integers(0, 65535), st.integers(0, 65535))),
        ),
        min_size=1,
        max_size=8,
    ),
    st.booleans(),
)
def test_round_trip(values: list[tuple[Kind, Value]], senml: bool) -> None:
    leaves: list[Leaf] = [((5, 1, number), *each) for number, each in enumerate(values)]
    kinds = {path: kind for path, kind, _ in leaves}
    assert decode((5, 1), encode((5, 1), leaves, senml=senml), kinds.__getitem__, senml=senml) == {
        path: value for path, _, value in leaves
    }


@given(st.binary(max_size=60), st.booleans())
def test_any_octets_are_a_document_or_a_value_error(payload: bytes, senml: bool) -> None:
    with contextlib.suppress(ValueError):
        decode((1, 0), payload, lambda path: Kind.INTEGER, senml=senml)


@pytest.mark.parametrize(
    "document",
    [
        "[]", "{}", "7", '{"e":[]}', '{"bn":7,"e":[{"n":"1","v":1}]}', '{"bn":"/1/0/","e":[7]}',
        '{"bn":"/1/0/","e":[{"n":"1","v":1},{"n":"1","v":2}]}', '{"bn":"/1/1/","e":[{"n":"1","v":1}]}',
        '{"bn":"/1/0/","e":[{"n":"x","v":1}]}', '{"bn":"/1/0/","e":[{"n":"70000","v":1}]}',
        '{"bn":"/1/0/","e":[{"n":"1","sv":"1"}]}', '{"bn":"/1/0/","e":[{"n":"1","v":true}]}',
        '{"bn":"/1/0/","e":[{"n":"1","v":1.5}]}', '{"bn":"/1/0/","e":[{"n":"1","v":1e400}]}',
        '{"bn":"/1/0/","e":[{"n":"1","v":NaN}]}', "[" * 3000,
    ],
)  # fmt: skip
def test_nonsense_is_refused(document: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode((1, 0), document.encode(), lambda path: Kind.INTEGER, senml=False)


def test_reads_and_writes_of_an_object() -> None:
    server = objects.server()
    tree = ObjectTree(server)
    shown = content.render(tree.find((1, 0)), content.JSON)
    assert json.loads(shown)["e"][:2] == [{"n": "0", "v": 1}, {"n": "2", "v": 0}]
    assert content.choose(tree.find((1, 0)), content.SENML_JSON, content.TEXT) == content.SENML_JSON
    written = content.parse_instance(
        server, content.SENML_JSON, b'[{"bn":"/1/0/","n":"2","v":4},{"n":"3","v":9}]'
    )
    assert written == {2: 4, 3: 9}
    resource = server.model.resources[2]
    assert (
        content.parse_resource(server, resource, content.JSON, b'{"bn":"/1/0/","e":[{"n":"2","v":4}]}') == 4
    )
    for path, code in (("0", "4.05 Method Not Allowed"), ("44", "4.04 Not Found")):
        with pytest.raises(Refusal, match=code):
            content.parse_instance(
                server, content.JSON, b'{"bn":"/1/0/","e":[{"n":"%s","v":4}]}' % path.encode()
            )


def test_senml_is_unknown_before_1_1() -> None:
    assert Policy(version="1.0").understood(content.SENML_JSON) not in (content.SENML_JSON, None)
    assert Policy(version="1.1").understood(content.SENML_JSON) == content.SENML_JSON
    assert Policy(version="1.0").understood(content.JSON) == content.JSON
