"""A worker: loads the project as it is now, plans, runs, says what happens, and ends.

It serves one order and is never used again, so nothing of an older project can survive in it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from assetflow.catalog.catalog import Catalog
from assetflow.define.settings import load_settings
from assetflow.errors import AssetflowError, DefinitionError, InternalError, ProjectNotFoundError, RunError
from assetflow.executor.cancel import Cancel
from assetflow.garbage import uncollected
from assetflow.model.event import Event, StepFinished
from assetflow.model.version import fingerprint
from assetflow.planner.dependencies import dependencies_text
from assetflow.project import planning
from assetflow.project.code_versions import OUTDATED
from assetflow.project.project import Project
from assetflow.project.stamp_request import until_ns
from assetflow.watch.difference import difference
from assetflow.watch.messages import (
    Broken,
    Drop,
    Echoed,
    Ended,
    FromWorker,
    Go,
    Heard,
    Imported,
    Loaded,
    Noted,
    Order,
    Planned,
    Prepare,
    Stop,
)
from assetflow.watch.places import place_in, told_when_slow
from assetflow.watch.reach import installed_folders, scope_of_loaded, scope_of_project, scope_of_settings
from assetflow.watch.signals import interrupt_main

TRIES = 5
"""How often a project is loaded whose files change meanwhile; after that the next change begins again."""

LEFT = 4.0
"""Seconds after a cancel in which a run has to have ended, before the process does."""


def serve(descriptor: int) -> None:
    """Carry out the one order that comes through a connection, and end the process."""
    worker = Worker(Connection(descriptor))
    code = 1
    try:
        code = worker.serve()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # steps that were canceled may still compute in threads that nobody waits for


class Worker:
    """One order from its beginning to its end."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._lock = threading.Lock()
        self._go = threading.Event()
        self._stopped = False
        self._cancel = Cancel()
        self._in_run = False
        self._catalog: Catalog | None = None
        self._known = frozenset(sys.modules)

    def serve(self) -> int:
        """Wait for the order and carry it out; the exit code of the process."""
        try:
            order = self.connection.recv()
            if isinstance(order, Prepare):
                self._prepare(order.order)
                order = self.connection.recv()
        except (EOFError, OSError, KeyboardInterrupt):
            return 0
        if not isinstance(order, Order):
            return 0  # not needed any more
        threading.Thread(target=self._listen, name="assetflow-watch-orders", daemon=True).start()
        try:
            self._carry_out(order)
        except KeyboardInterrupt as error:
            if not self._stopped:  # nobody asked: it came out of a module
                self.say(Broken(error=_interrupt(error, order.root)))
        except AssetflowError as error:
            self.say(Broken(error=error))
        except Exception as error:  # whatever is wrong here is told, and is not the end of the watch
            self.say(Broken(error=_unexpected(error)))
        return 0

    def _prepare(self, order: Order) -> None:
        """Open the catalog, which takes longer than all else; what is asked of it later is asked anew."""
        if order.root.is_dir():
            with contextlib.suppress(Exception):  # whatever is wrong is told when the order comes
                project = _project(order)
                if project.settings.catalog_root.is_dir():
                    project.snapshot()
                    self._catalog = project.catalog

    def say(self, message: FromWorker) -> None:
        """Send a message; to nobody once the watch is gone."""
        try:
            data = pickle.dumps(message)
        except Exception as error:  # what a user's object raises when it is pickled
            data = pickle.dumps(Noted(text=f"a message of the worker cannot be sent: {error}"))
        with self._lock, contextlib.suppress(OSError):
            self.connection.send_bytes(data)

    def _listen(self) -> None:
        """Hear what comes after the order; a closed connection means to stop, too."""
        while True:
            try:
                message = self.connection.recv()
            except (EOFError, OSError):
                message = Stop()
            if isinstance(message, Go):
                self._go.set()
                continue
            if isinstance(message, Drop):
                if self._cancel.drop(message.assets):
                    interrupt_main()
                continue
            self._stopped = True
            self._go.set()
            self._cancel.ask()
            if not self._in_run or self._cancel.in_body:
                interrupt_main()  # elsewhere a run ends in order by itself, and tells what it came to
            time.sleep(LEFT)
            os._exit(1)

    # --- the order -------------------------------------------------------------------------------------------

    def _carry_out(self, order: Order) -> None:
        try:
            os.chdir(order.root)
        except OSError as error:
            raise ProjectNotFoundError(
                f"the project folder `{order.root}` cannot be entered: {error.strerror}",
                hint="the watch goes on when it is there again",
            ) from error
        project = _project(order)
        if self._catalog is not None and self._catalog.root == project.catalog.root:
            project.catalog = self._catalog
        with contextlib.closing(project):
            slow = told_when_slow(lambda text: self.say(Noted(text=text)), order.root)
            with slow, uncollected():  # what is loaded and planned stays for as long as this process
                planned = self._plan(project, order)
                gc.freeze()
            if order.hold:
                self._go.wait()
                if self._stopped:
                    return
                planned = self._plan_again(project, order)
            self._tell_imports()
            if order.check:
                self.say(Ended(result=None))
                return
            self._run(project, planned, order)
            self._tell_imports()

    def _plan(self, project: Project, order: Order) -> planning.Planned:
        """Load and plan; a file that is saved in the middle of it makes a new beginning, a few times at most."""
        for left in reversed(range(TRIES)):
            try:
                self._load(project)
                return self._plan_again(project, order, held=order.hold)
            except DefinitionError as error:
                if not left or any(problem.slug != OUTDATED for problem in error.problems):
                    raise
                project.reload()
        raise AssertionError

    def _load(self, project: Project) -> None:
        scope = scope_of_settings(project.settings)
        try:
            loaded = project.loaded
        except AssetflowError:
            self.say(Loaded(scope=scope | scope_of_project(project)))
            raise
        scope = scope | scope_of_project(project) | scope_of_loaded(loaded)
        self.say(Loaded(scope=scope, assets=len(loaded.graph.keys)))

    def _plan_again(self, project: Project, order: Order, *, held: bool = False) -> planning.Planned:
        if not order.check:
            for run_id in project.recover():
                self.say(Noted(text=f"run {run_id} was interrupted; its finished steps count"))
        planned = project.planned(order.ask)
        until = until_ns(planned.universe, planned.plan, planned.basis)
        self.say(
            Planned(
                plan=planned.plan,
                worth=worth(planned),
                until=None if until is None else until / 1e9,
                notices=tuple(notice.message for notice in planned.notices),
                workers=order.workers or project.settings.worker_count,
                held=held,
            )
        )
        return planned

    def _run(self, project: Project, planned: planning.Planned, order: Order) -> None:
        before = planned.basis.snapshot.current

        def hear(event: Event) -> None:
            found = None
            if isinstance(event, StepFinished):
                found = difference(event, before.get(event.asset, {}).get(event.partition))
            self.say(Heard(event=event, difference=found))

        self._in_run = True
        result = project.run_planned(
            planned,
            workers=order.workers,
            fail_fast=order.fail_fast,
            on_event=[hear],
            cancel=self._cancel,
            echo=lambda line: self.say(Echoed(line=line)),
            notify=lambda text: self.say(Noted(text=text)),
        )
        self.say(Ended(result=result, until=self._overdue_from(project, planned)))

    def _overdue_from(self, project: Project, planned: planning.Planned) -> float | None:
        """When the first freshness policy runs out, now that the plan is carried out."""
        specs = planned.basis.graph.specs
        if not any(specs[asset].freshness is not None for asset in planned.plan.verdicts):
            return None
        after = replace(planned.basis, snapshot=project.snapshot(planned.plan.environment))
        until = until_ns(planned.universe, planned.plan, after)
        return None if until is None else until / 1e9

    def _tell_imports(self) -> None:
        """Name the installed modules that came in since the start, so that the next worker has them already."""
        folders = tuple(folder + os.sep for folder in installed_folders())
        found = []
        for name, module in list(sys.modules.items()):
            if name in self._known:
                continue
            file = getattr(module, "__file__", None)
            if name.startswith("assetflow.") or (isinstance(file, str) and file.startswith(folders)):
                found.append(name)
        if found:
            self._known = frozenset({*self._known, *found})
            self.say(Imported(modules=tuple(found)))


