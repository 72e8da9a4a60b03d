"""Declarations: `@asset`, `@multi_asset`, `source`, `asset_template` and `Dep`.

A decorator only writes down what was said and hands the function back untouched; `define.resolve` checks everything
together, so that all problems show at once.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import field, replace
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar, overload

from assetflow.errors import UsageError, did_you_mean
from assetflow.model.asset import AssetKind
from assetflow.model.length import positive_length
from assetflow.values import dataclass

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])

ATTRIBUTE = "__assetflow__"

collecting: ContextVar[list[Declaration] | None] = ContextVar("assetflow_collecting", default=None)
"""Where declarations of the module that is being loaded go; None outside of loading."""


@dataclass(frozen=True, slots=True)
class Dep:
    """One input spelled out: which asset, how partitions map, what of it is read.

    `asset` is a key or a declared object; `mapping` a partition mapping or any function `key -> keys`; `columns` the
    only columns the function gets; `partition_column` adds a column with the upstream partition key.
    """

    asset: Any
    mapping: Any = None
    columns: Sequence[str] | None = None
    partition_column: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options that `@asset` takes, as they were given."""

    deps: Sequence[Any] = ()
    inputs: Any = field(default_factory=dict)
    partitions: Any = None
    group: str | None = None
    tags: Mapping[str, str] | Sequence[str] = ()
    owners: Sequence[str] = ()
    description: str | None = None
    freshness: Any = None
    automation: Any = None
    retry: Any = None
    compute: str | None = None
    timeout: Any = None
    memory: Any = None
    priority: Any = 0
    pool: Any = None
    pure: bool = False
    side_effect: bool = False
    unordered: bool = False
    float_tolerance: Any = None
    row_key: Any = None
    batch: Any = None
    adds_partitions: Any = ()
    max_partitions: Any = None
    code_version: str | None = None
    version_of: Sequence[Any] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


NO_OPTIONS = Options()
"""The options of a declaration that gives none."""

