"""Dropping assets in the middle of a run: their steps end, with what waits for them, and all others go on."""

from __future__ import annotations

import os
import random
import select
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from assetflow.executor.cancel import Cancel
from assetflow.model.event import Event, StepFinished, StepStarted
from assetflow.project.request import Ask
from tests.executor.making import ends, file_project

TWO = """
from pathlib import Path

@HEAD
KIND unwanted() -> int:
    BODY
    Path("survived").write_text("x")
    return 1

@af.asset
def after(unwanted: int) -> int:
    return 1

@af.asset
def wanted() -> int:
    while not Path("go").exists():
        time.sleep(0.01)
    return 1

@af.asset(deps=["wanted"])
def last() -> int:
    return 1
"""


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    """Every step that was dropped here can be ended."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("assetflow"):
            thread.join(60)
            assert not thread.is_alive(), thread.name


class Dropping:
    """A subscriber that drops assets when a step of theirs begins, and lets the rest go on when that is canceled."""

    def __init__(self, cancel: Cancel, root: Path, *assets: str) -> None:
        self.cancel, self.root, self.assets = cancel, root, assets

    def __call__(self, event: Event) -> None:
        match event:
            case StepStarted(asset="unwanted"):
                self.cancel.drop(self.assets)
            case StepFinished(asset="unwanted"):
                (self.root / "go").touch()
            case _:
                pass


@pytest.mark.parametrize(
    ("head", "kind", "body"),
    [
        pytest.param("af.asset", "def", "for _ in range(60_000): time.sleep(0.01)", id="thread"),
        pytest.param("af.asset", "async def", "import asyncio; await asyncio.sleep(600)", id="coroutine"),
        pytest.param("af.asset(compute='process')", "def", "time.sleep(600)", id="process"),
        pytest.param("af.asset(retry=af.RetryPolicy(max_retries=3, delay=600))", "def", "raise OSError", id="retrying"),
    ],
)
def test_a_dropped_step_ends_at_once_and_the_rest_goes_on(tmp_path: Path, head: str, kind: str, body: str) -> None:
    text = TWO.replace("HEAD", head).replace("KIND", kind).replace("BODY", body)
    with file_project(tmp_path, text) as project:
        cancel = Cancel()
        run = project.run_planned(
            project.planned(Ask()), workers=2, cancel=cancel, on_event=[Dropping(cancel, tmp_path, "unwanted", "after")]
        )
        assert ends(run) == {
            "unwanted": "canceled", "after": "canceled", "wanted": "materialized", "last": "materialized",
        }  # fmt: skip
        assert str(run.status) == "canceled"
        assert {step.asset for step in project.plan().steps} == {"unwanted", "after"}
        rows = project.query("select asset, status from steps")
        assert {row["asset"]: row["status"] for row in rows} == ends(run)
    assert not (tmp_path / "survived").exists()


def test_what_waits_for_a_dropped_step_is_skipped_where_it_was_not_dropped_itself(tmp_path: Path) -> None:
    text = TWO.replace("HEAD", "af.asset").replace("KIND", "def")
    with file_project(tmp_path, text.replace("BODY", "for _ in range(60_000): time.sleep(0.01)")) as project:
        cancel = Cancel()
        run = project.run_planned(
            project.planned(Ask()), workers=2, cancel=cancel, on_event=[Dropping(cancel, tmp_path, "unwanted")]
        )
        assert ends(run)["after"] == "skipped"
        assert [step.caused_by for step in run.steps if step.asset == "after"] == ["unwanted"]


def test_the_query_of_a_dropped_step_is_interrupted(tmp_path: Path) -> None:
    text = "from pathlib import Path\n\n" + TWO[TWO.index("@af.asset\ndef wanted") :]
    with file_project(tmp_path, text) as project:
        query = "select sum(a.range * b.range) as s from range(1_000_000) a, range(1_000_000) b"
        (tmp_path / "assets/unwanted.sql").write_text(query)
        (tmp_path / "assets/other.sql").write_text("select 1 as one")
        cancel = Cancel()
        dropping = Dropping(cancel, tmp_path, "unwanted")
        run = project.run_planned(project.planned(Ask()), workers=3, cancel=cancel, on_event=[dropping])
        assert ends(run) == {
            "unwanted": "canceled", "other": "materialized", "wanted": "materialized", "last": "materialized",
        }  # fmt: skip


POOLED = """
from pathlib import Path

@af.asset(pool="db")
def unwanted() -> int:
    Path("inside").touch()
    with open("gate") as gate:
        gate.read()
    Path("let_go").touch()
    return 1

@af.asset(pool="db", priority=-1)
def wanted() -> int:
    assert Path("let_go").exists()
    return 1
"""


class Opening(Dropping):
    """Drops a step that is at what cannot be stopped, and lets it go on once it is canceled."""

    def __call__(self, event: Event) -> None:
        match event:
            case StepStarted(asset="unwanted"):
                while not (self.root / "inside").exists():
                    select.select([], [], [], 0.01)
                self.cancel.drop(self.assets)
            case StepFinished(asset="unwanted"):
                (self.root / "gate").write_text("open")
            case _:
                pass


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the step waits for a named pipe")
def test_a_dropped_step_that_cannot_be_stopped_keeps_its_place_in_the_pool(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    with file_project(tmp_path, POOLED, pools={"db": 1}) as project:
        cancel = Cancel()
        run = project.run_planned(
            project.planned(Ask()), workers=2, cancel=cancel, on_event=[Opening(cancel, tmp_path, "unwanted")]
        )
        assert ends(run)["unwanted"] == "canceled"
        assert ends(run)["wanted"] in ("materialized", "failed"), [step.error for step in run.steps]


def graph(rng: random.Random) -> str:
    """Assets of all sorts that depend on each other, some of which take a while."""
    lines = []
    for number in range(14):
        ups = ", ".join(f"a{up}" for up in sorted(rng.sample(range(number), min(number, rng.randrange(3)))))
        head, kind = rng.choice(
            [("af.asset", "def"), ("af.asset", "async def"), ("af.asset(compute='process')", "def")]
        )
        wait = "await asyncio.sleep" if kind != "def" else "time.sleep"
        lines.append(
            f"@{head}\n{kind} a{number}({ups}) -> int:\n    {wait}({rng.choice([0, 0.02])})\n    return {number}"
        )
    return "\n\n".join(lines)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_dropped_whenever_only_that_is_left_undone(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    with file_project(tmp_path, graph(rng)) as project:
        cancel, dropped = Cancel(), set()

        def drop(event: Event) -> None:
            if isinstance(event, StepStarted) and rng.random() < 0.3:
                asset = f"a{rng.randrange(14)}"
                dropped.add(asset)
                cancel.drop([asset])

        run = project.run_planned(project.planned(Ask()), workers=3, seed=seed, cancel=cancel, on_event=[drop])
        undone = {asset for asset, status in ends(run).items() if status != "materialized"}
        assert len(run.steps) == 14
        assert undone <= set(project.select(" or ".join(f"{asset}+" for asset in dropped))) if dropped else not undone
        assert {step.caused_by for step in run.steps if str(step.status) == "skipped"} <= dropped
        assert {step.asset for step in project.plan().steps} == undone
        assert not undone or project.materialize().ok
        assert project.plan().is_empty
