"""Reading, overriding and comparing the fields of nested dataclasses."""

import dataclasses
import json
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kscale.configs import fields


@dataclasses.dataclass(frozen=True)
class Inner:
    layers: int = 2
    rate: float = 1e-3
    on: bool = False
    kind: Literal["plain", "gated"] = "plain"
    sizes: tuple[int, ...] = (1, 2)
    pair: tuple[float, str] = (0.5, "a")
    limit: int | None = None
    text: str = ""

    def __post_init__(self):
        if self.layers > 90 and not self.on:
            raise ValueError("more than 90 layers need on")


@dataclasses.dataclass(frozen=True)
class Outer:
    inner: Inner = Inner()
    name: str = "x"


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("inner.layers", "4", 4),
        ("inner.layers", "-4", -4),
        ("inner.layers", "10K", 10_000),
        ("inner.layers", "2.5M", 2_500_000),
        ("inner.layers", "10_000", 10_000),
        ("inner.layers", "1e3", 1000),
        ("inner.rate", "1e-3", 1e-3),
        ("inner.rate", "2", 2.0),
        ("inner.on", "true", True),
        ("inner.on", "False", False),
        ("inner.kind", "gated", "gated"),
        ("inner.sizes", "(3, 4,5)", (3, 4, 5)),
        ("inner.sizes", "3,4", (3, 4)),
        ("inner.sizes", "3", (3,)),
        ("inner.sizes", "()", ()),
        ("inner.pair", "1, b", (1.0, "b")),
        ("inner.limit", "7", 7),
        ("inner.limit", "None", None),
        ("inner.text", "a=b, c", "a=b, c"),
        ("name", "7", "7"),
    ],
)
def test_text_is_read_as_the_type_of_its_field(path, text, value):
    base = dataclasses.replace(Outer(), inner=Inner(on=True))
    read = fields.flatten(fields.override(base, path, text))[path]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("inner.layres", "4", r"field config.inner.layres: did you mean 'layers'\?"),
        ("iner.layers", "4", r"field config.iner: did you mean 'inner'\?"),
        ("zzz", "4", "unknown field config.zzz: choose from inner, name"),
        ("inner", "4", "config.inner is a group of fields; set one of them: layers"),
        ("name.first", "4", "config.name is a value and has no field 'first'"),
        ("inner.layers", "4.5", "config.inner.layers='4.5' must be a whole number"),
        ("inner.layers", "true", "must be a whole number"),
        ("inner.rate", "fast", "config.inner.rate='fast' must be a number"),
        ("inner.rate", "nan", "must be a number"),
        ("inner.on", "perhaps", "must be true or false"),
        ("inner.kind", "gatd", "one of plain, gated; did you mean 'gated'"),
        ("inner.sizes", "1,x", r"config.inner.sizes\[1\]='x' must be a whole"),
        ("inner.pair", "1", "must hold 2 values"),
        ("inner.limit", "x", "must be int or NoneType"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(path, text, message):
    with pytest.raises(ValueError, match=message) as error:
        fields.override(Outer(), path, text)
    assert "\n" not in str(error.value)


def test_fields_that_must_fit_each_other_are_set_together():
    values = {"inner.layers": "100", "inner.on": "true", "name": "deep"}
    both = fields.override_all(Outer(), values)
    assert (both.inner.layers, both.name) == (100, "deep")
    with pytest.raises(ValueError, match="need on"):
        fields.override(Outer(), "inner.layers", "100")


outers = st.builds(
    Outer,
    st.builds(
        Inner,
        layers=st.integers(-(10**9), 90),
        rate=st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 9),
        on=st.booleans(),
        kind=st.sampled_from(["plain", "gated"]),
        sizes=st.lists(st.integers()).map(tuple),
        limit=st.none() | st.integers(),
        text=st.text(),
    ),
    st.text(),
)


@dataclasses.dataclass(frozen=True)
class Group:
    name: str = "g"
    inners: tuple[Inner, ...] = ()


TWO = Group(inners=(Inner(text="a"), Inner(text="b")))


@given(outers)
def test_a_config_survives_json(config):
    for each in (config, Group(config.name, (config.inner, Inner()))):
        text = json.dumps(fields.to_dict(each))
        assert fields.from_dict(type(each), json.loads(text)) == each


