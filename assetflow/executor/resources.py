"""Resources of a run: one instance per class, opened at first use, closed in reverse order."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from assetflow.errors import UsageError


class ResourcePool:
    """Holds the resources of one run; safe to ask from several workers at once."""

    def __init__(self, declared: Sequence[Any] = ()) -> None:
        self._declared = tuple(declared)
        self._opened: dict[Any, Any] = {}
        self._order: list[Any] = []
        self._lock = threading.Lock()

    def get(self, kind: Any) -> Any:
        """The open resource of a class: a declared instance, or one made with its defaults."""
        with self._lock:
            if kind not in self._opened:
                instance = next((item for item in self._declared if isinstance(item, kind)), None)
                if instance is None:
                    instance = self._make(kind)
                instance.open()
                self._opened[kind] = instance
                self._order.append(instance)
            return self._opened[kind]

    def close(self) -> list[BaseException]:
        """Close what was opened, latest first; errors are returned, since one must not keep the others open."""
        errors: list[BaseException] = []
        with self._lock:
            while self._order:
                try:
                    self._order.pop().close()
                except Exception as error:
                    errors.append(error)
            self._opened.clear()
        return errors

    @staticmethod
    def _make(kind: Any) -> Any:
        try:
            return kind()
        except Exception as error:
            raise UsageError(
                f"resource `{kind.__name__}` was not declared and cannot be made with defaults: {error}",
                hint=f"declare one at the top of an asset file, for example `client = {kind.__name__}(...)`",
            ) from error
