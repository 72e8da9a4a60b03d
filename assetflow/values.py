"""`dataclass` as in the standard library, but methods are written when first used, so that defining a class is cheap.

A command defines some three hundred value classes and makes instances of a few dozen. The standard library compiles up
to seven functions for each class as it is defined, which took a third of the time in which a command imports itself.
Fields, slots, inheritance, `replace`, `fields`, `asdict`, pattern matching and copies are the standard library's own.
Frozen instances with slots are also made faster: fields are set through their slots, not by name.
"""

from __future__ import annotations

import dataclasses
import reprlib
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    # Type checkers know the standard library's decorator; this one accepts a part of what that one does.
    from dataclasses import dataclass

    __all__ = ["dataclass"]
else:

    def dataclass(cls=None, /, *, init=True, repr=True, eq=True, frozen=False, slots=False, kw_only=False):
        """Make `cls` a dataclass, whose `__init__`, `__repr__`, `__eq__` and `__hash__` are compiled on first use."""

        def wrap(cls):
            return _define(cls, init=init, repr=repr, eq=eq, frozen=frozen, slots=slots, kw_only=kw_only)

        return wrap if cls is None else wrap(cls)


_DEFINING = threading.Lock()
_GIVEN_BY_FACTORY = object()


def _define(cls: Any, *, slots: bool, kw_only: bool, frozen: bool, **methods: bool) -> Any:
    """Return the dataclass of `cls`: fields and slots by the standard library, methods as promises of their own."""
    own = cls.__dict__
    if cls.__doc__ is None:
        cls.__doc__ = cls.__name__  # else the standard library writes the signature there, for which it needs methods
    explicit_hash = "__hash__" in own and not (own["__hash__"] is None and "__eq__" in own)
    bases = [base.__dataclass_params__ for base in cls.__mro__[1:] if "__dataclass_params__" in vars(base)]
    with _DEFINING:
        # The standard library writes two more functions for `frozen=True`, so it is told of no frozen class at all.
        frozen_bases = [params for params in bases if params.frozen]
        for params in frozen_bases:
            params.frozen = False
        try:
            made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(cls)
        finally:
            for params in frozen_bases:
                params.frozen = True
    made.__dataclass_params__.frozen = frozen
    for flag, given in methods.items():
        setattr(made.__dataclass_params__, flag, given)
        name = f"__{flag}__"
        if given and name not in own:
            setattr(made, name, _Promise(made, name, frozen))
    if methods["eq"] and not explicit_hash:
        made.__hash__ = _Promise(made, "__hash__", frozen) if frozen else None
    if frozen:
        _freeze(made, slots)
    return made


class _Promise:
    """One method of a dataclass before its first use, which puts the compiled function in its own place."""

    __slots__ = ("cls", "frozen", "name")

    def __init__(self, cls: type, name: str, frozen: bool) -> None:
        self.cls, self.name, self.frozen = cls, name, frozen

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        function = _write_init(self.cls, self.frozen) if self.name == "__init__" else _WRITERS[self.name](self.cls)
        function.__name__, function.__module__ = self.name, self.cls.__module__
        function.__qualname__ = f"{self.cls.__qualname__}.{self.name}"
        if self.cls.__dict__.get(self.name) is self:  # another thread may have been first
            setattr(self.cls, self.name, function)
        return function if instance is None else function.__get__(instance, owner)


def _freeze(cls: Any, slots: bool) -> None:
    """Let no attribute of instances of `cls` be set or deleted, and let slots be copied and pickled all the same."""
    names = frozenset(field.name for field in dataclasses.fields(cls))

    def __setattr__(self: object, name: str, value: object) -> None:  # noqa: N807
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)

    def __delattr__(self: object, name: str) -> None:  # noqa: N807
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    for method in (__setattr__, __delattr__):
        method.__qualname__ = f"{cls.__qualname__}.{method.__name__}"
        setattr(cls, method.__name__, method)
    if slots:
        for pickling in (_getstate, _setstate):
            name = f"_{pickling.__name__}__"
            if name not in cls.__dict__:
                setattr(cls, name, pickling)


def _getstate(self: Any) -> list[object]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _setstate(self: Any, state: list[object]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


def _write_init(cls: Any, frozen: bool) -> Any:
    """Return `__init__` of `cls`, with the parameters and defaults of its fields."""
    fields = dataclasses.fields(cls)
    names: dict[str, object] = {"given_by_factory": _GIVEN_BY_FACTORY, "set_by_name": object.__setattr__}
    positional, keywords = ["self"], list[str]()
    lines: list[str] = []
    for place, field in enumerate(fields):
        value, default = field.name, ""
        if field.default_factory is not dataclasses.MISSING:
            names[f"factory_{place}"] = field.default_factory
            value = f"(factory_{place}() if {value} is given_by_factory else {value})"
            default = "given_by_factory"
        elif field.default is not dataclasses.MISSING:
            names[f"default_{place}"] = field.default
            default = f"default_{place}"
        elif not field.init:
            continue  # the class's own __post_init__ sets it
        if field.init:
            (keywords if field.kw_only else positional).append(f"{field.name}={default}" if default else field.name)
        else:
            value = default if default != "given_by_factory" else f"factory_{place}()"
        setter = getattr(getattr(cls, field.name, None), "__set__", None)
        if not frozen:
            lines.append(f"self.{field.name} = {value}")
        elif setter:
            names[f"set_{place}"] = setter
            lines.append(f"set_{place}(self, {value})")
        else:
            lines.append(f"set_by_name(self, {field.name!r}, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    parameters = ", ".join([*positional, *(["*", *keywords] if keywords else [])])
    init = _compiled(cls, f"__init__({parameters})", lines or ["pass"], names)
    init.__annotations__ = {field.name: field.type for field in fields if field.init} | {"return": None}
    return init


def _write_repr(cls: Any) -> Any:
    shown = ", ".join(f"{field.name}={{self.{field.name}!r}}" for field in dataclasses.fields(cls) if field.repr)
    written = _compiled(cls, "__repr__(self)", [f"return self.__class__.__qualname__ + f'({shown})'"], {})
    return reprlib.recursive_repr()(written)


def _write_eq(cls: Any) -> Any:
    compared = [field.name for field in dataclasses.fields(cls) if field.compare]
    lines = [
        "if other.__class__ is not self.__class__:",
        "    return NotImplemented",
        f"return {_as_tuple('self', compared)} == {_as_tuple('other', compared)}",
    ]
    return _compiled(cls, "__eq__(self, other)", lines, {})


def _write_hash(cls: Any) -> Any:
    hashed = [f.name for f in dataclasses.fields(cls) if (f.compare if f.hash is None else f.hash)]
    return _compiled(cls, "__hash__(self)", [f"return hash({_as_tuple('self', hashed)})"], {})


def _as_tuple(owner: str, names: list[str]) -> str:
    return "(" + "".join(f"{owner}.{name}, " for name in names) + ")"


def _compiled(cls: type, head: str, body: list[str], names: dict[str, object]) -> Any:
    """Return the function of `head` and `body`, to which `names` are closures and not globals."""
    name = head[: head.index("(")]
    lines = [f"def write({', '.join(names)}):", f" def {head}:", *(f"  {line}" for line in body), f" return {name}"]
    made: dict[str, Any] = {}
    exec("\n".join(lines), {"__name__": cls.__module__}, made)
    return made["write"](**names)


_WRITERS: dict[str, Callable[[type], Any]] = {
    "__repr__": _write_repr,
    "__eq__": _write_eq,
    "__hash__": _write_hash,
}
