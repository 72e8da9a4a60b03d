"""Many edits, many of them broken: in the end everything is as a clean build makes it, and the watch has not grown."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import select
import shutil
import statistics
import sys
import threading
from collections.abc import Collection
from pathlib import Path

import pytest

import assetflow as af
from tests.watch.making import fails, made, save, until, watching, write

CHAIN = 5

LONG = (
    pytest.mark.soak,
    pytest.mark.skipif(not os.environ.get("ASSETFLOW_SOAK"), reason="long: set ASSETFLOW_SOAK=1"),
)


@pytest.fixture(autouse=True)
def no_setting_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSETFLOW_SOAK", raising=False)


def step(number: int, value: int) -> str:
    reads = f"step{number - 1}: int" if number else "numbers: str"
    base = f"step{number - 1}" if number else "len(numbers)"
    return (
        "import assetflow as af\nfrom shared import plus\n\n\n"
        f"@af.asset\ndef step{number}({reads}) -> int:\n    return plus({base}) + {value}\n"
    )


def shared(value: int) -> str:
    return f"def plus(value: int) -> int:\n    return value + {value}\n"


SOURCE = 'import assetflow as af\n\nnumbers = af.source("numbers", path="data/numbers.txt")\n'
END = "import assetflow as af\n\n\n@af.asset\ndef end() -> int:\n    return {}\n"
BROKEN = ("def (", "", "import nothing_like_it\n", "raise SystemExit(3)\n", "x = '\x00'\n")


def good(rng: random.Random) -> dict[str, str]:
    """Every file of the project, with values of its own."""
    files = {f"assets/step{at}.py": step(at, rng.randrange(100)) for at in range(CHAIN)}
    return {**files, "assets/shared.py": shared(rng.randrange(100)), "data/numbers.txt": "x" * rng.randrange(50)}


def edit(project: Path, rng: random.Random) -> None:
    """One thing that people and their tools do to files."""
    files = good(rng)
    name = rng.choice(sorted(files))
    place = project / name
    place.parent.mkdir(exist_ok=True)
    match rng.randrange(9):
        case 0:
            save(place, rng.choice(BROKEN))
        case 1:
            place.unlink(missing_ok=True)
        case 2 if place.exists():
            place.touch()
        case 3 if place.exists():
            save(place, place.read_text() + "# a comment\n")
        case 4:
            shutil.rmtree(project / "assets/deep", ignore_errors=True)
            write(project, {"assets/deep/part.py": "VALUE = 1\n", "assets/deep/.part.py.swp": "x"})
        case 5:
            place.write_text(files[name][: rng.randrange(len(files[name]) + 1)])
        case 6:
            write(project, files)
        case _:
            save(place, files[name])


@pytest.mark.parametrize(
    "edits", [pytest.param(30, id="small"), pytest.param(500, id="long", marks=LONG)]
)  # fmt: skip
def test_after_any_history_of_edits_all_is_as_a_clean_build_makes_it(tmp_path: Path, edits: int) -> None:
    rng = random.Random(20130101 + edits)
    project = write(tmp_path / "watched", {**good(rng), "assets/source.py": SOURCE})
    with watching(project, patience=edits * 10.0, debounce=0.01) as watch:
        for _ in range(edits):
            edit(project, rng)
            if rng.random() < 0.3:
                watch.rebuild()
                next(watch)
        last = good(rng)
        for name, text in last.items():
            save(project / name, text)
        save(project / "assets/end.py", END.format(edits))
        until(watch, lambda tick: tick.ok and made("end")(tick), at_most=edits + 5)
        watched = af.Project.load(project)
        while not watched.plan().is_empty:  # a last event may still have been on its way
            next(watch)
    clean = write(tmp_path / "clean", {**last, "assets/source.py": SOURCE, "assets/end.py": END.format(edits)})
    built = af.Project.load(clean)
    assert built.materialize().ok
    for asset in (*(f"step{at}" for at in range(CHAIN)), "end"):
        assert watched.load(asset) == built.load(asset), asset
        assert watched.current(asset).data_version == built.current(asset).data_version


def descendants(others: Collection[int] = ()) -> list[int]:
    """The processes that this one has started, with theirs; without `others`."""
    found, waiting = [], [os.getpid()]
    while waiting:
        for children in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # it has just ended
                waiting += (new := [int(pid) for pid in children.read_text().split()])
                found += new
    return [pid for pid in found if pid not in others]


def held(others: Collection[int]) -> dict[str, int]:
    """Threads, processes and open files: here, and in the process that workers are forked from."""
    here = len(os.listdir("/proc/self/fd")) - 1
    processes = descendants(others)
    there = len(os.listdir(f"/proc/{processes[0]}/fd")) if processes else 0
    return {"threads": threading.active_count(), "processes": len(processes), "files": here, "theirs": there}


def settled(wanted: dict[str, int] | None, others: Collection[int]) -> dict[str, int]:
    """What is held once the worker of the last tick has gone: what is wanted, if that ever comes."""
    seen = [held(others)]
    for _ in range(3_000):
        if seen[-1] == wanted or (wanted is None and len(seen) > 100 and len({str(each) for each in seen[-50:]}) == 1):
            break
        select.select([], [], [], 0.01)
        seen.append(held(others))
    return seen[-1]


def resident(others: Collection[int]) -> int:
    """Kilobytes in memory, of this process and of the one that workers are forked from."""
    gc.collect()
    page = os.sysconf("SC_PAGE_SIZE") // 1024
    mine = os.getpid(), descendants(others)[0]
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page for pid in mine)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("ticks", "grown"),
    [pytest.param(30, 2_000, id="small"), pytest.param(1_000, 2_000, id="long", marks=LONG)],
)
def test_a_watch_does_not_grow(tmp_path: Path, ticks: int, grown: int) -> None:
    """Handles are the same after every fifth tick; memory is that of the first tenth, but for `grown` kilobytes."""
    project = write(
        tmp_path, {"assets/end.py": END.format(0), "assets/other.py": END.format(0).replace("end", "other")}
    )
    gc.collect()  # catalogs that an earlier test in this process has read stay open until then
    others = frozenset(descendants())  # those that libraries keep for earlier tests
    before: dict[str, int] | None = None
    memory = []
    with watching(project, patience=ticks * 10.0, debounce=0.0) as watch:
        for number in range(ticks):
            save(project / "assets/end.py", END.format(number) if number % 5 else "def (")
            until(watch, fails("SyntaxError") if not number % 5 else made("end"), at_most=10)
            if number % 5 == 4:
                now = settled(before, others)
                assert before in (None, now), f"after {number + 1} ticks"
                before = now
                memory.append(resident(others))
    assert before is not None
    assert before["processes"] == 2, "the warm parent, and a worker that waits for the next order"
    steady = memory[len(memory) // 10 + 1 :]
    few = max(1, len(steady) // 5)
    assert statistics.median(steady[-few:]) - statistics.median(steady[:few]) < grown, memory
