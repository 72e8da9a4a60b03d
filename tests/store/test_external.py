"""Files of others: read as asked by suffix, hashed by content."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pydantic
import pytest
from polars.testing import assert_frame_equal

from assetflow.errors import FormatError, ValueNotFoundError
from assetflow.store import hash_file, hash_files, read_file

FRAME = pl.DataFrame({"n": [1, 2, None], "s": ["a", "b", "c"]})
SUFFIXES = [".csv", ".tsv", ".csv.gz", ".CSV", ".parquet", ".json", ".ndjson", ".jsonl", ".ipc", ".arrow", ".feather"]


def save(folder: Path, suffix: str, frame: pl.DataFrame = FRAME, name: str = "orders [1]") -> Path:
    path = folder / f"{name}{suffix}"
    match suffix.lower():
        case ".csv":
            frame.write_csv(path)
        case ".tsv":
            frame.write_csv(path, separator="\t")
        case ".csv.gz":
            path.write_bytes(gzip.compress(frame.write_csv().encode()))
        case ".parquet":
            frame.write_parquet(path)
        case ".json":
            frame.write_json(path)
        case ".ndjson" | ".jsonl":
            frame.write_ndjson(path)
        case _:
            frame.write_ipc(path)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_frame_is_read_by_suffix(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path, suffix)
    assert_frame_equal(read_file(path, pl.DataFrame), FRAME)
    lazy = read_file(path, pl.LazyFrame)
    assert isinstance(lazy, pl.LazyFrame)
    assert_frame_equal(lazy.collect(), FRAME)


@pytest.mark.parametrize("suffix", SUFFIXES[:-3])
def test_a_relation_is_read_by_suffix(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path, suffix)
    assert read_file(path, duckdb.DuckDBPyRelation).fetchall() == FRAME.rows()


def test_a_type_that_shows_only_far_down_is_found(tmp_path: Path) -> None:
    frame = pl.DataFrame({"n": [str(number) for number in range(30_000)] + ["n/a"]})
    path = save(tmp_path, ".csv", frame)
    assert read_file(path, pl.DataFrame).schema == {"n": pl.String}
    assert read_file(path, duckdb.DuckDBPyRelation).types == ["VARCHAR"]


def test_the_file_itself(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_bytes("hé\r\n".encode())
    assert read_file(path, Path) == read_file(path) == path
    assert read_file(path, bytes) == "hé\r\n".encode()
    assert read_file(path, str) == "hé\r\n"
    assert read_file(str(path), "str") == "hé\r\n"  # type: ignore[arg-type]


def test_text_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(FormatError, match="UTF-8"):
        read_file(path, str)


class Settings(pydantic.BaseModel):
    n: int


def test_json_is_read_as_plain_values_and_models(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"n": 3}))
    assert read_file(path, dict[str, Any]) == {"n": 3}
    assert read_file(path, Settings) == Settings(n=3)
    with pytest.raises(FormatError, match=r"settings\.json"):
        read_file(path, list[int])


def test_several_files_are_one_table_or_one_value_each(tmp_path: Path) -> None:
    paths = [save(tmp_path, ".csv", FRAME.with_columns(n=pl.lit(number)), f"f{number}") for number in (2, 1)]
    assert read_file(paths, pl.DataFrame)["n"].to_list() == [2, 2, 2, 1, 1, 1]
    assert read_file(paths, duckdb.DuckDBPyRelation).aggregate("count(*)").fetchall() == [(6,)]
    assert read_file(paths, list[Path]) == read_file(paths) == paths
    assert list(read_file(paths, dict[str, pl.DataFrame])) == ["f2.csv", "f1.csv"]
    assert read_file(paths[:1], list[bytes]) == [paths[0].read_bytes()]
    with pytest.raises(FormatError, match="2 files") as caught:
        read_file(paths, bytes)
    assert "list[Path]" in (caught.value.hint or "")


def test_no_file_matches_a_glob(tmp_path: Path) -> None:
    assert read_file([], list[Path]) == []
    with pytest.raises(FormatError, match="no file"):
        read_file([], pl.DataFrame)


def test_an_unknown_suffix_names_what_works(tmp_path: Path) -> None:
    path = tmp_path / "a.xyz"
    path.write_text("x")
    for as_type in (pl.DataFrame, duckdb.DuckDBPyRelation, int):
        with pytest.raises(FormatError, match="xyz") as caught:
            read_file(path, as_type)
        assert "`Path`" in (caught.value.hint or "")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueNotFoundError, match=r"gone\.csv"):
        read_file(tmp_path / "gone.csv", pl.DataFrame)


def test_a_file_hash_follows_content_only(tmp_path: Path) -> None:
    one, other = tmp_path / "a", tmp_path / "b"
    one.write_bytes(b"x" * 3_000_000)
    other.write_bytes(b"x" * 3_000_000)
    assert hash_file(one) == hash_file(other)
    assert hash_file(one).startswith("f1:")
    assert len(hash_file(one)) == 3 + 32
    other.write_bytes(b"x" * 2_999_999 + b"y")
    assert hash_file(one) != hash_file(other)


def test_a_hash_of_files_follows_names_and_contents(tmp_path: Path) -> None:
    def folder(name: str, **contents: str) -> list[Path]:
        (tmp_path / name).mkdir()
        paths = []
        for file, content in contents.items():
            (tmp_path / name / file).write_text(content)
            paths.append(tmp_path / name / file)
        return paths

    base = hash_files(folder("one", a="1", b="2"))
    assert hash_files(folder("two", a="1", b="2")) == base
    assert hash_files(list(reversed(folder("three", b="2", a="1")))) == base
    different = [
        hash_files(folder("four", a="2", b="1")),
        hash_files(folder("five", a="1")),
        hash_files(folder("six", a="12", b="")),
        hash_files(folder("seven", a="1", c="2")),
        hash_files([]),
    ]
    assert len({base, *different}) == 6


def test_names_are_relative_to_the_root_given(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a").write_text("1")
    paths = [tmp_path / "x" / "a"]
    assert hash_files(paths, root=tmp_path) != hash_files(paths, root=tmp_path / "x")
