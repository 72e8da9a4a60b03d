"""Carrying out a plan in a project: the run's log, its captured output, folding beside it, and the stamp."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from assetflow import __version__
from assetflow.catalog.log import LogWriter
from assetflow.define.annotations import strip_optional
from assetflow.define.config_values import SECRET
from assetflow.define.definitions import Role
from assetflow.define.settings import PREFIX
from assetflow.errors import CatalogError
from assetflow.executor.backends.lanes import Lane, lane_of
from assetflow.executor.body import Worker
from assetflow.executor.capture import Capture
from assetflow.executor.masking import Masker, default_secrets, secrets_in
from assetflow.executor.resources import ResourcePool
from assetflow.executor.result import RunResult
from assetflow.executor.run import Run, RunOptions, Setting
from assetflow.executor.undeclared.seen import installed as watching_installed
from assetflow.model.clock import to_text
from assetflow.model.event import Event, Observed, RunStarted
from assetflow.model.keys import materialization_id
from assetflow.model.plan import Plan, Verdict
from assetflow.model.record import Observation, Partition, RunStatus
from assetflow.project.folder import output_path, working_folder
from assetflow.project.openlineage import reporter_of
from assetflow.project.planning import Planned, plan_again
from assetflow.project.process import new_run_id, this_process
from assetflow.project.sql_columns import asset_rows
from assetflow.project.stamp import request_words, stamp_path, stats_of, write_stamp
from assetflow.project.stamp_request import catalog_state, definition_files, source_places, until_ns
from assetflow.project.undeclared import told, undeclared_of

STAMPED = 100_000
"""Above so many asset partitions no stamp is written."""

if TYPE_CHECKING:
    from pathlib import Path

    from assetflow.project.project import Project


def carry_out(
    project: Project,
    planned: Planned,
    options: RunOptions,
    *,
    echo: Callable[[dict[str, Any]], None] | None,
    notify: Callable[[str], None],
    parent_run: str | None,
) -> RunResult:
    """One run from its first log line to the fold after its last."""
    loaded, settings = project.loaded, project.settings
    _check_processes(project, planned.plan, options.executor)
    now = project.clock.now()
    run_id = new_run_id(now)
    is_overtaken = project.catalog.log_sizes() != planned.log_sizes
    log = project.catalog.open_log(run_id)
    planned, observed = _numbered(planned, run_id, to_text(now))
    capture = _capture(project, planned, run_id, echo)
    request = project.catalog.cancel_request(run_id)
    claims = project.catalog.claims(news=is_overtaken)
    setting = Setting(
        basis=planned.basis,
        definitions=loaded.definitions,
        worker=_worker(project, capture),
        log=log,
        clock=project.clock,
        config=planned.configs,
        config_shown=_shown_config(project, planned),
        texts=capture.masker.texts(loaded.code_texts),
        tick=lambda: _beside(project, log),
        notify=lambda text: notify(capture.masker.text(text)),
        first_materialization=len(observed),
        preamble=observed,
        max_partitions=settings.max_partitions,
        claims=claims,
        is_canceled=request.is_made,
        pools=settings.pools,
        look=lambda: project.snapshot(planned.plan.environment),
        replan=lambda: plan_again(project, planned),
        pool=project.processes,
        undeclared=undeclared_of(project, planned),
    )
    reporter = reporter_of(project, lambda: asset_rows(project, planned.configs)[0])
    if reporter is not None:
        options = replace(options, subscribers=(*options.subscribers, reporter))
    with working_folder(settings.root), capture.installed(), watching_installed():
        try:
            result = Run(planned.plan, setting, options, _started(planned, run_id, to_text(now), parent_run)).execute()
        finally:
            log.close()
            claims.close()
            request.clear()
            if reporter is not None and (lost := reporter.close()) is not None:
                notify(lost)
    result = told(result, notify)
    rows, digest = asset_rows(project, planned.configs)  # columns are known of what was published just now
    for notice in project.catalog.fold(rows, digest=digest).notices:
        notify(notice.message)
    return result


def _check_processes(project: Project, plan: Plan, executor: str) -> None:
    """Whether the steps that run in processes can get there shows before anything runs."""
    loaded = project.loaded
    names = {loaded.graph.specs[step.asset].computation for step in plan.steps}
    found = (loaded.definitions.computations[name] for name in names)
    if any(lane_of(computation, executor) is Lane.PROCESS for computation in found):
        project.processes.blueprint(everywhere=executor == Lane.PROCESS)


def _capture(project: Project, planned: Planned, run_id: str, echo: Callable[[dict[str, Any]], None] | None) -> Capture:
    definitions, settings = project.loaded.definitions, project.settings
    secrets = [
        *secrets_in([[config.arguments for config in planned.configs.values()], definitions.resources]),
        *(
            secret
            for computation in definitions.computations.values()
            for parameter in computation.parameters
            if parameter.role is Role.RESOURCE
            for secret in default_secrets(strip_optional(parameter.annotation))
        ),
    ]
    return Capture(
        output_path(settings.catalog_root, run_id), project.clock, level=settings.log_level, echo=echo,
        masker=Masker(secrets),
    )  # fmt: skip


def _worker(project: Project, capture: Capture) -> Worker:
    definitions = project.loaded.definitions
    return Worker(
        definitions=definitions,
        store=project.store,
        project=project.settings.root,
        clock=project.clock,
        resources=ResourcePool(definitions.resources),
        capture=capture,
    )


def _shown_config(project: Project, planned: Planned) -> dict[str, dict[str, Any]]:
    return {
        asset: dict(planned.configs[computation.name].shown)
        for computation in project.loaded.definitions.computations.values()
        for asset in computation.assets
    }


def _beside(project: Project, log: LogWriter) -> None:
    """Show that the run lives, and fold; a fold that fails is left to the end, where its error belongs to somebody."""
    log.beat()
    try:
        project.catalog.fold_if_due(time.monotonic())
    except CatalogError:
        return


def _started(planned: Planned, run_id: str, at: str, parent_run: str | None) -> RunStarted:
    owner = this_process()
    ask = planned.ask
    options: dict[str, Any] = {
        "partitions": list(ask.partitions), "first": ask.first, "last": ask.last, "only": ask.only,
        "force": ask.force, "freshness": ask.freshness, **_given_config(planned),
    }  # fmt: skip
    return RunStarted(
        at=at,
        run_id=run_id,
        environment=planned.plan.environment,
        selection=list(ask.selection),
        options={name: value for name, value in options.items() if value not in (None, [], {}, False)},
        host=owner.host,
        pid=owner.pid,
        process_started=owner.started,
        version=__version__,
        steps=planned.plan.work,
        parent_run=parent_run,
    )


def _given_config(planned: Planned) -> dict[str, Any]:
    """The config values that the request gave, without secrets; `config_hidden` says that there were some."""
    config: dict[str, dict[str, Any]] = {}
    hidden = False
    for asset, values in planned.ask.config.items():
        shown = planned.configs[planned.basis.graph.specs[asset].computation].shown
        config[asset] = {name: value for name, value in values.items() if shown.get(name) != SECRET}
        hidden = hidden or len(config[asset]) < len(values)
    return {"config": config, "config_hidden": hidden}


def _numbered(planned: Planned, run_id: str, at: str) -> tuple[Planned, tuple[Event, ...]]:
    """The new observations with ids of this run, in the snapshot and as events."""
    observations: dict[str, dict[Partition, Observation]] = {
        key: dict(found) for key, found in planned.basis.snapshot.observations.items()
    }
    events: list[Event] = []
    order = planned.basis.snapshot.order
    for number, observation in enumerate(planned.new_observations, start=1):
        ident = materialization_id(run_id, number)
        observations[observation.asset][observation.partition] = replace(observation, id=ident)
        events.append(
            Observed(
                at=at, id=ident, run_id=run_id, asset=observation.asset, partition=observation.partition,
                data_version=observation.data_version, detail=dict(observation.detail), order=order + number,
            )
        )  # fmt: skip
    snapshot = replace(planned.basis.snapshot, observations=observations, order=order + len(events))
    return replace(planned, basis=replace(planned.basis, snapshot=snapshot)), tuple(events)


def mark_fresh(project: Project, planned: Planned, at: str) -> RunResult:
    """The result of a request with nothing to do; leaves a stamp so that the next one is quicker."""
    if project.settings.catalog_root.is_dir():
        rows, digest = asset_rows(project, planned.configs)
        if not project.catalog.is_current(digest=digest):
            project.catalog.fold(rows, digest=digest)
        _stamp(project, planned)
    return RunResult(
        run_id=None, status=RunStatus.SUCCEEDED, environment=planned.plan.environment, started_at=at, finished_at=at,
        steps=(), fresh=planned.plan.fresh,
        notices=tuple(notice.message for notice in planned.notices),
    )  # fmt: skip


def _stamp(project: Project, planned: Planned) -> None:
    """Write down what the verdict rested on; only for requests that mean the same next time."""
    loaded, ask = project.loaded, planned.ask
    if loaded.space is None or ask.force or ask.config:
        return
    if any(
        declaration.source and declaration.source.path is None for declaration in loaded.definitions.sources.values()
    ):
        return  # a source observed by a function has to be asked every time
    if sum(verdict.count(Verdict.FRESH) for verdict in planned.plan.verdicts.values()) > STAMPED:
        return  # a look at so many files takes longer than a plan from what is remembered
    state = stats_of(catalog_state(project.settings.catalog_root))
    if not project.catalog.is_current():
        return
    if project.catalog.snapshot(planned.plan.environment, assets=()).order != planned.basis.snapshot.order:
        return
    variables = {
        name.removeprefix("env:")
        for fingerprint in loaded.fingerprints.values()
        for component in fingerprint.components
        if (name := component.name).startswith("env:")
    } | {name for name in project.environ if name.startswith(PREFIX)}
    write_stamp(
        stamp_path(
            project.settings.cache_root,
            request_words(
                ask.selection,
                partitions=ask.partitions,
                first=ask.first,
                last=ask.last,
                only=ask.only,
                freshness=ask.freshness,
                environment=planned.plan.environment,
            ),
        ),
        fresh=planned.plan.fresh,
        assets=len(planned.plan.verdicts),
        files=[*definition_files(loaded), *source_places(loaded, planned.hashes.stats)],
        state=state,
        absent=loaded.space.absent(),
        present=_objects(project, planned.plan, planned),
        variables={name: project.environ.get(name) for name in sorted(variables)},
        until=until_ns(planned.universe, planned.plan, planned.basis),
        read_from_ns=planned.read_from_ns,
    )


def _objects(project: Project, plan: Plan, planned: Planned) -> list[Path]:
    return [project.store.path(uri) for _, _, uri, _ in planned.basis.snapshot.objects(plan.verdicts)]
