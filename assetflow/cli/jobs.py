"""From the name of a job to what is asked of the project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assetflow.errors import UsageError, did_you_mean
from assetflow.model.clock import to_text
from assetflow.project.project import Project
from assetflow.project.request import Ask, parse_config
from assetflow.scheduler.requests import job_request


def ask_of_job(project: Project, given: Mapping[str, Any]) -> Ask:
    """What a job asks for now, with the config of the command line over its own."""
    for option, name in (("selection", "a selection"), ("only", "--only"), ("force", "--force")):
        if given[option]:
            raise UsageError(f"--job and {name} do not go together", hint="a job says itself what is selected")
    jobs = {job.name: job for job in project.loaded.definitions.jobs}
    if given["job"] not in jobs:
        raise UsageError(
            f"there is no job `{given['job']}`",
            hint=did_you_mean(given["job"], jobs) or "`assetflow jobs` lists them; declare one with af.job(...)",
        )
    job = jobs[given["job"]]
    request = job_request(job, "", project.clock.now())
    config = {asset: dict(values) for asset, values in job.config.items()}
    for asset, values in parse_config(given["config"]).items():
        config.setdefault(asset, {}).update(values)
    ask = request.ask()
    return Ask(
        selection=ask.selection, partitions=tuple(given["partitions"]), first=given["first"], last=given["last"],
        freshness=not given["no_freshness"], config=config, by=ask.by, at=ask.at,
    )  # fmt: skip


def jobs_json(project: Project) -> list[dict[str, Any]]:
    """The jobs by name, each with its next tick."""
    # not at the top: only the list of jobs asks for ticks
    from assetflow.model.ticks import next_tick

    now = project.clock.now()
    return [
        {
            "job": job.name, "selection": list(job.selection), "cron": job.cron, "tz": job.tz, "refresh": job.refresh,
            "next": None if job.cron is None else to_text(next_tick(job.cron, job.tz, now)),
            "config": {asset: dict(values) for asset, values in job.config.items()}, "description": job.description,
        }
        for job in sorted(project.loaded.definitions.jobs, key=lambda job: job.name)
    ]  # fmt: skip
