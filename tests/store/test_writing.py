"""Objects appear whole or not at all, once, and a failing disk is said so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest

from assetflow.errors import FormatError, OutputLostError, StoreError
from assetflow.store import LocalStore, StoredObject

FRAME = pl.DataFrame({"a": [1, 2, 3]})


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def files(store: LocalStore) -> list[str]:
    return sorted(path.relative_to(store.root).as_posix() for path in store.root.rglob("*") if path.is_file())


def put(store: LocalStore, value: object, **options: bool) -> StoredObject:
    return store.write(value, asset="marts/t", partition="2013-01-01", **options)


def test_an_object_says_what_was_written(store: LocalStore) -> None:
    obj = put(store, FRAME)
    assert obj.uri == f"marts/t/@2013-01-01/{obj.data_version.removeprefix('d1:')}.parquet"
    assert (obj.format, obj.rows, obj.schema) == ("parquet", 3, (("a", "Int64"),))
    assert [name for name, _ in obj.column_versions or ()] == ["a"]
    assert obj.bytes == store.path(obj.uri).stat().st_size
    assert obj.python_type == "polars.dataframe.frame.DataFrame"
    assert StoredObject.from_json(obj.to_json()) == obj
    assert files(store) == [obj.uri]


def test_equal_content_is_kept_once_and_the_file_is_left_alone(store: LocalStore) -> None:
    first = put(store, FRAME)
    before = store.path(first.uri).stat()
    assert put(store, FRAME) == first
    after = store.path(first.uri).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert files(store) == [first.uri]


def test_a_torn_object_is_replaced(store: LocalStore) -> None:
    obj = put(store, FRAME)
    path = store.path(obj.uri)
    content = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(content[:-5])
    assert not store.verify(obj)
    assert put(store, FRAME) == obj
    assert path.read_bytes() == content
    assert store.verify(obj)


def test_any_flipped_bit_is_found_by_verify(store: LocalStore) -> None:
    values: list[object] = [FRAME, "a text", b"some bytes", {"a": (1,)}]
    for value in values:
        obj = put(store, value)
        path = store.path(obj.uri)
        path.chmod(0o644)
        content = bytearray(path.read_bytes())
        content[4] ^= 1  # within the data, also of a table, whose first four bytes are a signature
        path.write_bytes(content)
        assert not store.verify(obj)


def test_objects_are_read_only(store: LocalStore) -> None:
    assert store.path(put(store, FRAME).uri).stat().st_mode & 0o222 == 0


def test_a_missing_object_is_named(store: LocalStore) -> None:
    obj = put(store, FRAME)
    store.path(obj.uri).unlink()
    assert not store.exists(obj.uri)
    for call in (store.load, store.verify):
        with pytest.raises(OutputLostError, match=obj.uri.split("/")[-1]) as caught:
            call(obj)
        assert caught.value.hint


@pytest.mark.parametrize("value", [FRAME, b"some bytes", {"a": 1}, "text"], ids=["table", "bytes", "json", "text"])
def test_a_cut_object_is_damaged_and_never_read_as_if_whole(store: LocalStore, value: object) -> None:
    obj = put(store, value)
    store.path(obj.uri).chmod(0o644)
    os.truncate(store.path(obj.uri), obj.bytes - 1)
    with pytest.raises(OutputLostError, match="is damaged") as caught:
        store.load(obj)
    assert caught.value.hint


def test_nothing_is_left_behind_when_the_query_of_a_lazy_frame_fails(store: LocalStore) -> None:
    def explode(_: pl.DataFrame) -> pl.DataFrame:
        raise RuntimeError("row 2 is bad")

    failing = [
        FRAME.lazy().select("no_such_column"),
        FRAME.lazy().map_batches(explode, schema={"a": pl.Int64}),
        FRAME.lazy().select(pl.col("a").cast(pl.String) + "x").cast(pl.Int64),
        pl.scan_parquet("no_such_file.parquet"),
    ]
    for frame in failing:
        with pytest.raises(Exception) as caught:  # the asset's own error, whatever it is
            put(store, frame)
        assert not isinstance(caught.value, StoreError)
    assert files(store) == []


def test_a_generator_that_fails_leaves_nothing(store: LocalStore) -> None:
    pa = pytest.importorskip("pyarrow")

    def batches() -> Iterator[object]:
        yield pa.record_batch({"a": [1]})
        raise ValueError("connection lost")

    reader = pa.RecordBatchReader.from_batches(pa.schema({"a": pa.int64()}), batches())
    with pytest.raises(Exception, match="connection lost"):
        put(store, reader)
    assert files(store) == []


def test_a_store_that_cannot_be_a_folder_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    with pytest.raises(StoreError, match=r"`marts/t@2013-01-01`") as caught:
        put(LocalStore(tmp_path / "store"), FRAME)
    assert caught.value.hint
    assert str(tmp_path) in caught.value.message


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import polars as pl
from assetflow.errors import StoreError
from assetflow.store import LocalStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = LocalStore(Path(sys.argv[1]))
small = store.write(1, asset="t", partition=None)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
frame = pl.select(pl.int_range(1_000_000).shuffle(seed=1).alias("a"))
for value in (frame, frame.lazy(), b"x" * 1_000_000):
    try:
        store.write(value, asset="t", partition=None)
    except StoreError as error:
        print(error.slug, bool(error.hint), "`t`" in error.message)
print(store.load(small), sum(1 for path in store.root.rglob("*") if path.is_file()))
"""


