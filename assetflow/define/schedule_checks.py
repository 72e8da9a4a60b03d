"""Jobs, sensors and sinks of a project put together; names that are used twice are problems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from assetflow.define.definitions import Definitions
from assetflow.define.schedule import Job, Scheduling, Sensor, Sink
from assetflow.errors import Problem


def with_schedules(
    definitions: Definitions, found: Sequence[Scheduling], project: Path
) -> tuple[Definitions, tuple[Problem, ...]]:
    """The definitions with what was declared beside assets, and a problem per name that is there twice."""
    problems: list[Problem] = []
    kinds: tuple[tuple[str, type], ...] = (("job", Job), ("sensor", Sensor), ("notify", Sink))
    for word, kind in kinds:
        first: dict[str, Scheduling] = {}
        for each in found:
            if not isinstance(each, kind):
                continue
            before = first.setdefault(each.name, each)
            if before is not each:
                problems.append(
                    Problem(
                        slug=word,
                        message=f"there are two of {word} `{each.name}`",
                        file=_shown(each, project),
                        line=each.line,
                        hint=f"the other one is at {_shown(before, project)}:{before.line}",
                    )
                )
    return replace(
        definitions,
        jobs=tuple(each for each in found if isinstance(each, Job)),
        sensors=tuple(each for each in found if isinstance(each, Sensor)),
        sinks=tuple(each for each in found if isinstance(each, Sink)),
    ), tuple(problems)


def _shown(made: Scheduling, project: Path) -> str | None:
    if made.file is None:
        return None
    path = Path(made.file)
    return path.relative_to(project).as_posix() if path.is_relative_to(project) else made.file
