"""The JSON that commands print, and that stdout holds nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.calling import assetflow, process, write

NUMBERS = """
import assetflow as af


@af.asset(tags={"size": "small"}, owners=["ada"])
def one() -> int:
    print("made one")
    return 1


@af.asset(partitions=af.StaticPartitions(["a", "b"]))
def letters(one: int) -> str:
    return "x"


@af.asset
def broken(one: int) -> int:
    raise ValueError("no")


@af.asset
def behind(broken: int) -> int:
    return broken
"""


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    return write(tmp_path, {"assets/numbers.py": NUMBERS})


def test_plan(numbers: Path) -> None:
    document = assetflow("plan", "letters", "--json", at=numbers).json
    assert document.keys() == {"environment", "as_of", "steps", "fresh", "notes"}
    assert document["environment"] == "prod"
    assert document["as_of"].endswith("Z")
    assert document["fresh"] == 0
    missing = [{"kind": "missing"}]
    assert document["steps"] == [
        {"asset": "one", "partitions": None, "conditional": False, "causes": missing},
        {"asset": "letters", "partitions": {"count": 2, "keys": ["a", "b"]}, "conditional": False, "causes": missing},
    ]


def test_a_plan_names_ranges_above_a_thousand_partitions_unless_expanded(tmp_path: Path) -> None:
    text = (
        "import assetflow as af\n\n\n"
        "@af.asset(partitions=af.HourlyPartitions('2025-01-01', '2025-03-01'))\n"
        "def hours() -> int:\n    return 1\n"
    )
    write(tmp_path, {"assets/hours.py": text})
    (step,) = assetflow("plan", "--json", at=tmp_path).json["steps"]
    assert step["partitions"] == {"count": 1416, "ranges": [["2025-01-01-00:00", "2025-02-28-23:00"]]}
    (step,) = assetflow("plan", "--json", "--expand", at=tmp_path).json["steps"]
    assert len(step["partitions"]["keys"]) == 1416


def test_materialize_and_run_print_one_document(numbers: Path) -> None:
    ended = assetflow("materialize", "--json", "--workers", "1", at=numbers)
    assert ended.code == 1
    document = ended.json
    assert document.keys() == {
        "run_id", "status", "environment", "started_at", "finished_at", "counts", "steps",
    }  # fmt: skip
    assert document["status"] == "failed"
    assert document["counts"] == {
        "materialized": 3, "reused": 0, "unchanged": 0, "skipped": 1, "failed": 1, "canceled": 0, "fresh": 0,
    }  # fmt: skip
    by_asset = {(step["asset"], step["partition"]): step for step in document["steps"]}
    assert by_asset["letters", "a"]["status"] == "materialized"
    assert by_asset["broken", None]["error"] == "ValueError: no"
    assert by_asset["behind", None]["caused_by"] == "broken"
    assert "made one" in ended.err
    again = assetflow("run", document["run_id"][:18], "--json", at=numbers).json
    assert {name: again[name] for name in document if name != "steps"} == {
        name: document[name] for name in document if name != "steps"
    }
    for before, after in zip(document["steps"], again["steps"], strict=True):
        assert after.keys() == before.keys()
        assert {**after, "traceback": None} == {**before, "traceback": None}


def test_list(numbers: Path) -> None:
    assetflow("materialize", "letters@a", at=numbers)
    rows = {row["asset"]: row for row in assetflow("list", "--json", at=numbers).json}
    assert set(rows) == {"one", "letters", "broken", "behind"}
    wanted = {"asset", "group", "kind", "partitions", "verdict", "tags", "owners", "description", "upstreams"}
    assert wanted <= rows["one"].keys()
    assert rows["one"]["verdict"] == "fresh"
    assert rows["one"]["tags"] == {"size": "small"}
    assert rows["one"]["owners"] == ["ada"]
    assert rows["one"]["partitions"] is None
    assert rows["letters"]["partitions"] == {"count": 2, "materialized": 1}
    assert rows["letters"]["upstreams"] == ["one"]


def test_lineage(numbers: Path) -> None:
    assetflow("materialize", "letters", at=numbers)
    document = assetflow("lineage", "letters@a", "--json", at=numbers).json
    assert document.keys() == {"asset", "partition", "materialization", "upstream", "downstream"}
    assert document["materialization"] is not None
    (edge,) = document["upstream"]
    assert edge.keys() == {
        "asset", "partition", "materialization", "data_version", "input_asset", "input_partition",
        "input_materialization", "input_data_version", "depth",
    }  # fmt: skip
    assert (edge["asset"], edge["partition"], edge["input_asset"], edge["depth"]) == ("letters", "a", "one", 1)
    assert edge["materialization"] == document["materialization"]


def test_query(numbers: Path) -> None:
    assetflow("materialize", "one", at=numbers)
    assert assetflow("query", "select asset, rows from materializations", "--json", at=numbers).json == [
        {"asset": "one", "rows": None}
    ]
    assert assetflow("query", "-", "--format", "json", stdin="select 1 as a\n", at=numbers).json == [{"a": 1}]


@pytest.mark.parametrize(
    "args",
    [
        ("show", "one"), ("show", "letters@a"), ("status",), ("history", "one"), ("runs",), ("logs", "last"),
        ("config",), ("graph",), ("validate",), ("catalog", "rebuild"), ("plan", "--explain"), ("query", "--list"),
        ("plan", "--explain", "behind"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_every_other_command_prints_one_document(args: tuple[str, ...], numbers: Path) -> None:
    assetflow("materialize", "letters", at=numbers)
    for given in ((*args, "--json"), ("--json", *args)):
        ended = assetflow(*given, at=numbers)
        assert ended.code == 0, ended.err
        assert ended.json is not None


def test_status_names_live_counts_and_failures(numbers: Path) -> None:
    assetflow("materialize", at=numbers)
    document = assetflow("status", "--json", at=numbers).json
    assert document["counts"] == {"fresh": 3, "stale": 0, "missing": 2, "overdue": 0}
    assert document["running"] == []
    (failure,) = document["failures"]
    assert (failure["asset"], failure["error"]["message"]) == ("broken", "no")


def test_explanations_are_given_with_their_depth(numbers: Path) -> None:
    assetflow("materialize", "one", at=numbers)
    nodes = assetflow("plan", "behind", "--explain", "--json", at=numbers).json["nodes"]
    assert [(node["asset"], node["depth"], node["verdict"]) for node in nodes] == [
        ("behind", 0, "missing"), ("broken", 1, "missing"), ("one", 2, "fresh"),
    ]  # fmt: skip
    assert nodes[2]["groups"][0]["held"]


def test_quiet_leaves_talk_out_and_keeps_errors(numbers: Path) -> None:
    quiet = assetflow("materialize", "one", "-q", at=numbers)
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")
    failed = assetflow("-q", "materialize", "broken", at=numbers)
    assert failed.code == 1
    assert "ValueError: no" in failed.err


def test_projects_are_found_from_below_and_from_elsewhere(
    numbers: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    expected = assetflow("list", "--json", at=numbers).json
    assert assetflow("list", "--json", at=numbers / "assets").json == expected
    assert assetflow("-C", str(numbers), "list", "--json", at=elsewhere).json == expected
    assert assetflow("list", "--project", str(numbers / "assets"), "--json", at=elsewhere).json == expected
    drawn = assetflow("graph", "-C", str(numbers), "-o", "graph.svg", at=elsewhere)
    assert drawn.code == 0
    assert (elsewhere / "graph.svg").read_text("utf-8").lstrip().startswith("<svg")


SECRET = """
import pydantic

