"""What came of a run, in words: the summary line, and a block for each failure."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator

from assetflow.cli.screen import STATUS_STYLES, Screen
from assetflow.cli.words import amount, duration
from assetflow.executor.result import RunResult, StepResult
from assetflow.model.clock import from_text
from assetflow.model.keys import show
from assetflow.model.record import RunStatus, StepStatus

_BLOCKS = 10
_FRAME = re.compile(r'  File "(?P<file>.+?)", line \d+')
_CHAIN = "\nTraceback (most recent call last):\n"


def summary(screen: Screen, result: RunResult) -> str:
    """`3 materialized, 1 unchanged, 8 fresh in 1.2 s (run …)`; a run that was canceled says so first."""
    took = duration((from_text(result.finished_at) - from_text(result.started_at)).total_seconds())
    counts = []
    for name, count in result.counts.items():
        if count:
            word = f"{count:,} {name}"
            counts.append(screen.style(word, STATUS_STYLES[name]) if name in ("failed", "canceled") else word)
    words = ", ".join(counts) or "nothing done"
    if result.status is RunStatus.CANCELED:
        return f"{screen.style('canceled', 'yellow')} after {took}: {words} (run {result.run_id})"
    return f"{words} in {took} {screen.style(f'(run {result.run_id})', 'dim')}"


def failure_blocks(
    screen: Screen,
    run_id: str,
    steps: Iterable[StepResult],
    *,
    root: str,
    whole: bool = False,
    style: Callable[..., str] | None = None,
) -> Iterator[str]:
    """A block for each failure: asset, the user's error with the user's own frames, where to read on.

    Partitions of an asset that fail alike share a block; `whole` shows tracebacks as they are; `style` paints, as
    stderr does unless given.
    """
    paint = style or screen.talk_style
    groups: dict[tuple[str, str, str], list[StepResult]] = {}
    for step in steps:
        if step.status is StepStatus.FAILED:
            trace = step.traceback or ""
            place = _places(trace if whole else own_frames(trace, root))
            groups.setdefault((step.asset, step.error or "", place), []).append(step)
    for number, ((asset, error, _place), alike) in enumerate(groups.items()):
        if number == _BLOCKS and not whole:
            yield f"and {amount(len(groups) - _BLOCKS, 'more failure')}: `assetflow run {run_id} -v` shows all of them"
            return
        first = alike[0]
        trace = (first.traceback or "").rstrip()
        body = (trace if whole else own_frames(trace, root)) or error
        more = f" and {amount(len(alike) - 1, 'more partition')}" if len(alike) > 1 else ""
        head = f"{paint('failed', 'red', 'bold')} {show(asset, first.partition)}{more}"
        yield f"{head}\n{_indented(body)}\n{paint(f'  assetflow logs {run_id} {asset}', 'dim')}"


def own_frames(trace: str, root: str) -> str:
    """The last traceback of a chain with the frames inside the project only, their paths relative to it."""
    text = (
        trace.rpartition(_CHAIN)[2] if _CHAIN in trace else trace.removeprefix("Traceback (most recent call last):\n")
    )
    kept: list[str] = []
    keep = True
    for line in text.rstrip().splitlines():
        frame = _FRAME.match(line)
        if frame is not None:
            keep = _inside(frame["file"], root)
            line = line.replace(root + os.sep, "", 1)
        elif not line.startswith("    "):
            keep = True  # the error itself
        if keep and line.strip(" ~^"):  # how errors are underlined differs between Pythons
            kept.append(line)
    return "\n".join(kept)


def condensed(steps: Iterable[StepResult]) -> dict[tuple[str, StepStatus], list[StepResult]]:
    """Steps by asset and how they ended, in order."""
    found: dict[tuple[str, StepStatus], list[StepResult]] = {}
    for step in steps:
        found.setdefault((step.asset, step.status), []).append(step)
    return found


def _inside(file: str, root: str) -> bool:
    inner = os.path.relpath(file, root) if file.startswith(root + os.sep) else ""
    return bool(inner) and not inner.startswith(".venv") and "site-packages" not in inner


def _places(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if _FRAME.match(line))


def _indented(text: str) -> str:
    lines = text.splitlines()
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(f"  {line[margin:]}".rstrip() for line in lines)
