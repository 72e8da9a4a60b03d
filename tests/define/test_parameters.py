"""The parameters of a function, read from its code where that says all, are those that `inspect` finds."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from assetflow.define.annotations import parameters_of


class Odd:
    def method(self, a: int, b: str = "x") -> None: ...

    def __call__(self, a: int, *, b: int = 2) -> None: ...


def nothing() -> None: ...
def plain(a, b): ...
def defaults(a, b=1, c=None): ...
def everything(a, /, b, c=3, *rest, d, e=5, f, **more): ...
def only_keywords(*, a, b=(), c): ...
def all_defaults(a=1, /, b=2, *, c=3): ...
def stars(*args, **kwargs): ...
def positional(a, b=1, /): ...
def with_locals(a):
    b = [a]
    return b[0]


def replaced(a, b): ...
def dressed(a, b=1): ...


async def coroutine(a, *, b=1): ...


replaced.__defaults__ = (7,)  # type: ignore[attr-defined]
dressed.__signature__ = inspect.Signature([inspect.Parameter("z", inspect.Parameter.KEYWORD_ONLY)])  # type: ignore[attr-defined]


@functools.wraps(everything)
def wrapper(*args, **kwargs): ...


FUNCTIONS: list[Callable[..., Any]] = [
    nothing, plain, defaults, everything, only_keywords, all_defaults, stars, positional, with_locals, replaced,
    dressed, coroutine, wrapper, lambda a, b=2: a, Odd.method,
    Odd().method, Odd(), functools.partial(everything, 1, d=4),
]  # fmt: skip


@pytest.mark.parametrize("fn", FUNCTIONS, ids=lambda fn: getattr(fn, "__name__", type(fn).__name__))
def test_parameters_are_those_of_the_signature(fn: Callable[..., Any]) -> None:
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    assert [(found.name, found.default, found.variadic) for found in parameters_of(fn)] == [
        (name, parameter.default, parameter.kind in variadic)
        for name, parameter in inspect.signature(fn).parameters.items()
    ]
