"""Facts attached to values: kept whatever they are, queryable, and read back as what they were."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import assetflow as af
from tests.cli.calling import assetflow, write

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\x9cc\xf8\xff\xff?\x00\x05\xfe\x02\xfe\xa75\x81\x84\x00\x00\x00\x00IEND\xaeB`\x82"
)
FRAME = pl.DataFrame({"a": [1, 2], "b": ["x", "y"]})
LONG = "long text " * 2000


def made(folder: Path, facts: dict[str, Any]) -> af.Project:
    @af.asset
    def thing() -> af.Result[int]:
        return af.Result(1, metadata=facts)

    project = af.Project([thing], root=folder)
    result = project.materialize()
    assert result.ok, result.steps[0].error
    return project


def test_facts_come_back_as_what_they_were(tmp_path: Path) -> None:
    rows = [{"day": "mon", "n": 1}, {"day": "tue", "n": 2}]
    facts = {
        "count": 3, "share": 0.25, "ok": True, "nothing": None, "words": "some", "list": [1, [2]],
        "when": datetime(2026, 1, 31, 12, tzinfo=UTC), "see": af.Link("https://example.org", "the site"),
        "note": af.Markdown("**bold**"), "long": LONG, "table": FRAME, "lazy": FRAME.lazy(), "rows": rows,
        "many": [{"n": n} for n in range(3000)], "picture": af.Image(PNG), "raw": PNG, "blob": b"\x00\x01",
        "tagged": {"$type": "mine"},
    }  # fmt: skip
    found = made(tmp_path, facts).metadata("thing")
    for name in ("table", "lazy"):
        assert found.pop(name).equals(FRAME), name
        facts.pop(name)
    assert (found.pop("picture"), facts.pop("picture").content) == (PNG, PNG)
    assert found == facts


def test_what_json_has_no_word_for_becomes_text(tmp_path: Path) -> None:
    found = made(
        tmp_path,
        {
            "deep": {"inf": math.inf, 7: {date(2026, 1, 31)}},
            "day": date(2026, 1, 31),
            "p": Path("a/b"),
        },
    )
    assert found.metadata("thing") == {
        "deep": {"inf": "inf", "7": ["2026-01-31"]}, "day": date(2026, 1, 31), "p": "a/b",
    }  # fmt: skip


def test_numbers_that_json_cannot_write_are_numbers(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    project = made(tmp_path, {"loss": math.nan, "best": -math.inf, "small": numpy.float32("inf"), "words": "nan"})
    project.rebuild_catalog()
    found = project.metadata("thing")
    assert math.isnan(found.pop("loss"))
    assert found == {"best": -math.inf, "small": math.inf, "words": "nan"}
    rows = project.query("select name, type, number from metadata where type = 'number' and not isfinite(number)")
    assert {row["name"] for row in rows} == {"loss", "best", "small"}


def test_the_text_of_a_link_in_sql_is_its_address(tmp_path: Path) -> None:
    project = made(tmp_path, {"see": af.Link("https://example.org", "here")})
    assert project.query("select type, text from metadata") == [{"type": "link", "text": "https://example.org"}]


class Silent:
    """Something that cannot even be told as text."""

    def __str__(self) -> str:
        raise ValueError("not me")


def test_what_holds_values_of_libraries_is_kept_whole(tmp_path: Path) -> None:
    numpy, pandas = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    facts = {
        "array": numpy.arange(3000), "matrix": numpy.eye(2), "scalar": numpy.float32(0.5), "series": FRAME["a"],
        "of_pandas": pandas.Series([1, 2]), "inside": {"frame": FRAME, "when": pandas.NaT}, "never": pandas.NaT,
        "set": {"b", "c", "a"}, "mutable": bytearray(PNG), "half": "a\ud800", "halves": "\ud800" * 9000,
        "large": 2**900, "larger": 10**5000, "rows_of_pandas": {"x": pandas.DataFrame({"a": [1]})},
    }  # fmt: skip
    project = made(tmp_path, facts)
    found = project.metadata("thing")
    assert found.pop("halves") == "\\ud800" * 9000
    assert found.pop("larger") == hex(10**5000)
    assert found == {
        "array": list(range(3000)), "matrix": [[1, 0], [0, 1]], "scalar": 0.5, "series": [1, 2], "of_pandas": [1, 2],
        "inside": {"frame": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], "when": "NaT"}, "never": "NaT",
        "set": ["a", "b", "c"], "mutable": PNG, "half": "a\\ud800", "large": 2**900,
        "rows_of_pandas": {"x": [{"a": 1}]},
    }  # fmt: skip
    (number,) = project.query("select number from metadata where name = 'large'")
    assert number["number"] == float(2**900)


def test_facts_are_rows_of_a_view(tmp_path: Path) -> None:
    facts = {
        "count": -3, "share": 0.5, "ok": False, "words": "some", "see": af.Link("https://example.org"), "table": FRAME,
        "it's \"odd\".name": [1], "nothing": None, "note": af.Markdown("*hm*"),
    }  # fmt: skip
    project = made(tmp_path, facts)
    rows = {row["name"]: row for row in project.query("select * from metadata")}
    kinds = {name: (row["type"], row["number"], row["text"]) for name, row in rows.items()}
    assert kinds == {
        "count": ("number", -3, None), "share": ("number", 0.5, None), "ok": ("boolean", None, None),
        "words": ("text", None, "some"), "see": ("link", None, "https://example.org"), "table": ("table", None, None),
        "it's \"odd\".name": ("json", None, None), "nothing": ("null", None, None), "note": ("markdown", None, "*hm*"),
    }  # fmt: skip
    stored = project.store.path(rows["table"]["uri"])
    assert project.query(f"select count(*) as n from read_parquet('{stored}')") == [{"n": 2}]
    assert {row["asset"] for row in rows.values()} == {"thing"}


def test_a_figure_is_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")

    @af.asset
    def thing() -> af.Result[int]:
        from matplotlib.figure import Figure

        figure = Figure()
        figure.subplots().plot([1, 2])
        return af.Result(1, metadata={"plain": figure, "wrapped": af.Image(figure)})

    project = af.Project([thing], root=tmp_path)
    assert project.materialize().ok
    found = project.metadata("thing")
    assert found["plain"].startswith(b"\x89PNG")
    assert found["wrapped"] == found["plain"]


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        (lambda folder: af.Image(b"hello"), "is no image: 5 bytes"),
        (lambda folder: af.Image(folder / "nowhere.png"), "cannot be read"),
        (lambda folder: cyclic(), "holds itself"),
        (lambda folder: Silent(), "a Silent, cannot be told as text: ValueError: not me"),
        (lambda folder: {1: "a", "1": "b"}, "has two keys that read `1`"),
    ],
)
def test_what_cannot_be_kept_fails_the_step_and_is_named(tmp_path: Path, fact: Any, words: str) -> None:
    @af.asset
    def thing() -> af.Result[int]:
        return af.Result(1, metadata={"odd": fact(tmp_path)})

    result = af.Project([thing], root=tmp_path).materialize()
    error = result.steps[0].error or ""
    assert words in error
    assert "metadata `odd` of `thing`" in error


def cyclic() -> list[Any]:
    ring: list[Any] = []
    ring.append(ring)
    return ring


def test_context_and_versions_before(tmp_path: Path) -> None:
    step = [0]

    @af.asset(partitions=af.StaticPartitions(["a"]))
    def part(context: af.Context) -> int:
        step[0] += 1
        context.add_metadata(step=step[0], table=FRAME)
        return step[0]

    project = af.Project([part], root=tmp_path)
    for _ in range(2):
        assert project.materialize(force=True).ok
    assert project.metadata("part", "a")["step"] == 2
    assert project.metadata("part", "a", at="previous")["step"] == 1


def test_show_tells_them(tmp_path: Path) -> None:
    code = """
