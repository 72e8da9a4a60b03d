"""Runs `.case` files: planner decisions as text, on a real project.

A file holds cases. Each begins with `case:` and goes on with commands; what is indented below one is its block.

    declare                 assets, one a line: `name(inputs) [options of @asset] = expression`; `a, b(...)` is a
                            multi_asset, `source name [options] = path`; a name that is there already is replaced
    remove NAME             the asset is declared no more
    write PATH TEXT         a file of the project; `delete PATH`
    time TEXT               the clock, ISO text or `+6h`; it starts at 2024-01-03T00:00
    lose ASSET[@P]          its object vanishes from the store
    plan [ARGS]             block: `asset[@p,p] certain|conditional causes`, one a line, or `nothing`, or `error: words`
    run [ARGS]              block: `asset[@p] status causes`, or `nothing`, or `error: words`
    job SELECTIONS          a run that a job asks for; block as for run
    kill [ARGS]             a run in another process, killed by the first asset that is `deadly(value)`
    value ASSET[@P] EXPR    what is published
    verdict ASSET[@P] WORD  fresh, stale or missing

ARGS are a selection, `--only`, `--force`, `--no-freshness`, `--partition KEY` and `-p asset.field=value`. A cause is
its kind, or its kind with what it names: `input_changed(a)`.
"""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import assetflow as af
from assetflow.model.clock import FixedClock, from_text
from assetflow.project.request import Ask, parse_config

HEAD = """
import datetime
import glob
import os
import assetflow as af
from assetflow.model.policy import FreshnessPolicy

daily = af.DailyPartitions("2024-01-01")
letters = af.StaticPartitions(["a", "b"])

def deadly(value):
    while os.path.exists("deadly"):  # what came before it is on record by then
        if any("step_finished" in line for line in newest_log()):
            os.kill(os.getpid(), 9)
    return value

def newest_log():
    return open(max(glob.glob("catalog/log/*.jsonl"), key=os.path.getmtime)).readlines()
"""

_DEFINITION = re.compile(r"(source )?([\w/, ]+?)(?:\((.*?)\))?(?: \[(.*?)\])? = (.*)")


@dataclass(slots=True)
class Command:
    """One command of a case, with the lines below it and its place in the file."""

    words: str
    line: int
    block: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Case:
    name: str
    commands: list[Command] = field(default_factory=list)


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of a file, in order."""
    case: Case | None = None
    for number, raw in enumerate(path.read_text().splitlines(), start=1):
        line = raw.split("  #")[0].rstrip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("case: "):
            if case is not None:
                yield case
            case = Case(line.removeprefix("case: "))
        elif case is None:
            raise ValueError(f"{path.name}:{number}: a command before the first case")
        elif line.startswith(" "):
            case.commands[-1].block.append(line.strip())
        else:
            case.commands.append(Command(line, number))
    if case is not None:
        yield case


class World:
    """The project of one case; every command opens it anew."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.definitions: dict[str, str] = {}
        self.clock = FixedClock(from_text("2024-01-03T00:00:00"))

    def do(self, command: Command) -> None:
        verb, _, rest = command.words.partition(" ")
        try:
            getattr(self, f"do_{verb}")(rest, command.block)
        except AssertionError as error:
            raise AssertionError(f"line {command.line}: {command.words}\n{error}") from None

    def project(self) -> af.Project:
        return af.Project.at(self.root, clock=self.clock, environ={})

    # --- edits ---

    def do_declare(self, _rest: str, block: list[str]) -> None:
        for line in block:
            keys, text = _definition(line)
            self.definitions[keys] = text
        self._write_assets()

    def do_remove(self, rest: str, _block: list[str]) -> None:
        del self.definitions[rest]
        self._write_assets()

    def _write_assets(self) -> None:
        assets = self.root / "assets"
        assets.mkdir(exist_ok=True)
        (assets / "main.py").write_text(HEAD + "\n\n".join(self.definitions.values()) + "\n")

    def do_write(self, rest: str, _block: list[str]) -> None:
        place, text = rest.split(" ", 1)
        (self.root / place).parent.mkdir(parents=True, exist_ok=True)
        (self.root / place).write_text(text.replace("\\n", "\n"))

    def do_delete(self, rest: str, _block: list[str]) -> None:
        (self.root / rest).unlink()

    def do_time(self, rest: str, _block: list[str]) -> None:
        hours = re.fullmatch(r"\+(\d+)h", rest)
        self.clock.instant = self.clock.now() + timedelta(hours=int(hours[1])) if hours else from_text(rest)

    def do_lose(self, rest: str, _block: list[str]) -> None:
        with self.project() as project:
            project.store.path(project.current(*_place(rest)).uri).unlink()

    # --- questions ---

    def do_plan(self, rest: str, block: list[str]) -> None:
        with self.project() as project:
            try:
                plan = project.plan(**_arguments(rest))
            except af.AssetflowError as error:
                _check_error(error, block)
                return
        lines = []
        for step in plan.steps:
            keys = "" if step.partitions is None else "@" + ",".join(step.partitions)
            how = "conditional" if step.conditional else "certain"
            lines.append(" ".join([step.asset + keys, how, *(_cause(cause.to_json()) for cause in step.causes)]))
        _compare(lines, block)

    def do_run(self, rest: str, block: list[str]) -> None:
        with self.project() as project:
            try:
                run = project.materialize(**_arguments(rest))
            except af.AssetflowError as error:
                _check_error(error, block)
                return
        lines = []
        for step in run.steps:
            place = step.asset if step.partition is None else f"{step.asset}@{step.partition}"
            lines.append(" ".join([place, str(step.status), *(_cause(cause) for cause in step.causes)]))
        _compare(lines, block)

    def do_job(self, rest: str, block: list[str]) -> None:
        with self.project() as project:
            ask = Ask(selection=tuple(rest.split()), by="job `j`", at=self.clock.now())
            run = project.run_planned(project.planned(ask))
        _compare([" ".join([s.asset, str(s.status), *(_cause(cause) for cause in s.causes)]) for s in run.steps], block)

    def do_kill(self, rest: str, _block: list[str]) -> None:
        marker = self.root / "deadly"
        marker.touch()
        code = _KILLED.format(root=str(self.root), now=self.clock.now().isoformat(), arguments=_arguments(rest))
        ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
        marker.unlink()
        assert ended.returncode == -signal.SIGKILL, ended.stderr

    def do_value(self, rest: str, _block: list[str]) -> None:
        place, expression = rest.split(" ", 1)
        asset, partition = _place(place)
        with self.project() as project:
            found = project.value(asset, partition=partition)
        assert found == eval(expression), f"it is {found!r}"

    def do_verdict(self, rest: str, _block: list[str]) -> None:
        place, expected = rest.split()
        with self.project() as project:
            found = str(project.plan().explain(*_place(place)).verdict.verdict)
        assert found == expected, f"it is {found}"


