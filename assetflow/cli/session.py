"""What every command shares: the project it is about, how it answers, and where it writes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assetflow.cli.screen import Screen
from assetflow.values import dataclass

if TYPE_CHECKING:
    from assetflow.define.settings import Settings
    from assetflow.project.project import Project


@dataclass(slots=True)
class Session:
    """One invocation of the command line; filled in while its options are read.

    `cwd` is where the user stands: paths that are given belong there, whatever the project's folder.
    """

    screen: Screen
    environ: Mapping[str, str]
    cwd: Path
    directory: str | None = None
    json: bool = False
    verbose: bool = False
    threads_left: bool = False

    @property
    def start(self) -> Path:
        """Where the search for the project begins."""
        return self.cwd / (self.directory or self.environ.get("ASSETFLOW_PROJECT") or ".")

    def settings(self, **overrides: Any) -> Settings:
        """The settings of the project; `overrides` come from options and win."""
        # not at the top: help and version need no settings
        from assetflow.define.settings import find_root, load_settings

        return load_settings(
            find_root(self.start), self.environ, overrides=overrides, overrides_origin="the command line"
        )

    @contextlib.contextmanager
    def project(self, settings: Settings | None = None) -> Iterator[Project]:
        """The project, with its folder as working directory, as its steps and declarations expect."""
        # not at the top: the planner and the executor behind it cost more than a command with nothing to do
        from assetflow.project.project import Project

        project = Project(settings=settings or self.settings(), environ=self.environ)
        os.chdir(project.settings.root)
        try:
            with self.screen.apart(processes=self.json):
                yield project
                for notice in project.catalog.take_notices():
                    self.screen.note(notice.message)
        finally:
            project.close()
            with contextlib.suppress(OSError):  # the folder may be gone by now
                os.chdir(self.cwd)