import assetflow as af
import polars as pl

@af.asset
def thing() -> af.Result[int]:
    facts = {"see": af.Link("https://example.org", "here"), "table": pl.DataFrame({"a": [1, 2]}), "n": 3}
    return af.Result(1, metadata=facts)
"""
    write(tmp_path, {"assets/a.py": code})
    assert assetflow("materialize", "-q", at=tmp_path).code == 0
    shown = assetflow("show", "thing", at=tmp_path)
    assert shown.code == 0, shown.err
    assert "here: https://example.org" in shown.out
    assert "table of 2 rows" in shown.out


def test_nothing_that_a_value_or_a_name_holds_moves_the_screen(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pyproject.toml": "[tool.assetflow]\n",
            "assets/a.py": """
import assetflow as af

@af.asset
def note() -> af.Result[str]:
    return af.Result("plain\\n\\x1b[31mred\\ttab VERSION", metadata={"x" * 3000: 7, "short": 8})
""",
        },
    )
    assert assetflow("materialize", at=tmp_path).code == 0
    shown = assetflow("show", "note", at=tmp_path).out
    assert "plain\n\\x1b[31mred\ttab" in shown
    assert max(len(line) for line in shown.splitlines() if line.startswith(("short", "xxx"))) < 60
    (tmp_path / "assets" / "a.py").write_text((tmp_path / "assets" / "a.py").read_text().replace("VERSION", "2"))
    assert assetflow("materialize", at=tmp_path).code == 0
    assert "+\\x1b[31mred\ttab 2" in assetflow("diff", "note", at=tmp_path).out