def test_a_whole_number_in_a_float_field_is_written_as_a_float():
    data = fields.to_dict(Outer(Inner(rate=1, pair=(2, "b"))))
    assert repr(data["inner"]["rate"]) == "1.0"
    several = fields.to_dict(Group(inners=(Inner(rate=1),)))
    assert repr(several["inners"][0]["rate"]) == "1.0"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"nme": "y"}, r"unknown field config.nme: did you mean 'name'\?"),
        ({"inner": {"layers": 2.5}}, "config.inner.layers=2.5 must be a whole number"),
        ({"inner": {"on": 1}}, "config.inner.on=1 must be true or false"),
        ({"inner": {"rate": True}}, "config.inner.rate=True must be a number"),
        ({"inner": {"rate": None}}, "config.inner.rate=None must be a number"),
        ({"inner": 3}, "config.inner=3 must be a group of fields"),
        ({"name": 3}, "config.name=3 must be str"),
    ],
)
def test_wrong_json_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        fields.from_dict(Outer, data)


def test_the_difference_of_two_configs_names_paths_and_both_values():
    other = fields.override_all(Outer(), {"inner.layers": 3, "name": "y"})
    assert fields.diff(Outer(), other) == [("inner.layers", 2, 3), ("name", "x", "y")]
    assert fields.diff(other, other) == []


def test_items_are_addressed_by_number():
    values = {"inners.0.layers": "5", "inners.1.rate": "2", "inners.1.kind": "gated"}
    changed = fields.override_all(TWO, values)
    assert changed.inners[0] == Inner(layers=5, text="a")
    assert changed.inners[1] == Inner(rate=2.0, kind="gated", text="b")
    assert fields.override(TWO, "inners.0.layers", "5").inners[1] == TWO.inners[1]
    assert fields.override(TWO, "inners", ()).inners == ()
    assert fields.override(TWO, "inners", "()").inners == ()
    assert fields.override(TWO, "inners", (Inner(),)).inners == (Inner(),)


def test_the_next_number_adds_an_item():
    values = {"inners.2.layers": "5", "inners.3.text": "d", "inners.0.text": "x"}
    added = fields.override_all(TWO, values).inners
    assert [item.text for item in added] == ["x", "b", "", "d"]
    assert added[2:] == (Inner(layers=5), Inner(text="d"))
    assert fields.override(Group(), "inners.0.rate", "2").inners == (Inner(rate=2.0),)


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("inners.3.layers", "4", "has 2 inners, so the next one is config.inners.2$"),
        ("inners.-1.layers", "4", "inners.-1: name a field of an item, such as con"),
        ("inners.x.layers", "4", "config.inners.x: name a field of an item"),
        ("inners.0", "4", "such as config.inners.0.FIELD with FIELD one of layers, ra"),
        ("inners.0.layres", "4", r"config.inners.0.layres: did you mean 'layers'\?"),
        ("inners.2.layres", "4", r"config.inners.2.layres: did you mean 'layers'\?"),
        ("inners.1.layers", "x", "config.inners.1.layers='x' must be a whole number"),
        ("inners.1.layers.x", "4", "inners.1.layers is a value and has no field 'x'"),
        ("inners", "4", "inners='4' holds groups of fields: write config.inners.0.FI"),
        ("inners", "4", r"one of layers, ra.* or config.inners=\(\) for none"),
    ],
)
def test_an_item_that_is_not_there_is_refused(path, text, message):
    with pytest.raises(ValueError, match=message) as error:
        fields.override(TWO, path, text)
    assert "\n" not in str(error.value)


def test_gaps_between_new_items_are_refused():
    values = {"inners.0.layers": "4", "inners.2.layers": "4"}
    with pytest.raises(ValueError, match=r"inners.2: the config has 0 inners, so the"):
        fields.override_all(Group(), values)


@pytest.mark.parametrize(
    ("inners", "message"),
    [
        ([{"layres": 3}], r"config.inners\[0\].layres: did you mean 'layers'"),
        ([{}, {"on": 3}], r"config.inners\[1\].on=3 must be true or false"),
        ([3], r"config.inners\[0\]=3 must be a group of fields"),
    ],
)
def test_wrong_items_are_refused_with_their_number(inners, message):
    with pytest.raises(ValueError, match=message):
        fields.from_dict(Group, {"inners": inners})


def test_items_have_paths_and_differences():
    leaves = fields.flatten(TWO)
    assert (leaves["inners.0.text"], leaves["inners.1.text"]) == ("a", "b")
    assert "inners" not in leaves
    assert fields.flatten(Group())["inners"] == ()
    changed = fields.override(TWO, "inners.1.layers", 7)
    assert fields.diff(TWO, changed) == [("inners.1.layers", 2, 7)]
    shorter = Group(inners=TWO.inners[:1])
    inside = {x: leaf for x, leaf in leaves.items() if "inners.1" in x}
    lost = [(path, x, None) for path, x in inside.items() if x is not None]
    assert fields.diff(TWO, shorter) == lost
    assert ("inners.1.text", None, "b") in fields.diff(shorter, TWO)
