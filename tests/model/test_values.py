"""Dataclasses whose methods are written on first use behave as the standard library's, feature by feature."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import threading
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field
from typing import Any

import pytest

from assetflow import values

Decorator = Callable[..., Any]


def family(decorator: Decorator) -> dict[str, type]:
    """Classes of each kind by `decorator`: bases, defaults, factories, fields that are no parameters, own methods."""

    @decorator(frozen=True, slots=True)
    class Base:
        a: int
        b: list[int] = field(default_factory=list, hash=False)

    @decorator(frozen=True, slots=True, kw_only=True)
    class Child(Base):
        c: str = "c"
        d: float = field(default=1.5, compare=False, repr=False)
        e: int = field(init=False, default=5)

    @decorator(frozen=True, slots=True, kw_only=True)
    class Computed:
        given: int
        doubled: int = field(init=False)
        made: dict[str, int] = field(init=False, default_factory=dict, hash=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "doubled", 2 * self.given)

    @decorator(slots=True)
    class Mutable:
        a: int
        b: int = 3

    @decorator(frozen=True, slots=True, repr=False, eq=False)
    class Plain:
        a: int = 1

        def __repr__(self) -> str:
            return "own"

    @decorator(frozen=True, slots=True)
    class OwnEquality:
        a: int

        def __eq__(self, other: object) -> bool:
            return True

    @decorator(frozen=True, slots=True)
    class OwnHash:
        a: int

        def __hash__(self) -> int:
            return 7

    @decorator(frozen=True, slots=True, init=False)
    class OwnInit:
        a: int

        def __init__(self, text: str) -> None:
            object.__setattr__(self, "a", int(text))

    @decorator(frozen=True, kw_only=True)
    class Dicted:
        a: int
        b: Any = None

    @decorator(slots=True)
    class Empty:
        pass

    return {cls.__name__: cls for cls in locals().values() if isinstance(cls, type)}


OURS, THEIRS = family(values.dataclass), family(dataclasses.dataclass)

CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("Base", (1,), {}),
    ("Base", (1, [2]), {}),
    ("Base", (), {"a": 2, "b": [float("nan")]}),
    ("Base", (), {}),
    ("Base", (1, [2], 3), {}),
    ("Base", (1,), {"nothing": 3}),
    ("Child", (1,), {}),
    ("Child", (1,), {"c": "x", "d": 2.5}),
    ("Child", (1, [], "positional"), {}),
    ("Child", (1,), {"e": 6}),
    ("Computed", (), {"given": 4}),
    ("Computed", (4,), {}),
    ("Computed", (), {"given": 4, "doubled": 3}),
    ("Mutable", (1,), {}),
    ("Mutable", (1, 2), {}),
    ("Plain", (), {}),
    ("OwnEquality", (1,), {}),
    ("OwnHash", (1,), {}),
    ("OwnInit", ("12",), {}),
    ("Dicted", (), {"a": 1}),
    ("Empty", (), {}),
]


def told(act: Callable[[], Any]) -> Any:
    """What `act` returns, or the type and text of its error without the places where functions are defined."""
    try:
        return act()
    except Exception as error:  # the error is the answer
        return type(error), str(error).replace("family.<locals>.", "")


def field_of(cls: Any) -> str:
    """Any field of `cls`, or a name that is none."""
    return next((field.name for field in dataclasses.fields(cls)), "nothing")


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS)
def test_calls_are_answered_as_by_the_standard_library(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    def answers(classes: dict[str, type]) -> dict[str, Any]:
        cls: Any = classes[name]
        made = told(lambda: cls(*args, **kwargs))
        if isinstance(made, tuple):
            return {"error": made}
        other = cls(*args, **kwargs)
        return {
            "repr": repr(made),
            "equal": [made == made, made == other, made != other, made == 3],
            "hash": told(lambda: hash(made) == hash(other)),
            "fields": [(f.name, f.type, f.init, f.kw_only, f.repr, f.compare) for f in dataclasses.fields(made)],
            "values": dataclasses.asdict(made),
            "set": told(lambda: setattr(made, field_of(cls), 9)),
            "delete": told(lambda: delattr(made, field_of(cls))),
            "replaced": told(lambda: repr(dataclasses.replace(other, a=8))),
            "copied": told(lambda: repr(copy.deepcopy(other))),
            "match": getattr(cls, "__match_args__", None),
            "slots": getattr(cls, "__slots__", None),
        }

    assert answers(OURS) == answers(THEIRS)


@pytest.mark.parametrize("name", [*OURS])
def test_signatures_and_parameters_are_told(name: str) -> None:
    ours, theirs = OURS[name], THEIRS[name]

    assert [(p.name, p.kind) for p in inspect.signature(ours).parameters.values()] == [
        (p.name, p.kind) for p in inspect.signature(theirs).parameters.values()
    ]
    assert repr(ours.__dataclass_params__) == repr(theirs.__dataclass_params__)  # type: ignore[attr-defined]


@values.dataclass(frozen=True, slots=True, kw_only=True)
class Pickled:
    """At the top of a module, where pickles find it."""

    a: int
    b: tuple[int, ...] = ()


def test_pickles_and_copies_of_frozen_slots_hold_the_same() -> None:
    made = Pickled(a=1, b=(2, 3))

    assert pickle.loads(pickle.dumps(made)) == made
    assert copy.copy(made) == made


def test_classes_of_the_standard_library_inherit_frozen_ones() -> None:
    @dataclasses.dataclass(frozen=True)
    class Own(OURS["Base"]):  # type: ignore[misc]
        z: int = 0

    assert repr(Own(1, z=2)).endswith("Own(a=1, b=[], z=2)")
    with pytest.raises(FrozenInstanceError):
        Own(1).z = 3  # type: ignore[misc]


def test_plain_subclasses_keep_their_own_attributes() -> None:
    class Named(OURS["Base"]):  # type: ignore[misc]
        pass

    named = Named(1)
    named.label = "mine"  # no field
    assert named.label == "mine"
    with pytest.raises(FrozenInstanceError):
        named.a = 2


def test_what_holds_itself_is_shown() -> None:
    mutable = OURS["Mutable"](1)
    mutable.b = mutable  # type: ignore[attr-defined]

    assert repr(mutable).endswith("Mutable(a=1, b=...)")


def test_nothing_is_compiled_before_it_is_called() -> None:
    cls: Any = values.dataclass(frozen=True, slots=True)(type("Late", (), {"__annotations__": {"a": "int"}}))

    assert not inspect.isfunction(vars(cls)["__init__"])
    assert cls(1).a == 1
    assert inspect.isfunction(vars(cls)["__init__"])
    assert not inspect.isfunction(vars(cls)["__hash__"])


def test_the_first_call_may_come_from_many_threads() -> None:
    for _ in range(20):
        cls: Any = values.dataclass(frozen=True, slots=True)(type("Shared", (), {"__annotations__": {"a": "int"}}))
        gate, made = threading.Barrier(4), list[Any]()

        def make(cls: Any = cls, gate: threading.Barrier = gate, made: list[Any] = made) -> None:
            gate.wait()
            made.append(cls(1))

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(made) == {cls(1)}
