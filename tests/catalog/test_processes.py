"""Several processes on one catalog: killed writers, readers during folds, two folds at once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.catalog.making import catalog, everything, finished, made, record, started

ROOT = Path(__file__).parents[2]

WRITER = """
import sys
from pathlib import Path
from tests.catalog.making import catalog, made, started
run = sys.argv[2]
target = catalog(Path(sys.argv[1]))
with target.open_log(run) as log:
    log.append([started(run)])
    for number in range(100_000):
        log.append([made(run, number, f"a{number}", inputs=[("src", None, None, "s:1")])])
        print(number, flush=True)
        if number % 7 == 3:
            target.fold()
"""

READER = """
import sys
from pathlib import Path
import duckdb
path = Path(sys.argv[1])
last = -1
print("ready", flush=True)
count = 0
while not (path.parent / "stop").exists():
    with duckdb.connect(str(path), read_only=True) as con:
        runs, made = con.execute(
            "select (select count(*) from runs), (select count(*) from materializations)"
        ).fetchone()
        assert con.execute("select count(*) from lineage").fetchone()[0] >= 0
    assert runs >= 1 and made >= last, (runs, made, last)
    last = made
    count += 1
print(count, last)
"""

FOLDER = """
import sys
from pathlib import Path
from tests.catalog.making import catalog, finished, made, record, started
target = catalog(Path(sys.argv[1]))
for number in range(12):
    run = f"{sys.argv[2]}-{number}"
    record(target, run, [started(run), made(run, 0, "a", order=number), finished(run)])
    target.fold()
"""


def process(code: str, *arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def kill_after(writer: subprocess.Popen[str], lines: int, more: float) -> int:
    """Kill a writer some time after its `lines`-th acknowledgement; how many it acknowledged in all."""
    assert writer.stdout is not None
    for _ in range(lines):
        assert writer.stdout.readline(), writer.stderr.read() if writer.stderr else ""
    killer = threading.Timer(more, writer.send_signal, [signal.SIGKILL])
    killer.start()
    rest = writer.stdout.read().splitlines()
    killer.join()
    writer.communicate()
    return lines + sum(1 for line in rest if line.isdigit())


def kill_loop(folder: Path, rounds: int, rng: random.Random) -> None:
    acknowledged: dict[str, int] = {}
    for number in range(rounds):
        run = f"r{number}"
        acknowledged[run] = kill_after(process(WRITER, str(folder), run), rng.randint(1, 12), rng.uniform(0, 0.25))
        with catalog(folder) as target:
            rows = dict(target.query("select run_id, count(*) from materializations group by run_id").rows)
            # one more may have reached the log before it could be acknowledged
            assert all(rows[name] in (count, count + 1) for name, count in acknowledged.items())
            assert not [n for n in target.take_notices() if n.slug not in ("log_cut",)]
    with catalog(folder) as target:
        before = everything(target)
        target.rebuild()
        assert everything(target) == before
        assert target.recover(lambda *_owner: False, "2026-02-01T00:00:00.000000Z") == tuple(sorted(acknowledged))


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_no_acknowledged_event_is_lost_to_a_kill(tmp_path: Path) -> None:
    kill_loop(tmp_path, 5, random.Random(2013))


@pytest.mark.soak
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
@pytest.mark.skipif(not os.environ.get("ASSETFLOW_SOAK"), reason="long: set ASSETFLOW_SOAK=1")
def test_no_acknowledged_event_is_lost_to_many_kills(tmp_path: Path) -> None:
    for seed in range(10):
        kill_loop(tmp_path / str(seed), 30, random.Random(seed))


def test_readers_never_fail_and_never_hold_up_folds(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    record(target, "r0", [started("r0")])
    target.fold()
    path = tmp_path / "catalog" / "catalog.duckdb"
    readers = [process(READER, str(path)) for _ in range(2)]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
    for number in range(25):
        record(target, f"r{number + 1}", [made(f"r{number + 1}", 0, "a", order=number)])
        assert target.fold().changed
    (path.parent / "stop").touch()
    for reader in readers:
        out, err = reader.communicate(timeout=60)
        assert (reader.returncode, err) == (0, "")
        assert int(out.split()[0]) > 0


def test_somebody_who_opened_it_for_writing_shuts_nobody_out(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    record(target, "r0", [started("r0")])
    target.fold()
    holder = process(
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('ready', flush=True); sys.stdin.read()",
        str(tmp_path / "catalog" / "catalog.duckdb"),
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        with catalog(tmp_path) as other:
            assert other.query("select run_id from runs").rows == [("r0",)]
            record(other, "r1", [started("r1")])
            assert len(other.runs()) == 2
    finally:
        holder.kill()
        holder.communicate()


def test_two_processes_fold_at_once(tmp_path: Path) -> None:
    folders = [process(FOLDER, str(tmp_path), name) for name in ("left", "right")]
    for folder in folders:
        _out, err = folder.communicate(timeout=120)
        assert (folder.returncode, err) == (0, "")
    with catalog(tmp_path) as target:
        assert target.query("select count(*), count(distinct id) from materializations").rows == [(24, 24)]
        assert target.snapshot("prod").current["a"][None].materialization == "right-11.0"


def test_a_fold_that_is_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    record(target, "r1", [started("r1"), made("r1", 0, "a"), finished("r1")])
    (tmp_path / "catalog" / ".fold.duckdb").write_bytes(b"half a copy")
    (tmp_path / "catalog" / ".fold.duckdb.wal").write_bytes(b"half a log")
    target.fold()
    names = {path.name for path in (tmp_path / "catalog").iterdir()}
    assert names == {"catalog.duckdb", "folded.json", "fold.lock", "log"}
