"""Hearing which environment variables are looked up, and by which code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assetflow.executor.undeclared.seen import Seen

_BETWEEN = frozenset({"os", "collections", "_collections_abc", "posixpath", "ntpath", "pathlib", "tempfile"})
"""Modules and packages that stand between `os.environ` and who asks; releases of Python divide them differently."""

_look: Callable[[], Seen | None] = lambda: None  # noqa: E731 (a slot that a run fills)


class _Watched(os._Environ):  # type: ignore[type-arg]
    """The environment while a run lasts; it is the same object, with the same content."""

    def __getitem__(self, name: Any) -> Any:
        seen = _look()
        if seen is not None and isinstance(name, str):
            seen.asked(name, *_place())
        return super().__getitem__(name)

    def __setitem__(self, name: Any, value: Any) -> None:
        seen = _look()
        if seen is not None and isinstance(name, str):
            seen.set(name)
        super().__setitem__(name, value)

    def __iter__(self) -> Iterator[Any]:
        seen = _look()
        if seen is not None:
            seen.asked_all(*_place())
        return super().__iter__()


@contextlib.contextmanager
def watched_environment(look: Callable[[], Seen | None]) -> Iterator[None]:
    """Hear of what is looked up in `os.environ`, for the call that `look` gives; nothing where somebody replaced it."""
    global _look
    environ: Any = os.environ
    if type(environ) is not os._Environ:
        yield
        return
    _look = look
    environ.__class__ = _Watched
    try:
        yield
    finally:
        environ.__class__ = os._Environ


def _place() -> tuple[CodeType, int]:
    """Where the environment is asked: the code, and the place in it."""
    frame = sys._getframe(2)
    while frame.f_back is not None and _is_between(str(frame.f_globals.get("__name__"))):
        frame = frame.f_back
    return frame.f_code, frame.f_lasti


def _is_between(module: str) -> bool:
    return module == __name__ or module.partition(".")[0] in _BETWEEN
