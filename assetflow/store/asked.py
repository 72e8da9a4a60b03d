"""What an annotation asks for, told apart without importing the package that the type comes from."""

from __future__ import annotations

import types
import typing
from enum import StrEnum
from typing import Any

from assetflow.errors import FormatError, did_you_mean
from assetflow.model.keys import without_private
from assetflow.values import dataclass


class AskedKind(StrEnum):
    """The families of types a stored value can be loaded as."""

    NATIVE = "native"
    POLARS_FRAME = "polars_frame"
    POLARS_LAZY = "polars_lazy"
    POLARS_SERIES = "polars_series"
    ARROW_TABLE = "arrow_table"
    PANDAS_FRAME = "pandas_frame"
    PANDAS_SERIES = "pandas_series"
    DUCKDB_RELATION = "duckdb_relation"
    PATH = "path"
    BYTES = "bytes"
    TEXT = "text"
    ARRAY = "array"
    MODEL = "model"
    PLAIN = "plain"


FRAME_KINDS = frozenset(
    {
        AskedKind.POLARS_FRAME,
        AskedKind.POLARS_LAZY,
        AskedKind.ARROW_TABLE,
        AskedKind.PANDAS_FRAME,
        AskedKind.DUCKDB_RELATION,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One annotation, understood.

    `type` is the annotation itself, `text` how to name it to the user; `options` are the members of a union,
    in order, when the annotation is one.
    """

    kind: AskedKind
    type: Any
    text: str
    options: tuple[Asked, ...] = ()

    @property
    def is_frame(self) -> bool:
        """Whether several partitions can be read as one value of this type."""
        return self.kind in FRAME_KINDS


# (top-level package, class name): classes are told by name, so that nothing has to be imported to compare
# with
_CLASSES = {
    ("polars", "DataFrame"): AskedKind.POLARS_FRAME,
    ("polars", "LazyFrame"): AskedKind.POLARS_LAZY,
    ("polars", "Series"): AskedKind.POLARS_SERIES,
    ("pyarrow", "Table"): AskedKind.ARROW_TABLE,
    ("pandas", "DataFrame"): AskedKind.PANDAS_FRAME,
    ("pandas", "Series"): AskedKind.PANDAS_SERIES,
    ("duckdb", "DuckDBPyRelation"): AskedKind.DUCKDB_RELATION,
    ("_duckdb", "DuckDBPyRelation"): AskedKind.DUCKDB_RELATION,
    ("numpy", "ndarray"): AskedKind.ARRAY,
    ("pathlib", "Path"): AskedKind.PATH,
    ("pathlib", "PosixPath"): AskedKind.PATH,
    ("pathlib", "WindowsPath"): AskedKind.PATH,
    ("builtins", "bytes"): AskedKind.BYTES,
    ("builtins", "str"): AskedKind.TEXT,
}
_ALIASES = {"pl": "polars", "pa": "pyarrow", "pd": "pandas", "np": "numpy"}
_PLAIN_NAMES = {t.__name__: t for t in (bool, int, float, list, dict, tuple, set, frozenset)}
_NATIVE_NAMES = frozenset({"", "Any", "typing.Any", "object"})


def asked(as_type: object) -> Asked:
    """Understand an annotation: a class, a generic, a union, None or Any for "as it is", or the text of one.

    `FormatError` for text that names nothing known, with the nearest known name.
    """
    if isinstance(as_type, Asked):
        return as_type
    if isinstance(as_type, str):
        return _from_text(as_type.strip())
    if as_type is None or as_type is Any or as_type is object:
        return Asked(kind=AskedKind.NATIVE, type=None, text="Any")
    if isinstance(as_type, typing.NewType):
        return asked(as_type.__supertype__)
    origin = typing.get_origin(as_type)
    if origin is typing.Annotated:
        return asked(typing.get_args(as_type)[0])
    if origin in (typing.Union, types.UnionType):
        options = tuple(asked(option) for option in typing.get_args(as_type))
        return Asked(kind=AskedKind.PLAIN, type=as_type, text=type_name(as_type), options=options)
    # `np.ndarray[...]`: the class tells the family, its arguments are for the type checker
    head = origin if isinstance(origin, type) else as_type
    return Asked(kind=_kind_of(head), type=as_type, text=type_name(as_type))


def partition_items(as_type: object) -> tuple[type, object] | None:
    """(dict, T) for `dict[str, T]` and (list, T) for `list[T]`, as they are used over several partitions."""
    if isinstance(as_type, str):
        return _items_from_text(as_type.strip())
    origin, arguments = typing.get_origin(as_type), typing.get_args(as_type)
    if origin is dict and len(arguments) == 2 and arguments[0] is str:
        return dict, arguments[1]
    if origin is list and len(arguments) == 1:
        return list, arguments[0]
    if as_type is dict or as_type is list:
        return (dict if as_type is dict else list), None
    return None


def type_name(value: object) -> str:
    """How a type is named to a user: `polars.DataFrame`, `dict[str, int]`, `int`."""
    arguments = typing.get_args(value)
    if arguments:
        origin = typing.get_origin(value)
        if origin in (typing.Union, types.UnionType):
            return " | ".join(type_name(each) for each in arguments)
        return f"{type_name(origin)}[{', '.join(type_name(each) for each in arguments)}]"
    if value is type(None):
        return "None"
    if not isinstance(value, type):
        return str(value).replace("typing.", "")
    if value.__module__ in ("builtins", "__main__"):
        return value.__qualname__
    if (own := without_private(value.__module__)) != value.__module__:
        return f"{own}.{value.__qualname__}"
    return f"{value.__module__.split('.')[0].lstrip('_')}.{value.__qualname__}"


def qualified_name(value_type: type) -> str:
    """`module.QualName`, as recorded beside a stored value."""
    return f"{value_type.__module__}.{value_type.__qualname__}"


def _kind_of(value_type: object) -> AskedKind:
    if not isinstance(value_type, type):
        return AskedKind.PLAIN
    for base in value_type.__mro__:
        package = base.__module__.split(".")[0]
        kind = _CLASSES.get((package, base.__name__))
        if kind is not None:
            # a subclass of str or bytes is not what the store would give back
            exact = base is value_type or package != "builtins"
            return kind if exact else AskedKind.PLAIN
        if package == "pydantic" and base.__name__ == "BaseModel":
            return AskedKind.MODEL
    return AskedKind.PLAIN


def _from_text(text: str) -> Asked:
    if text in _NATIVE_NAMES:
        return Asked(kind=AskedKind.NATIVE, type=None, text="Any")
    if text in _PLAIN_NAMES:
        return Asked(kind=AskedKind.PLAIN, type=_PLAIN_NAMES[text], text=text)
    package, _, name = text.rpartition(".")
    package = _ALIASES.get(package, package)
    for (known_package, known_name), kind in _CLASSES.items():
        if name == known_name and package in ("", known_package):
            return Asked(kind=kind, type=None, text=text)
    known = [f"{p}.{n}" for p, n in _CLASSES if not p.startswith("_")] + list(_PLAIN_NAMES)
    raise FormatError(
        f"the annotation `{text}` is text that names no type assetflow can load",
        hint=did_you_mean(text, known) or "import the type at the top of the module, outside `if TYPE_CHECKING:`",
        annotation=text,
    )


def _items_from_text(text: str) -> tuple[type, object] | None:
    head, bracket, rest = text.partition("[")
    if not bracket:
        return {"dict": (dict, None), "list": (list, None)}.get(text)
    inside = rest.rstrip().removesuffix("]").strip()
    if head == "list":
        return list, inside
    key, comma, value = inside.partition(",")
    if head == "dict" and comma and key.strip() == "str":
        return dict, value.strip()
    return None