OPTION_NAMES = tuple(Options.__dataclass_fields__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One asset that a declaration makes: its key and the options of its own."""

    key: Any
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Declaration:
    """What one decorator or declaring call said; compared by identity."""

    kind: AssetKind
    outputs: tuple[Output, ...]
    options: Options = Options()
    fn: Callable[..., Any] | None = None
    bound: Mapping[str, Any] = field(default_factory=dict)
    can_subset: bool = False
    is_multi: bool = False
    source: Source | None = None
    sql: SqlText | None = None
    file: str | None = None
    line: int | None = None
    module: str | None = None

    @property
    def key(self) -> Any:
        """The key of a declaration with one output."""
        return self.outputs[0].key


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlText:
    """The query of a SQL asset, as text or as a file's path relative to the project; `own_file` means a `.sql` file.

    `columns` are declared types and descriptions of its columns, `macros` functions that only this query may call.
    """

    text: str | None = None
    path: str | None = None
    own_file: bool = False
    columns: Mapping[str, Any] = field(default_factory=dict)
    macros: tuple[Callable[..., Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """How a source is observed and read: files by path or glob, or functions of the user."""

    path: str | None = None
    observe: Callable[..., Any] | None = None
    load: Callable[..., Any] | None = None
    observe_every: timedelta | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SourceAsset:
    """A declared source, to be named in `deps=` or `Dep(...)`."""

    key: str
    __assetflow__: Declaration


def declaration_of(value: object) -> Declaration | None:
    """The declaration that a decorated function, a template binding or a source carries."""
    found = getattr(value, ATTRIBUTE, None)
    return found if isinstance(found, Declaration) else None


@overload
def asset(fn: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def asset(name: str | None = None, /, *, key: str | None = None, **options: Any) -> Callable[[F], F]: ...
def asset(name: Any = None, /, *, key: str | None = None, **options: Any) -> Any:
    """Declare the decorated function as an asset; the function itself is returned, callable as before.

    The key is the function's name unless given. Options: see `Options`. A docstring is the description.
    """
    if callable(name):
        return _declare_function(name, key, _options("asset", options))
    if name is not None and key is not None:
        raise TypeError("asset: the key is given twice, by position and as key=")
    chosen = name if name is not None else key
    checked = _options("asset", options)
    return lambda fn: _declare_function(fn, chosen, checked)


def multi_asset(
    *, outs: Sequence[str] | Mapping[str, Mapping[str, Any] | None], can_subset: bool = False, **options: Any
) -> Callable[[F], F]:
    """Declare the decorated function as the maker of several assets; it returns a dict by key, or a tuple in order.

    `outs` names the keys, each with options of its own (group, tags, owners, description, unordered, row_key,
    metadata). With `can_subset=True` the function may be asked for some only: `context.selected` names them.
    """
    shared = _options("multi_asset", options)
    named = outs if isinstance(outs, Mapping) else dict.fromkeys(outs)
    outputs = []
    for key, own in named.items():
        extra = dict(own or {})
        for option in extra:
            if option not in _OUTPUT_OPTIONS:
                raise TypeError(
                    f"multi_asset: output {key!r} has an unknown option {option!r}; "
                    f"{did_you_mean(option, _OUTPUT_OPTIONS) or 'known are ' + ', '.join(_OUTPUT_OPTIONS)}"
                )
        outputs.append(Output(key=key, options=extra))
    if not outputs:
        raise TypeError("multi_asset: outs is empty")

    def decorate(fn: F) -> F:
        declaration = Declaration(
            kind=AssetKind.PYTHON,
            outputs=tuple(outputs),
            options=shared,
            fn=fn,
            can_subset=can_subset,
            is_multi=True,
            **_place(fn),
        )
        return _attach(fn, declaration)

    return decorate


_OUTPUT_OPTIONS = (
    "group", "tags", "owners", "description", "unordered", "row_key", "metadata", "freshness", "automation",
)  # fmt: skip


def source(
    key: str,
    *,
    path: str | None = None,
    observe: Callable[..., Any] | None = None,
    load: Callable[..., Any] | None = None,
    observe_every: timedelta | str | None = None,
    partitions: Any = None,
    group: str | None = None,
    tags: Mapping[str, str] | Sequence[str] = (),
    owners: Sequence[str] = (),
    description: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> SourceAsset:
    """Declare data that somebody else writes: observed for changes, never materialized.

    `path` is a file or a glob relative to the project (`{partition}` in it stands for the partition key). For anything
    else, `observe()` returns a version (any text) and `load()` the value; `assetflow up` asks it every `observe_every`,
    a minute without it, and looks at files all the time.
    """
    every = None if observe_every is None else positive_length(observe_every, f"source({key!r}): observe_every")
    if every is None and observe is not None:
        every = timedelta(minutes=1)
    frame = sys._getframe(1)
    declaration = Declaration(
        kind=AssetKind.SOURCE,
        outputs=(Output(key=key),),
        options=Options(
            partitions=partitions, group=group, tags=tags, owners=owners, description=description,
            metadata=metadata or {},
        ),
        source=Source(path=path, observe=observe, load=load, observe_every=every),
        file=frame.f_code.co_filename,
        line=frame.f_lineno,
        module=frame.f_globals.get("__name__"),
    )  # fmt: skip
    register(declaration)
    return SourceAsset(key, declaration)


class AssetTemplate:
    """One function that makes several assets: each `bind` gives it a key and values for some of its parameters."""

    def __init__(self, fn: Callable[..., Any], options: Options) -> None:
        self._fn = fn
        self._options = options
        self._parameters = tuple(inspect.signature(fn).parameters)

    def bind(self, key: str, /, **values: Any) -> Callable[..., Any]:
        """An asset with this key; keywords are values of parameters, or asset options where no parameter is called so.

        The values are config: they can be overridden by `-p key.name=value`, and a changed one makes the asset stale.
        """
        bound = {name: value for name, value in values.items() if name in self._parameters}
        options = {name: value for name, value in values.items() if name not in bound}
        for name in options:
            if name not in OPTION_NAMES:
                known = (*self._parameters, *OPTION_NAMES)
                raise TypeError(
                    f"bind({key!r}): {self._fn.__name__} has no parameter {name!r}; "
                    f"{did_you_mean(name, known) or 'it has ' + ', '.join(self._parameters)}"
                )
        frame = sys._getframe(1)
        partial = functools.partial(self._fn, **bound)
        declaration = Declaration(
            kind=AssetKind.PYTHON,
            outputs=(Output(key=key),),
            options=replace(self._options, **options),
            fn=self._fn,
            bound=bound,
            file=frame.f_code.co_filename,
            line=frame.f_lineno,
            module=frame.f_globals.get("__name__"),
        )
        return _attach(partial, declaration)


def asset_template(fn: Callable[..., Any], /, **options: Any) -> AssetTemplate:
    """A template for assets that share `fn`; `options` are asset options common to all bindings."""
    if not callable(fn):
        raise UsageError(f"asset_template: {fn!r} is not a function")
    return AssetTemplate(fn, _options("asset_template", options))


def _options(caller: str, given: Mapping[str, Any]) -> Options:
    for name in given:
        if name not in OPTION_NAMES:
            raise TypeError(
                f"{caller}: unknown option {name!r}; "
                f"{did_you_mean(name, OPTION_NAMES) or 'known are ' + ', '.join(OPTION_NAMES)}"
            )
    return Options(**given) if given else NO_OPTIONS


def _declare_function(fn: F, key: str | None, options: Options) -> F:
    if not callable(fn):
        raise TypeError(f"asset: {fn!r} is not a function")
    name = key if key is not None else getattr(fn, "__name__", None)
    declaration = Declaration(kind=AssetKind.PYTHON, outputs=(Output(key=name),), options=options, fn=fn, **_place(fn))
    return _attach(fn, declaration)


def _place(fn: Callable[..., Any]) -> dict[str, Any]:
    inner = inspect.unwrap(fn)
    code = getattr(inner, "__code__", None)
    if code is None:
        return {"module": getattr(fn, "__module__", None)}
    return {"file": code.co_filename, "line": code.co_firstlineno, "module": fn.__module__}


def _attach(fn: F, declaration: Declaration) -> F:
    try:
        setattr(fn, ATTRIBUTE, declaration)
    except AttributeError:
        raise TypeError(f"asset: {fn!r} cannot be declared; wrap it in a function") from None
    register(declaration)
    return fn


def register(declaration: Declaration) -> None:
    """Note a declaration for the file that is being loaded, if one is."""
    target = collecting.get()
    if target is not None:
        target.append(declaration)