@pytest.mark.skipif(os.name == "nt", reason="no file size limits")
def test_a_file_that_cannot_grow_is_a_store_error_and_leaves_nothing(tmp_path: Path) -> None:
    # a limit on file size fails writes as a full disk does, without needing one
    done = run(FULL_DISK, tmp_path / "store")
    assert done.stdout.split("\n")[:4] == ["store True True"] * 3 + ["1 1"], done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_the_text_of_an_engine_about_a_full_disk_is_understood() -> None:
    from assetflow.store.atomic import os_error_number

    with pytest.raises(Exception, match="No space left") as caught:
        FRAME.lazy().sink_parquet("/dev/full")
    assert os_error_number(caught.value) == 28
    with pytest.raises(duckdb.Error, match="No space left") as refused:
        duckdb.execute("copy (from range(100)) to '/dev/full' (format parquet)")
    assert os_error_number(refused.value) == 28


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_without_permission_is_a_store_error(tmp_path: Path) -> None:
    root = tmp_path / "store"
    root.mkdir()
    root.chmod(0o555)
    with pytest.raises(StoreError, match="ermission") as caught:
        put(LocalStore(root), FRAME)
    assert "writable" in (caught.value.hint or "")


KILLED = """
import sys
from pathlib import Path
import polars as pl
from assetflow.store import LocalStore
store = LocalStore(Path(sys.argv[1]))
print("ready", flush=True)
for number in range(1_000_000):
    obj = store.write(pl.select(pl.int_range(200_000) + number), asset="t", partition=None)
    print(obj.uri, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_killed_writer_leaves_whole_objects_only(tmp_path: Path) -> None:
    root = tmp_path / "store"
    for wanted in (1, 3, 5):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(root)], stdout=subprocess.PIPE, text=True, env=environment()
        )
        assert child.stdout is not None
        said = [child.stdout.readline().strip() for _ in range(wanted + 1)][1:]
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert all((root / uri).exists() for uri in said)
    for path in root.rglob("*.parquet"):
        frame = pl.read_parquet(path)
        again = LocalStore(tmp_path / "other").write(frame, asset="t", partition=None)
        assert path.name == again.uri.split("/")[-1]


def test_threads_that_write_equal_content_meet_in_one_object(store: LocalStore) -> None:
    start = threading.Barrier(8)
    found: list[StoredObject] = []

    def work() -> None:
        start.wait()
        found.extend(put(store, pl.DataFrame({"a": [number % 5]}), durable=False) for number in range(20))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 160
    assert len({obj.uri for obj in found}) == 5
    assert files(store) == sorted({obj.uri for obj in found})
    assert all(store.verify(obj) for obj in found)


def test_sync_flushes_what_was_written_without(store: LocalStore) -> None:
    objs = [put(store, number, durable=False) for number in range(3)]
    store.sync(obj.uri for obj in objs)
    with pytest.raises(StoreError):
        store.sync(["marts/gone.json"])


# --- files and folders -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("model.onnx", ".onnx"), ("A.TAR.GZ", ".tar.gz"), ("plain", ""), ("x.a b", ""), ("v1.2/no", "")],
)
def test_a_path_is_copied_with_its_suffix(store: LocalStore, tmp_path: Path, name: str, suffix: str) -> None:
    source = tmp_path / name
    source.parent.mkdir(exist_ok=True)
    source.write_bytes(b"weights" * 1000)
    obj = put(store, source)
    source.unlink()
    loaded = store.load(obj)
    assert loaded.name == obj.data_version.removeprefix("d1:") + suffix
    assert loaded.read_bytes() == store.load(obj, bytes) == b"weights" * 1000
    assert store.verify(obj)


def test_the_suffix_of_a_file_counts_and_its_name_does_not(store: LocalStore, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv", "a.txt"):
        (tmp_path / name).write_text("x\n1\n")
    csv, same, other = (put(store, tmp_path / name).data_version for name in ("a.csv", "b.csv", "a.txt"))
    assert csv == same != other


def test_a_stored_csv_file_can_be_read_as_a_frame(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,a\n")
    obj = put(store, tmp_path / "a.csv")
    assert store.load(obj, pl.DataFrame).rows() == [(1, "a")]
    assert store.load(obj, str) == "x,y\n1,a\n"


def make_folder(folder: Path) -> Path:
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "sub" / "deep" / "a.txt").write_text("a")
    (folder / "b.txt").write_text("b")
    return folder


def test_a_folder_is_copied_as_a_tree(store: LocalStore, tmp_path: Path) -> None:
    obj = put(store, make_folder(tmp_path / "one"))
    loaded = store.load(obj, Path)
    assert sorted(path.relative_to(loaded).as_posix() for path in loaded.rglob("*.txt")) == [
        "b.txt", "sub/deep/a.txt",
    ]  # fmt: skip
    assert (obj.format, obj.bytes) == ("folder", 2)
    assert put(store, make_folder(tmp_path / "two")) == obj
    assert store.verify(obj)


@pytest.mark.parametrize("edit", ["content", "name", "extra"])
def test_any_edit_of_a_folder_is_another_version(store: LocalStore, tmp_path: Path, edit: str) -> None:
    before = put(store, make_folder(tmp_path / "one")).data_version
    folder = make_folder(tmp_path / "two")
    if edit == "content":
        (folder / "b.txt").write_text("c")
    elif edit == "name":
        (folder / "b.txt").rename(folder / "c.txt")
    else:
        (folder / "empty.txt").write_text("")
    assert put(store, folder).data_version != before


def test_a_damaged_folder_is_replaced(store: LocalStore, tmp_path: Path) -> None:
    obj = put(store, make_folder(tmp_path / "one"))
    (store.path(obj.uri) / "b.txt").unlink()
    assert not store.verify(obj)
    assert put(store, tmp_path / "one") == obj
    assert store.verify(obj)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_to_folders_are_refused(store: LocalStore, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "one")
    (folder / "loop").symlink_to(folder)
    with pytest.raises(FormatError, match="loop"):
        put(store, folder)
    assert files(store) == []


def test_a_path_without_a_file_is_refused(store: LocalStore, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"gone\.csv") as caught:
        put(store, tmp_path / "gone.csv")
    assert "write the file" in (caught.value.hint or "")


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


def run(program: str, *arguments: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True, env=environment()
    )