import assetflow as af


class Login(af.Config):
    user: str = "ada"
    password: pydantic.SecretStr = pydantic.SecretStr("")


@af.asset
def table(config: Login) -> str:
    return config.user
"""


def test_secrets_are_shown_nowhere_and_a_run_with_one_is_not_resumed(tmp_path: Path) -> None:
    write(tmp_path, {
        "assets/table.py": SECRET,
        "pyproject.toml": '[tool.assetflow.config.table]\nuser = "grace"\npassword = "hunter2"\n',
    })  # fmt: skip
    shown = assetflow("config", "--json", at=tmp_path)
    assert shown.json["settings"]["config"]["value"] == {"table": {"user": "grace", "password": "********"}}
    given = ("-p", "table.password=swordfish", "-p", "table.user=edsger")
    assert assetflow("materialize", *given, at=tmp_path).code == 0
    for args in (("runs",), ("run", "last"), ("show", "table"), ("history", "table"), ("config",)):
        text = assetflow(*args, "--json", at=tmp_path).out
        assert "hunter2" not in text
        assert "swordfish" not in text
    for path in tmp_path.joinpath("catalog").rglob("*"):
        assert path.is_dir() or b"swordfish" not in path.read_bytes(), path
    refused = assetflow("resume", "last", at=tmp_path)
    assert refused.code == 2
    assert "secrets" in refused.err


def test_a_resumed_run_repeats_the_config_it_was_given(tmp_path: Path) -> None:
    write(tmp_path, {"assets/a.py": "import assetflow as af\n\n\n@af.asset\ndef a(n: int = 1) -> int:\n    return n\n"})
    assert assetflow("materialize", "-p", "a.n=5", at=tmp_path).code == 0
    assert assetflow("resume", "last", at=tmp_path).out == "everything is fresh: 1 asset\n"
    assert assetflow("materialize", at=tmp_path).code == 0
    run = assetflow("run", "last", "--json", at=tmp_path).json
    assert run["steps"][0]["causes"][0]["kind"] == "config_changed"


NOISY = """\
import os

import assetflow as af

print("while loading")
os.system("echo from a process")


@af.asset
def noisy() -> int:
    print("in a step")
    os.system("echo from a process of a step")
    os.write(1, b"past every stream")
    return 1
"""


@pytest.mark.parametrize(
    "args", [("list",), ("plan",), ("materialize",), ("show", "noisy"), ("graph",), ("query", "select 1 as x")]
)
def test_what_the_project_prints_is_no_part_of_the_document(args: tuple[str, ...], tmp_path: Path) -> None:
    ended = process(*args, "--json", at=write(tmp_path, {"assets/noisy.py": NOISY}))
    assert ended.code == 0
    assert ended.json
    assert "while loading" in ended.err
    assert "from a process" in ended.err


def test_what_a_module_prints_is_no_part_of_a_table(tmp_path: Path) -> None:
    root = write(tmp_path, {"assets/noisy.py": 'print("while loading")\n'})
    ended = process("query", "select 1 as x", "--format", "csv", at=root)
    assert (ended.out, ended.err) == ("x\n1\n", "while loading\n")