def _project(order: Order) -> Project:
    settings = load_settings(order.root, order.environ, overrides=order.settings, overrides_origin="the watch")
    return Project(settings=settings, environ=order.environ, clock=order.clock)


def worth(planned: planning.Planned) -> Mapping[str, str]:
    """For each asset that the plan looks at a hash of everything declared or observed that decides its value.

    Its own code, config and dependencies, and the same of everything upstream, down to what its sources hold.
    """
    graph, basis = planned.basis.graph, planned.basis
    found: dict[str, str] = {}
    for asset in graph.order:
        observed = basis.snapshot.observations.get(asset, {})
        own: list[Any] = sorted((str(part), seen.data_version) for part, seen in observed.items())
        versions = basis.versions.get(asset)
        if versions is not None:
            own = [versions.code.version, versions.config_version, dependencies_text(planned.universe, asset)]
        inputs = sorted(found[key] for key in graph.specs[asset].upstreams if key in found)
        found[asset] = fingerprint("worth", own, inputs)
    return {asset: found[asset] for asset in planned.plan.verdicts}


def _interrupt(error: KeyboardInterrupt, root: Path) -> RunError:
    return RunError(f"KeyboardInterrupt was raised while the project was loaded{place_in(error.__traceback__, root)}")


def _unexpected(error: Exception) -> InternalError:
    text = " ".join(str(error).split())
    return InternalError(
        f"something went wrong inside assetflow: {type(error).__name__}: {text}",
        hint="this is a bug in assetflow; please report it with the traceback that `-v` shows",
        traceback=traceback.format_exc(),
    )
