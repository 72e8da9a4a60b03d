"""The project: everything a user can ask of one, for the command line, for scripts and for notebooks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assetflow.catalog.catalog import Catalog
from assetflow.catalog.rows import FoldReport, HistoryRow, QueryResult, RunRow, StepRow
from assetflow.define.declare import Declaration
from assetflow.define.load import declarations_in
from assetflow.define.modules import ModuleSpace
from assetflow.define.settings import Settings, find_root, load_settings, parse_setting
from assetflow.errors import CatalogUnwritableError, UsageError, ValueNotFoundError
from assetflow.executor.cancel import Cancel
from assetflow.executor.result import RunResult
from assetflow.graph.graph import AssetGraph
from assetflow.model.clock import Clock, SystemClock, to_text
from assetflow.model.keys import show
from assetflow.model.plan import Plan
from assetflow.model.record import Current, Partition, Snapshot
from assetflow.planner.universe import Universe
from assetflow.project.accept import accept
from assetflow.project.canceling import cancel_run
from assetflow.project.diff import diff
from assetflow.project.dynamic import add_partitions, partitions, remove_partitions
from assetflow.project.facts import metadata
from assetflow.project.handle import RunHandle, amaterialize, start
from assetflow.project.listing import AssetListing, ProjectFacts, list_assets, overdue_assets
from assetflow.project.load_word import Load
from assetflow.project.loaded import LoadedProject, check_assets, declared_project, load_project, module_space
from assetflow.project.planning import Planned, look_over
from assetflow.project.query_check import checked_request
from assetflow.project.recorded import check_recorded, lineage
from assetflow.project.recovery import recover
from assetflow.project.request import Ask, selections_of, targets_of
from assetflow.project.sql_columns import fold_definitions
from assetflow.project.tick import Watching
from assetflow.project.values import load_published
from assetflow.project.verified import determinism
from assetflow.project.versions import rollback
from assetflow.store import LocalStore

if TYPE_CHECKING:
    from assetflow.executor.backends.pool import ProcessPool
    from assetflow.executor.run import Subscriber


class Project:
    """A project: its definitions, its catalog and its store.

    `Project.load(".")` finds the project of a folder; `Project(assets=[...])` makes one of declared objects. Usable as
    a context manager; closing twice is fine.
    """

    load = Load()
    start = start
    amaterialize = amaterialize
    partitions = partitions
    add_partitions = add_partitions
    remove_partitions = remove_partitions
    diff = diff
    lineage = lineage
    metadata = metadata
    rollback = rollback
    accept = accept
    determinism = determinism
    recover = recover

    def __init__(
        self,
        assets: Sequence[Any] | None = None,
        *,
        root: str | Path = ".",
        settings: Settings | None = None,
        clock: Clock | None = None,
        environ: Mapping[str, str] | None = None,
        resources: Sequence[Any] = (),
        **overrides: Any,
    ) -> None:
        self.environ = os.environ if environ is None else environ
        if settings is None:
            settings = load_settings(Path(root).resolve(), self.environ, overrides=overrides)
        self.settings = settings
        self.clock: Clock = SystemClock() if clock is None else clock
        self._assets: list[Declaration] | None = None if assets is None else declarations_in(assets)
        self._resources = tuple(resources)
        self._loaded: LoadedProject | None = None
        self.space: ModuleSpace | None = None
        self.store = LocalStore(settings.catalog_root / "store")
        self.handles: list[RunHandle] = []
        self.catalog = Catalog(settings.catalog_root, store_root=settings.catalog_root / "store")

    @classmethod
    def at(
        cls,
        path: str | Path = ".",
        *,
        clock: Clock | None = None,
        environ: Mapping[str, str] | None = None,
        **overrides: Any,
    ) -> Project:
        """The project of a folder, found there or above; keywords override settings."""
        used = os.environ if environ is None else environ
        settings = load_settings(find_root(Path(path)), used, overrides=overrides)
        return cls(settings=settings, clock=clock, environ=used)

    @cached_property
    def processes(self) -> ProcessPool:
        """The worker processes of its runs."""
        # not at the top: whoever only looks loads nothing of what runs
        from assetflow.executor.backends.pool import ProcessPool

        return ProcessPool(lambda everywhere: self.loaded.blueprint(everywhere))

    # --- definitions -----------------------------------------------------------------------------------------

    @property
    def is_declared(self) -> bool:
        """Whether its assets were given as objects, not found in files."""
        return self._assets is not None

    @property
    def loaded(self) -> LoadedProject:
        """The definitions, loaded once; DefinitionError with every problem."""
        if self._loaded is None:
            if self._assets is None:
                self.space = module_space(self.settings)
                self._loaded = load_project(self.settings, self.environ, self.space)
            else:
                self._loaded = declared_project(self.settings, self._assets, self._resources, self.environ)
        return self._loaded

    @property
    def graph(self) -> AssetGraph:
        """The graph of all declared assets."""
        return self.loaded.graph

    def reload(self) -> None:
        """Forget the definitions; the next question loads them anew."""
        if self._loaded is not None and self._loaded.space is not None:
            self._loaded.space.close()
        self._loaded = None

    # --- plan ------------------------------------------------------------------------------------------------

    def plan(
        self,
        selection: str | Sequence[str] | None = None,
        *,
        partitions: str | Sequence[str] | None = None,
        first: str | None = None,
        last: str | None = None,
        only: bool = False,
        force: bool = False,
        freshness: bool = True,
        config: Mapping[str, Mapping[str, Any]] | None = None,
        environment: str | None = None,
    ) -> Plan:
        """What `materialize` with the same arguments would do, and why; writes nothing."""
        ask = Ask(
            selection=selections_of(selection), partitions=selections_of(partitions, what="partition"),
            first=first, last=last, only=only, force=force, freshness=freshness, config=config or {},
        )  # fmt: skip
        return checked_request(self, ask, environment).plan

    def planned(self, ask: Ask, environment: str | None = None) -> Planned:
        """The plan of a request together with what it was made from."""
        return replace(checked_request(self, ask, environment), notices=self.catalog.take_notices())

    def facts(self, ask: Ask, environment: str | None) -> ProjectFacts | None:
        """What `status:` and `changed:` in a selection are answered from; None when nothing asks."""
        if not any("status:" in text or "changed:" in text for text in ask.selection):
            return None
        planned = look_over(self, Ask(config=ask.config), environment)
        return ProjectFacts(planned.plan, self.last_failed(), overdue_assets(planned))

    def last_failed(self) -> frozenset[str]:
        """The assets whose latest step failed."""
        if not self.settings.catalog_root.is_dir() or not self.catalog.runs(1):
            return frozenset()
        rows = self.query(
            "select asset from steps where status not in ('pending', 'running') group by asset, partition "
            "having arg_max(status, (coalesce(finished_at, started_at), run_id)) = 'failed'"
        )
        return frozenset(row["asset"] for row in rows)

    # --- run -------------------------------------------------------------------------------------------------

    def materialize(
        self,
        selection: str | Sequence[str] | None = None,
        *,
        partitions: str | Sequence[str] | None = None,
        first: str | None = None,
        last: str | None = None,
        only: bool = False,
        force: bool = False,
        freshness: bool = True,
        config: Mapping[str, Mapping[str, Any]] | None = None,
        environment: str | None = None,
        workers: int | None = None,
        executor: str | None = None,
        fail_fast: bool = False,
        verify_determinism: bool = False,
        seed: int | None = None,
        on_event: Sequence[Subscriber] = (),
        cancel: Cancel | None = None,
    ) -> RunResult:
        """Bring what is selected up to date, and everything it needs; blocks until the run has ended.

        `partitions` are keys, `first..last` or globs; `first` and `last` a range, both included. What fails is in the
        result; only what makes a run impossible is raised, and KeyboardInterrupt after Ctrl-C, when the run has ended
        in order. `verify_determinism` calls each function twice and records what differs; `seed` shuffles
        ready steps of equal priority, to show that nothing rests on their order. `start` does not block.
        """
        ask = Ask(
            selection=selections_of(selection), partitions=selections_of(partitions, what="partition"),
            first=first, last=last, only=only, force=force, freshness=freshness, config=config or {},
        )  # fmt: skip
        self.recover()
        planned = self.planned(ask, environment)
        return self.run_planned(
            planned, workers=workers, executor=executor, fail_fast=fail_fast, verify=verify_determinism,
            seed=seed, on_event=on_event, cancel=cancel,
        )  # fmt: skip

    def run_planned(
        self,
        planned: Planned,
        *,
        workers: int | None = None,
        executor: str | None = None,
        fail_fast: bool = False,
        verify: bool = False,
        seed: int | None = None,
        on_event: Sequence[Subscriber] = (),
        cancel: Cancel | None = None,
        echo: Callable[[dict[str, Any]], None] | None = None,
        notify: Callable[[str], None] = lambda _text: None,
        parent_run: str | None = None,
    ) -> RunResult:
        """Carry out a plan that was made a moment ago; one without steps makes no run."""
        # not at the top: whoever only looks loads nothing of what runs
        from assetflow.executor.run import RunOptions
        from assetflow.executor.subscribers import subscribers_of
        from assetflow.project.running import carry_out, mark_fresh

        if workers is not None and (type(workers) is not int or workers < 1):
            raise UsageError(f"{workers!r} workers cannot run anything", hint="use a whole number, 1 or more")
        subscribers = subscribers_of(on_event)
        if planned.plan.is_empty:
            now = to_text(self.clock.now())
            return mark_fresh(self, planned, now)
        options = RunOptions(
            workers=workers or self.settings.worker_count, fail_fast=fail_fast, verify=verify,
            seed=seed, subscribers=subscribers,
            executor=self.settings.executor if executor is None else parse_setting("executor", executor),
            cancel=Cancel() if cancel is None else cancel,
        )  # fmt: skip
        with options.cancel.on_interrupt():
            return carry_out(self, planned, options, echo=echo, notify=notify, parent_run=parent_run)

    def watch(self, selection: str | Sequence[str] | None = None, **options: Any) -> Watching:
        """Bring what is selected up to date, and again at every change of code, settings or sources: a `Tick` each.

        Options: `only`, `freshness`, `config`, `environment`, `workers` and `fail_fast` as for `materialize`; `check`
        to plan only; `debounce`, the seconds without a change after which a batch is answered; `poll` for file systems
        without notifications.
        """
        # by its name: it stands a row above, and only who watches loads it
        watching: Watching = import_module("assetflow.watch.library").watch(self, selection, **options)
        return watching

    def cancel(self, run_id: str, *, kill: bool = False) -> RunRow:
        """End a run that goes on, in another process or thread, by asking or by SIGKILL; the run once it has ended."""
        return cancel_run(self, run_id, kill=kill)

    # --- questions -------------------------------------------------------------------------------------------

    def value(
        self,
        asset: str,
        *,
        partition: str | None = None,
        as_type: Any = None,
        at: str | datetime | None = None,
        environment: str | None = None,
    ) -> Any:
        """What is published for an asset (partition), or was `at` a run id, a materialization id or an instant.

        A partitioned asset without `partition` is loaded whole: the union of a frame type, or a dict by key.
        """
        check_assets(self.graph, [asset])
        if partition is not None and partition not in self.snapshot(environment).current.get(asset, {}):
            self.universe(environment).check_partition(asset, partition)  # one that is gone can still be read
        return load_published(self, asset, partition, as_type, at, environment)

    def snapshot(self, environment: str | None = None) -> Snapshot:
        """The catalog as it is now, for one environment."""
        name = environment or self.settings.environment
        return self.catalog.snapshot(name, parents=() if name == "prod" else ("prod",))

    def universe(self, environment: str | None = None) -> Universe:
        """The asset partitions that are there now."""
        return Universe(self.graph, as_of=self.clock.now(), dynamic=self.snapshot(environment).dynamic)

    def current(self, asset: str, partition: Partition = None, *, environment: str | None = None) -> Current:
        """The published materialization of an asset partition; ValueNotFoundError when there is none."""
        check_assets(self.graph, [asset])
        found = self.snapshot(environment).current.get(asset, {}).get(partition)
        if found is None:
            raise ValueNotFoundError(
                f"`{show(asset, partition)}` was never materialized", hint=f"run `assetflow materialize {asset}`"
            )
        return found

    def assets(
        self, selection: str | Sequence[str] | None = None, *, environment: str | None = None
    ) -> list[AssetListing]:
        """The selected assets (all without a selection) with their verdicts."""
        planned = look_over(self, Ask(), environment)
        chosen = self.select(selection, environment=environment)
        return list_assets(self.graph, planned, chosen)

    def select(
        self, selection: str | Sequence[str] | None = None, *, environment: str | None = None
    ) -> tuple[str, ...]:
        """The keys a selection means, ascending; all without one."""
        ask = Ask(selection=selections_of(selection))
        universe = self.universe(environment)
        return tuple(sorted(targets_of(ask, self.graph, universe, self.facts(ask, environment))))

    def query(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> list[dict[str, Any]]:
        """The rows of a SQL query over the catalog (`lineage`, `materializations`, `data.<asset>`, …), as dicts."""
        result = self.query_table(sql, params)
        return [dict(zip(result.columns, row, strict=True)) for row in result.rows]

    def query_table(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> QueryResult:
        """The same with column names and types."""
        self._sync_if_writable()
        return self.catalog.query(sql, params)

    def history(self, asset: str, partition: str | None = None, *, limit: int | None = None) -> list[HistoryRow]:
        """Every materialization of an asset (partition), newest first."""
        check_recorded(self, asset, partition)
        return self.catalog.history(asset, partition, limit=limit)

    def runs(self, limit: int | None = None) -> list[RunRow]:
        """The runs, newest first; those of dead processes are marked first."""
        self.recover()
        return self.catalog.runs(limit)

    def run(self, run_id: str) -> tuple[RunRow, list[StepRow]]:
        """One run by its id or the beginning of one, with its steps."""
        self.recover()
        row = self.catalog.run(run_id)
        return row, self.catalog.steps(row.run_id)

    def rebuild_catalog(self) -> FoldReport:
        """Make `catalog.duckdb` anew from the log."""
        report = self.catalog.rebuild()
        self.sync_catalog()
        return report

    def sync_catalog(self) -> FoldReport:
        """Fold what is pending into `catalog.duckdb`, with the definitions as they are now."""
        return fold_definitions(self)

    def _sync_if_writable(self) -> None:
        """Show the definitions as they are, where the catalog can be written; what was folded is there anyway."""
        with contextlib.suppress(CatalogUnwritableError):
            self.catalog.keep_notices(self.sync_catalog().notices)

    def close(self) -> None:
        """Cancel runs that were started, end the worker processes, let go of the catalog; usable again afterwards."""
        for handle in self.handles:
            handle.cancel()
        for handle in self.handles:
            handle.wait()
        self.handles.clear()
        if "processes" in vars(self):
            self.processes.close()
        self.catalog.close()

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<assetflow project at {self.settings.root}>"
