"""Plain Python values come back equal, with their types, and equal values have equal versions."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math
import subprocess
import sys
import threading
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pydantic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assetflow.errors import FormatError
from assetflow.store import LocalStore

WEST = dt.timezone(dt.timedelta(hours=-3.5))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(max_size=20),
    st.datetimes(timezones=st.sampled_from([None, dt.UTC, ZoneInfo("America/New_York"), WEST])),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.decimals(),
    st.uuids(),
)  # fmt: skip
HASHABLE = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.dates(), st.tuples(st.text(), st.integers())
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.text(), inner, max_size=4),
        st.dictionaries(HASHABLE, inner, max_size=4),
        st.dictionaries(st.just("$af"), inner),
        st.sets(HASHABLE, max_size=4),
        st.frozensets(HASHABLE, max_size=4),
    ),
    max_leaves=12,
)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def round_trip(store: LocalStore, value: object, as_type: object = None) -> Any:
    return store.load(store.write(value, asset="v", partition=None, durable=False), as_type)


def shape(value: Any) -> Any:
    """A value with its types spelled out, in which NaN equals NaN and 0.0 differs from -0.0."""
    if isinstance(value, dict):
        return ("dict", [(shape(key), shape(item)) for key, item in value.items()])
    if isinstance(value, (set, frozenset)):
        return (type(value).__name__, sorted(repr(shape(item)) for item in value))
    if isinstance(value, (list, tuple)):
        return (type(value).__name__, [shape(item) for item in value])
    return (type(value).__name__, repr(value))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=VALUES)
def test_values_and_their_types_survive(store: LocalStore, value: object) -> None:
    obj = store.write(value, asset="v", partition=None, durable=False)
    assert obj.format in ("json", "text", "bytes")
    assert shape(store.load(obj)) == shape(value)
    again = store.write(store.load(obj), asset="v", partition=None, durable=False)
    assert again == obj
    assert store.verify(obj)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=VALUES, other=VALUES)
def test_different_values_have_different_versions(store: LocalStore, one: object, other: object) -> None:
    versions = {store.write(v, asset="v", partition=None, durable=False).data_version for v in (one, other)}
    assert (len(versions) == 1) is (shape(one) == shape(other))


LOOKALIKES: list[object] = [
    0, 0.0, -0.0, False, None, "", "0", b"", b"0", [], (), {}, set(), frozenset(), [[]], [None], "null",
    math.nan, "nan",
    {"0": 1}, {0: 1}, {False: 1}, [["0", 1]], {"$af": "tuple", "v": []}, dt.date(2013, 1, 1), "2013-01-01",
    dt.datetime(2013, 1, 1), dt.datetime(2013, 1, 1, tzinfo=dt.UTC), Decimal(1), Decimal("1.0"), 1, 1.0, True,
    uuid.UUID(int=1), str(uuid.UUID(int=1)), dt.timedelta(0), 2**70, float(2**70), 10**5000,
    {"a": 1, "b": 2}, {"b": 2, "a": 1},
]  # fmt: skip


def test_lookalikes_are_all_told_apart_and_all_come_back(store: LocalStore) -> None:
    objs = [store.write(value, asset="v", partition=None, durable=False) for value in LOOKALIKES]
    assert len({obj.data_version for obj in objs}) == len(LOOKALIKES)
    assert [type(store.load(obj)) for obj in objs] == [type(value) for value in LOOKALIKES]
    assert store.load(objs[LOOKALIKES.index(10**5000)]) == 10**5000


def test_the_second_of_two_ambiguous_hours_survives(store: LocalStore) -> None:
    late = dt.datetime(2023, 11, 5, 1, 30, tzinfo=ZoneInfo("America/New_York"), fold=1)
    loaded = round_trip(store, [late])[0]
    assert loaded.utcoffset() == late.utcoffset()
    assert loaded.tzinfo is late.tzinfo


def test_a_set_has_one_version_under_every_hash_seed(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from assetflow.store import LocalStore\n"
        "value = {'names': {'ann', 'bob', 'cyd', 'dan', 'eve'}}\n"
        "print(LocalStore(Path(sys.argv[1])).write(value, asset='v', partition=None).data_version)"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(outputs) == 1


class Color(enum.Enum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: int


class Text(str):
    pass


@dataclasses.dataclass(frozen=True)
class Window:
    start: dt.date
    sizes: tuple[int, ...]
    notes: dict[str, float]


@dataclasses.dataclass
class Holder:
    anything: object


@pytest.mark.parametrize(
    "value",
    [Color.RED, Point(1, 2), Text("a"), {"p": Point(1, 2)}, [Color.RED], complex(1, 2), range(3)],
    ids=repr,
)
def test_subclasses_and_other_objects_keep_their_type_through_pickle(store: LocalStore, value: object) -> None:
    obj = store.write(value, asset="v", partition=None)
    assert obj.format == "pickle"
    assert shape(store.load(obj)) == shape(value)
    assert type(store.load(obj)) is type(value)
    assert store.verify(obj)


def test_dataclasses_are_json_when_that_is_exact_and_pickle_otherwise(store: LocalStore) -> None:
    exact = Window(dt.date(2013, 1, 1), (1, 2), {"a": 0.5})
    obj = store.write(exact, asset="v", partition=None)
    assert (obj.format, store.load(obj), store.load(obj, Window)) == ("dataclass", exact, exact)
    vague = Holder((1, {2}))
    obj = store.write(vague, asset="v", partition=None)
    assert (obj.format, store.load(obj)) == ("pickle", vague)


class Report(pydantic.BaseModel):
    title: str
    when: dt.datetime
    scores: dict[str, float] = {}
    tags: tuple[str, ...] = ()
    mean: float = math.nan


class Aliased(pydantic.BaseModel):
    inner: int = pydantic.Field(alias="Inner")


class WithSecret(pydantic.BaseModel):
    token: pydantic.SecretStr


class Other(pydantic.BaseModel):
    title: str
    when: dt.datetime


REPORT = Report(title="Delays", when=dt.datetime(2013, 1, 1), scores={"JFK": 1.5}, tags=("a",))


@pytest.mark.parametrize(("mean", "format"), [(1.5, "model"), (math.nan, "tagged_model")])
def test_models_come_back_as_models(store: LocalStore, mean: float, format: str) -> None:
    report = REPORT.model_copy(update={"mean": mean})
    obj = store.write(report, asset="v", partition=None)
    assert obj.format == format
    assert shape(store.load(obj).model_dump()) == shape(report.model_dump())
    assert isinstance(store.load(obj), Report)
    assert isinstance(store.load(obj, Report | None), Report)
    assert store.load(obj, dict)["title"] == "Delays"
    assert store.verify(obj)


def test_a_model_may_be_read_as_another_model_that_fits(store: LocalStore) -> None:
    assert round_trip(store, REPORT, Other) == Other(title="Delays", when=dt.datetime(2013, 1, 1))


def test_equal_fields_of_another_class_are_another_value(store: LocalStore) -> None:
    one, other = (
        store.write(cls.model_construct(a=1), asset="v", partition=None)
        for cls in (pydantic.create_model("One", a=(int, ...)), pydantic.create_model("Two", a=(int, ...)))
    )
    assert one.data_version != other.data_version


def test_aliases_round_trip(store: LocalStore) -> None:
    assert round_trip(store, Aliased(Inner=3)) == Aliased(Inner=3)


def test_a_secret_is_refused_and_never_written(store: LocalStore) -> None:
    with pytest.raises(FormatError, match=r"`v`.*`WithSecret`.*`token`"):
        store.write(WithSecret(token=pydantic.SecretStr("hunter2")), asset="v", partition=None)
    assert not [file for file in store.root.rglob("*") if file.is_file()]


def test_a_class_that_is_not_loaded_is_named(store: LocalStore) -> None:
    obj = store.write(REPORT, asset="v", partition=None)
    gone = dataclasses.replace(obj, python_type="nowhere.Report")
    with pytest.raises(FormatError, match=r"nowhere\.Report") as caught:
        store.load(gone)
    assert "`Report`" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (lambda: 1, "function"),
        ((number for number in range(3)), "generator"),
        ({"model": {"lock": open}, "handle": [1, sys.stdout]}, r"\['handle'\]\[1\]"),
        (Holder(Holder(threading.Lock())), r"\.anything\.anything"),
    ],
)
def test_what_cannot_be_stored_is_named_with_its_place(store: LocalStore, value: object, named: str) -> None:
    with pytest.raises(FormatError, match=named) as caught:
        store.write(value, asset="marts/v", partition="2013-01-01")
    assert "`marts/v@2013-01-01`" in caught.value.message
    assert "frame" in (caught.value.hint or "")


def test_a_value_that_contains_itself_comes_back_through_pickle(store: LocalStore) -> None:
    ring: list[object] = [1]
    ring.append(ring)
    loaded = round_trip(store, ring)
    assert loaded[1] is loaded


def test_nesting_beyond_what_json_readers_take_comes_back_all_the_same(store: LocalStore) -> None:
    nested: object = "core"
    for _ in range(150):
        nested = (nested,)
    assert round_trip(store, nested) == nested


def test_deep_nesting_is_stored_or_refused_but_never_crashes(store: LocalStore) -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(FormatError):
        store.write(deep, asset="v", partition=None)


# --- asked for as ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "as_type"),
    [
        (3, int), (3, "int"), (3, int | None), (None, int | None), ("x", str), ("x", str | int),
        (b"x", bytes), (b"x", bytearray),
        ([1], list[int]), ({"a": 1}, dict[str, int]), ({"a": [1]}, dict[str, Any]),
        ((1, "a"), tuple[int, str]), ({1}, set),
        ({1: "a"}, dict[int, str]), (dt.date(2013, 1, 1), dt.date), (1, Any), (1, object), ("x", "str"),
        ("é", "str"),
    ],
)  # fmt: skip
def test_a_fitting_annotation_gives_the_value(store: LocalStore, value: object, as_type: object) -> None:
    assert round_trip(store, value, as_type) == value


def test_an_int_becomes_a_float_when_a_float_is_asked_for(store: LocalStore) -> None:
    assert shape(round_trip(store, 3, float)) == ("float", "3.0")
    assert shape(round_trip(store, 3, float | int)) == ("int", "3")


@pytest.mark.parametrize(
    ("value", "as_type"),
    [
        (3, str), ("3", int), (True, int), (3.5, int), (1, bool), (None, int), ([1], dict),
        ({"a": 1}, list), ((1,), list),
        ([1, "a"], list[int]), ({"a": "b"}, dict[str, int]), (b"x", str), (3, Report), ({"a": 1}, Report),
        (3, "pl.DataFrame"), ("x", dt.date),
    ],
)  # fmt: skip
def test_an_annotation_that_does_not_fit_is_an_error_that_says_what_would(
    store: LocalStore, value: object, as_type: object
) -> None:
    obj = store.write(value, asset="v", partition=None)
    with pytest.raises(FormatError) as caught:
        store.load(obj, as_type, who="`v`")
    assert "`v`" in caught.value.message
    assert "annotate" in (caught.value.hint or "")


def test_unknown_annotation_text_gets_the_nearest_name(store: LocalStore) -> None:
    obj = store.write(1, asset="v", partition=None)
    with pytest.raises(FormatError, match=r"pl\.DataFrme") as caught:
        store.load(obj, "pl.DataFrme")
    assert "polars.DataFrame" in (caught.value.hint or "")


def test_rows_of_dictionaries_make_a_table_and_back(store: LocalStore) -> None:
    import polars as pl

    rows = [{"a": 1, "b": None}] * 200 + [{"a": 2, "b": "late"}]
    frame = round_trip(store, rows, pl.DataFrame)
    assert frame.schema == {"a": pl.Int64, "b": pl.String}
    assert round_trip(store, frame, list[dict[str, Any]]) == rows
    with pytest.raises(FormatError):
        round_trip(store, {"a": 1}, pl.DataFrame)