_KILLED = """
import os
from datetime import datetime
import assetflow as af
from assetflow.model.clock import FixedClock

os.chdir({root!r})
project = af.Project.at({root!r}, clock=FixedClock(datetime.fromisoformat({now!r})), environ={{}})
project.materialize(**{arguments!r}, workers=1)
"""


def _definition(line: str) -> tuple[str, str]:
    found = _DEFINITION.fullmatch(line)
    if found is None:
        raise ValueError(f"no definition: {line!r}")
    source, names, parameters, options, value = found.groups()
    keys = [name.strip() for name in names.split(",")]
    extra = f", {options}" if options else ""
    if source:
        return keys[0], f"{keys[0]} = af.source({keys[0]!r}, path={value}{extra})"
    function = keys[0].replace("/", "_") if len(keys) == 1 else "_".join(keys)
    decorator = f"@af.asset(key={keys[0]!r}{extra})" if len(keys) == 1 else f"@af.multi_asset(outs={keys!r}{extra})"
    return ", ".join(keys), f"{decorator}\ndef {function}({parameters or ''}):\n    return {value}"


def _place(text: str) -> tuple[str, str | None]:
    asset, _, partition = text.partition("@")
    return asset, partition or None


def _arguments(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    words = iter(shlex.split(text))
    selection: list[str] = []
    config: list[str] = []
    for word in words:
        match word:
            case "--only" | "--force":
                found[word.removeprefix("--")] = True
            case "--no-freshness":
                found["freshness"] = False
            case "--partition":
                found.setdefault("partitions", []).append(next(words))
            case "-p":
                config.append(next(words))
            case _:
                selection.append(word)
    if config:
        found["config"] = {
            asset: {name: int(value) for name, value in fields.items()}
            for asset, fields in parse_config(config).items()
        }
    return {"selection": selection or None, **found}


def _cause(record: dict[str, Any]) -> str:
    kind = record["kind"]
    match kind:
        case "code_changed":
            named = [name.rpartition(":")[2] for name in record["components"]]
        case "input_changed":
            named = [record["upstream"], *(record["partitions"] or ())]
        case "upstream_stale" | "computed_together":
            named = [record.get("upstream") or record["asset"]]
        case "partition_mapping_changed":
            named = [record["upstream"], *(f"+{key}" for key in record["added"])]
            named += [f"-{key}" for key in record["removed"]]
        case "dependencies_changed":
            named = [f"+{key}" for key in record["added"]] + [f"-{key}" for key in record["removed"]]
        case "config_changed":
            named = record["fields"]
        case _:
            return str(kind)
    return f"{kind}({','.join(named)})"


def _compare(lines: list[str], block: list[str]) -> None:
    expected = [] if block == ["nothing"] else block
    shown = [_at_detail(line, wanted) for line, wanted in zip(lines, expected, strict=False)] + lines[len(expected) :]
    assert shown == expected, "it is\n    " + "\n    ".join(lines or ["nothing"])


def _at_detail(line: str, wanted: str) -> str:
    """The line with the details of a cause only where the wanted one has them."""
    words = wanted.split()
    return " ".join(
        word.partition("(")[0] if at < len(words) and "(" not in words[at] else word
        for at, word in enumerate(line.split())
    )


def _check_error(error: af.AssetflowError, block: list[str]) -> None:
    wanted = [line.removeprefix("error: ") for line in block if line.startswith("error: ")]
    assert wanted, f"it raised {type(error).__name__}: {error}"
    assert all(words in f"{error} {error.hint}" for words in wanted), f"the error is: {error} ({error.hint})"
