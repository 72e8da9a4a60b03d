"""What is in a store can be listed and removed, and what the dead left behind goes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from assetflow.store import LocalStore, remove_abandoned, remove_object, stored_uris

WRITER = """
import sys
from pathlib import Path
import pyarrow as pa
from assetflow.store import LocalStore

def batches():
    for number in range(3000):
        yield pa.record_batch({"a": list(range(number, number + 1000))})
    print("writing", flush=True)
    sys.stdin.read()

reader = pa.RecordBatchReader.from_batches(pa.schema({"a": pa.int64()}), batches())
LocalStore(Path(sys.argv[1])).write(reader, asset="t", partition=None)
"""


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def test_an_empty_or_missing_store_has_no_objects(tmp_path: Path) -> None:
    assert list(stored_uris(tmp_path / "gone")) == []
    assert remove_abandoned(tmp_path / "gone", is_alive=lambda pid: False) == []


def test_every_object_is_listed_and_only_objects(store: LocalStore, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "part.txt").write_text("x")
    values: list[tuple[str, str | None, object]] = [
        ("a", None, 1), ("a", "2013-01-01", 1), ("a/b", None, "x"), ("a", "x.dir", 2), ("c.dir", None, folder),
    ]  # fmt: skip
    written = [store.write(value, asset=asset, partition=key).uri for asset, key, value in values]
    (store.root / ".tmp-1-abc").write_text("half")
    assert sorted(stored_uris(store.root)) == sorted(written)


def test_a_removed_object_takes_its_empty_folders_along_and_nothing_else(store: LocalStore) -> None:
    one = store.write(1, asset="marts/a", partition="x")
    other = store.write(2, asset="marts/a", partition="y")
    assert remove_object(store.root, one.uri) == one.bytes
    assert not store.path(one.uri).parent.exists()
    assert store.load(other) == 2
    assert remove_object(store.root, one.uri) == 0
    remove_object(store.root, other.uri)
    assert list(store.root.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_what_a_killed_writer_left_goes_and_what_a_live_one_writes_stays(store: LocalStore) -> None:
    pytest.importorskip("pyarrow")
    kept = store.write(1, asset="t", partition=None)
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(store.root)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert writer.stdout is not None
    assert writer.stdout.readline() == "writing\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    left = [path.relative_to(store.root).as_posix() for path in store.root.rglob(f".tmp-{writer.pid}-*")]
    assert len(left) == 1
    (store.root / "t" / ".tmp-1-00ff").write_text("somebody else, alive")
    written = (store.root / left[0]).stat().st_mtime
    assert remove_abandoned(store.root, is_alive=lambda pid: pid == 1, before=written) == []
    assert remove_abandoned(store.root, is_alive=lambda pid: pid == 1) == left
    assert sorted(path.name for path in (store.root / "t").iterdir()) == [".tmp-1-00ff", kept.uri.removeprefix("t/")]
    assert store.verify(kept)
