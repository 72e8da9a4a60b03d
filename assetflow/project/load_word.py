"""One word for two things: making a project, and reading a value of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from assetflow.project.project import Project


class Load:
    """`Project.load(path)` makes a project; `project.load(asset)` reads a value. One word, both as documented."""

    @overload
    def __get__(self, instance: None, owner: type[Project]) -> Callable[..., Project]: ...
    @overload
    def __get__(self, instance: Project, owner: type[Project]) -> Callable[..., Any]: ...
    def __get__(self, instance: Project | None, owner: type[Project]) -> Callable[..., Any]:
        return owner.at if instance is None else instance.value
