"""A run: one plan carried out, in as many waves as dynamic partitions take."""

from __future__ import annotations

from assetflow.executor.backends.lanes import Lanes
from assetflow.executor.calls import State
from assetflow.executor.failure import describe_failure
from assetflow.executor.fan_out import due_now, without_keys
from assetflow.executor.ledger import Ledger, Setting
from assetflow.executor.options import RunOptions
from assetflow.executor.result import RunResult, count_steps
from assetflow.executor.subscribers import HURRY, PATIENCE, Subscriber
from assetflow.executor.tasks import build_tasks
from assetflow.executor.wave import Wave
from assetflow.model.event import RunFinished, RunStarted
from assetflow.model.plan import Plan
from assetflow.model.record import RunStatus, StepStatus
from assetflow.planner.basis import Basis
from assetflow.planner.dependencies import dependencies_text
from assetflow.planner.needs import needs_of
from assetflow.planner.universe import Universe

__all__ = ["Run", "RunOptions", "Setting", "Subscriber"]


class Run:
    """One run of one plan."""

    def __init__(self, plan: Plan, setting: Setting, options: RunOptions, started: RunStarted) -> None:
        self.plan = plan
        self.setting = setting
        self.options = options
        self.started = started
        self.ledger = Ledger(setting, started, options.subscribers)
        self._steps = 0
        self._wave: Wave | None = None
        self._lanes = Lanes(
            setting.worker, executor=options.executor, workers=1 if options.executor == "inline" else options.workers,
            pool=setting.pool, notify=setting.notify, cancel=options.cancel,
        )  # fmt: skip

    def execute(self) -> RunResult:
        """Run to the end; what fails is in the result, and only what makes a run impossible is raised."""
        status, error = RunStatus.SUCCEEDED, None
        try:
            self._waves()
        except KeyboardInterrupt:
            status = RunStatus.CANCELED
            if self._wave is not None:
                self._wave.cancel()
        except BaseException as raised:
            text = self.setting.worker.capture.masker.text(describe_failure(raised).text)
            self._close(RunStatus.FAILED, text)
            raise
        results = self.ledger.results.values()
        if status is RunStatus.SUCCEEDED and any(result.status is StepStatus.FAILED for result in results):
            status = RunStatus.FAILED
        if status is RunStatus.SUCCEEDED and any(result.status is StepStatus.CANCELED for result in results):
            status = RunStatus.CANCELED  # of some steps nothing was wanted any more
        return self._close(status, error)

    def _waves(self) -> None:
        plan, basis = self.plan, self.setting.basis
        while True:
            now, later = due_now(plan, basis.graph, self.ledger.ended)
            self._carry_out(now, basis)
            stopped = self.options.fail_fast and any(
                result.status is StepStatus.FAILED for result in self.ledger.results.values()
            )
            if not later or self.setting.replan is None or stopped:
                return
            self.ledger.committer.flush()
            plan, basis, seen = self.setting.replan()
            basis = self.ledger.observed(basis, seen)

    def _carry_out(self, plan: Plan, basis: Basis) -> None:
        universe = Universe(basis.graph, as_of=basis.as_of, dynamic=basis.snapshot.dynamic)
        basis.snapshot.need(needs_of(universe, plan.steps))
        tasks = build_tasks(plan, universe, ended=self.ledger.ended, first_step=self._steps)
        self._steps += sum(len(task.places) for task in tasks)
        assets = {asset for task in tasks for asset, _ in task.places}
        self.ledger.recorder.dependencies.update((asset, dependencies_text(universe, asset)) for asset in assets)
        state = State(
            basis=basis,
            universe=universe,
            definitions=self.setting.definitions,
            holds=self.setting.worker.store.holds,
            config=self.setting.config,
            verify=self.options.verify,
        )
        blocked = without_keys(basis.graph, self.ledger.ended)
        self._wave = Wave(tasks, state, self.ledger, self.options, lanes=self._lanes, blocked=blocked)
        self._wave.run()

    def _close(self, status: RunStatus, error: str | None) -> RunResult:
        self._lanes.close(wait=self._wave is None or not self._wave.is_busy)
        for problem in self.setting.worker.resources.close():
            self.setting.notify(f"a resource failed to close: {describe_failure(problem).text}")
        at = self.ledger.now()
        steps = tuple(self.ledger.results[number] for number in sorted(self.ledger.results))
        counts = {**count_steps(steps), "fresh": self.plan.fresh}
        self.ledger.record(
            (RunFinished(at=at, run_id=self.started.run_id, status=str(status), counts=counts, error=error),)
        )
        try:
            self.ledger.committer.close()
        finally:
            self.ledger.audience.close(HURRY if status is RunStatus.CANCELED else PATIENCE)
        return RunResult(
            run_id=self.started.run_id, status=status, environment=self.plan.environment, started_at=self.started.at,
            finished_at=at, steps=steps, fresh=self.plan.fresh,
        )  # fmt: skip
