"""OpenLineage: events are what its own Python package accepts, and a receiver in trouble harms nothing."""

from __future__ import annotations

import enum
import importlib
import json
import pkgutil
import socket
import threading
import types
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import attr
import openlineage.client.generated as generated
import pytest
from openlineage.client.generated import base

import assetflow as af
from assetflow.catalog.rows import ColumnEdge
from assetflow.project.openlineage.facets import _VERSIONS, column_lineage
from tests.cli.calling import Ended, assetflow, environment, write

# --- the oracle: the classes that the specification's own generator made of its schemas ------------------------------


def classes() -> Iterator[type]:
    for found in pkgutil.iter_modules(generated.__path__):
        module = importlib.import_module(f"{generated.__name__}.{found.name}")
        for value in vars(module).values():
            if isinstance(value, type) and attr.has(value) and value.__module__ == module.__name__:
                yield value


BY_URL = {cls._get_schema(): cls for cls in classes() if hasattr(cls, "_get_schema")}
META = {"_producer", "_schemaURL"}
EVENTS = {"RunEvent": base.RunEvent, "JobEvent": base.JobEvent, "DatasetEvent": base.DatasetEvent}


def check(cls: Any, value: Any, where: str) -> Any:
    """The value as an instance of a class or type of the package; an AssertionError names what does not fit."""
    origin, args = typing.get_origin(cls), typing.get_args(cls)
    if origin in (typing.Union, types.UnionType):
        (inner,) = [each for each in args if each is not type(None)]
        return check(inner, value, where)
    if origin is list:
        return [check(args[0], each, f"{where}[{at}]") for at, each in enumerate(value)]
    if origin is dict:
        if args[1] is not str and isinstance(args[1], type) and issubclass(args[1], base.BaseFacet):
            return {name: check_facet(args[1], each, f"{where}.{name}") for name, each in value.items()}
        return {name: check(args[1], each, f"{where}.{name}") for name, each in value.items()}
    if isinstance(cls, type) and issubclass(cls, enum.Enum):
        return cls(value)
    if not attr.has(cls):
        assert isinstance(value, (int, float) if cls is float else cls), f"{where}: {value!r} is no {cls.__name__}"
        return value
    fields = {field.name: field for field in attr.fields(attr.resolve_types(cls))}
    unknown = value.keys() - fields.keys() - META
    assert not unknown, f"{where}: {cls.__name__} has no {unknown}"
    required = {name for name, field in fields.items() if field.default is attr.NOTHING}
    assert required <= value.keys(), f"{where}: {cls.__name__} lacks {required - value.keys()}"
    known = {
        name: check(fields[name].type, each, f"{where}.{name}") for name, each in value.items() if name not in META
    }
    return cls(**{name: each for name, each in known.items() if fields[name].init})


def check_facet(kind: type, value: Any, where: str) -> Any:
    assert value.keys() >= META, f"{where} lacks {META - value.keys()}"
    cls = BY_URL[value["_schemaURL"]]
    if where.rpartition(".")[2].startswith("assetflow_"):
        assert cls is kind, f"{where}: a facet of our own names the kind it is"
        return cls()
    assert issubclass(cls, kind), f"{where}: {cls.__name__} is no {kind.__name__}"
    return check(cls, value, where)


def checked(event: dict[str, Any]) -> Any:
    cls = EVENTS[event["schemaURL"].rpartition("/")[2]]
    assert event["schemaURL"] == cls._get_schema() if hasattr(cls, "_get_schema") else True
    assert event["producer"] == f"urn:assetflow:{af.__version__}"
    return check(cls, event, cls.__name__)


def test_the_oracle_refuses_what_is_wrong() -> None:
    good: dict[str, Any] = {
        "eventTime": "2026-01-31T12:00:00Z", "producer": f"urn:assetflow:{af.__version__}",
        "run": {"runId": "00000000-0000-4000-8000-000000000000"},
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "job": {"namespace": "n", "name": "j"}, "eventType": "START",
    }  # fmt: skip
    checked(good)
    for wrong in (
        {"eventType": "BEGIN"},
        {"eventTime": "yesterday"},
        {"run": {"runId": "7"}},
        {"job": {"name": "j"}},
        {"x": 1},
    ):
        with pytest.raises((AssertionError, ValueError)):
            checked({**good, **wrong})


# --- events ----------------------------------------------------------------------------------------------------------

ASSETS = '''
import polars as pl
import assetflow as af

orders_raw = af.source("orders_raw", path="orders.csv")

@af.asset(owners=["team@example.org"])
def orders(orders_raw: pl.DataFrame) -> pl.DataFrame:
    """What was ordered."""
    return orders_raw

@af.asset
def revenue(orders: pl.DataFrame) -> int:
    return int(orders["amount"].sum())

@af.asset
def broken(orders: pl.DataFrame) -> int:
    raise ValueError("no way")

@af.asset
def after(broken: int) -> int:
    return broken

@af.asset(retry=af.RetryPolicy(max_retries=1, delay=0))
def stubborn(context: af.Context) -> int:
    if context.attempt == 1:
        raise OSError("again")
    return 1
'''


def project(folder: Path, settings: str, assets: str = ASSETS) -> Path:
    return write(
        folder,
        {
            "pyproject.toml": f"[tool.assetflow]\n[tool.assetflow.openlineage]\n{settings}\n",
            "assets/shop.py": assets,
            "orders.csv": "id,amount\n1,3\n2,4\n",
        },
    )


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = project(tmp_path_factory.mktemp("told") / "shop", 'path = "out/events.jsonl"')
    assert assetflow("materialize", "-q", at=folder).code == 1
    return lines(folder / "out" / "events.jsonl")


def of(told: list[dict[str, Any]], job: str) -> list[dict[str, Any]]:
    return [event for event in told if "run" in event and event["job"]["name"] == job]


def test_every_event_is_valid(told: list[dict[str, Any]]) -> None:
    kinds = {type(checked(event)) for event in told}
    assert kinds == {base.RunEvent, base.JobEvent, base.DatasetEvent}


def test_a_run_and_each_step_begin_and_end(told: list[dict[str, Any]]) -> None:
    kinds = {job: [e["eventType"] for e in of(told, job)] for job in ("assetflow.materialize", "orders", "stubborn")}
    assert kinds == {
        "assetflow.materialize": ["START", "FAIL"],
        "orders": ["START", "COMPLETE"],
        "stubborn": ["START", "RUNNING", "RUNNING", "COMPLETE"],
    }
    assert [event["eventType"] for event in of(told, "broken")][-1] == "FAIL"
    assert [event["eventType"] for event in of(told, "after")] == ["START", "ABORT"]
    parents = {e["run"]["facets"]["parent"]["run"]["runId"] for e in of(told, "orders")}
    assert parents == {of(told, "assetflow.materialize")[0]["run"]["runId"]}
    assert len({event["run"]["runId"] for event in told if "run" in event}) == 6


def test_facets_say_what_was_made_of_what(told: list[dict[str, Any]]) -> None:
    done = of(told, "orders")[-1]
    (output,) = done["outputs"]
    assert [column["name"] for column in output["facets"]["schema"]["fields"]] == ["id", "amount"]
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 2
    assert [dataset["name"] for dataset in done["inputs"]] == ["orders_raw"]
    assert output["namespace"] == "shop"
    read = of(told, "revenue")[-1]["inputs"][0]
    assert read["facets"]["version"]["datasetVersion"] == output["facets"]["version"]["datasetVersion"]
    assert read["inputFacets"]["dataQualityMetrics"]["rowCount"] == 2
    start = of(told, "orders")[0]["job"]["facets"]
    assert "def orders" in start["sourceCode"]["sourceCode"]
    assert start["documentation"]["description"] == "What was ordered."
    assert start["ownership"]["owners"] == [{"name": "team@example.org"}]
    failure = of(told, "broken")[-1]["run"]["facets"]["errorMessage"]
    assert failure["message"] == "ValueError: no way"
    assert "shop.py" in failure["stackTrace"]
    assert "broken" in of(told, "after")[-1]["run"]["facets"]["errorMessage"]["message"]
    (observed,) = [event for event in told if "dataset" in event]
    assert observed["dataset"]["name"] == "orders_raw"


MORE = """
import polars as pl
import assetflow as af

DAYS = af.DailyPartitions("2026-01-01", "2026-01-03")

bought = af.source("bought", path="orders.csv", description="What was bought.")

@af.asset(partitions=DAYS)
def daily(bought: pl.LazyFrame) -> pl.LazyFrame:
    return bought.filter(pl.col("id") > 0).select("amount")

monthly = af.sql_asset("monthly", "select sum(amount) as amount, count(*) as n from orders group by id % 2")
"""


def facets_of(value: Any) -> Iterator[str]:
    """The names of the schemas of all facets in an event."""
    if isinstance(value, dict):
        if "_schemaURL" in value:
            yield value["_schemaURL"].rpartition("/")[2]
        for each in value.values():
            yield from facets_of(each)
    elif isinstance(value, list):
        for each in value:
            yield from facets_of(each)


def test_every_facet_that_is_ever_told_is_told_here_and_valid(tmp_path: Path) -> None:
    folder = project(tmp_path / "shop", 'path = "events.jsonl"', ASSETS + MORE)
    for words in ((), ("--force",)):  # the second run knows the columns of what the first has made
        assert assetflow("materialize", "-q", *words, at=folder).code == 1
    events = lines(folder / "events.jsonl")
    for event in events:
        checked(event)
    assert {name for event in events for name in facets_of(event)} >= set(_VERSIONS)
    lineage = of(events, "monthly")[-1]["outputs"][0]["facets"]["columnLineage"]["fields"]
    assert [(each["name"], each["field"]) for each in lineage["amount"]["inputFields"] if each["name"] == "orders"]


def test_column_edges_are_told_with_their_kind() -> None:
    edges = [ColumnEdge("total", "orders", "amount", "value"), ColumnEdge("total", "orders", "day", "group key")]
    found = column_lineage(edges, namespace="shop")
    assert found is not None
    checked_facet = check_facet(base.DatasetFacet, found, "columnLineage")
    assert [field.field for field in checked_facet.fields["total"].inputFields] == ["amount", "day"]
    kinds = [field.transformations[0].type for field in checked_facet.fields["total"].inputFields]
    assert kinds == ["DIRECT", "INDIRECT"]
    assert column_lineage([], namespace="shop") is None


def test_to_the_console_events_are_lines_on_stderr(tmp_path: Path) -> None:
    folder = project(tmp_path, 'transport = "console"\nnamespace = "here"')
    done = assetflow("materialize", "orders", "--json", at=folder)
    assert done.json["status"] == "succeeded"
    events = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
    assert {event["job"]["namespace"] for event in events if "job" in event} == {"here"}
    for event in events:
        checked(event)


# --- receivers -------------------------------------------------------------------------------------------------------


class Receiver:
    """A real HTTP server that answers with one status after another, the last one for ever; None hangs up."""

    def __init__(self, *statuses: int | None) -> None:
        self.got: list[tuple[str, str | None, dict[str, Any]]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = statuses[min(len(receiver.got), len(statuses) - 1)]
                receiver.got.append((self.path, self.headers["Authorization"], json.loads(body)))
                if status is None:
                    self.connection.close()
                    return
                self.send_response(status)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def receiving(*statuses: int | None) -> Iterator[Receiver]:
    receiver = Receiver(*statuses)
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()


ONE = "import assetflow as af\n\n@af.asset\ndef one() -> int:\n    return 1\n"
EVENTS_OF_ONE = 5


def run_with(folder: Path, url: str, **more: str) -> Ended:
    project(folder, "", ONE)
    environ = environment(ASSETFLOW_OPENLINEAGE__URL=url, **more)
    return assetflow("materialize", "--json", at=folder, environ=environ)


def kept(folder: Path) -> list[dict[str, Any]]:
    path = folder / "catalog" / "openlineage-undelivered.jsonl"
    return lines(path) if path.exists() else []


def test_a_receiver_gets_every_event_in_order(tmp_path: Path) -> None:
    with receiving(201) as receiver:
        done = run_with(tmp_path, receiver.url, ASSETFLOW_OPENLINEAGE__API_KEY="s3cret")
    assert (done.code, len(receiver.got), kept(tmp_path)) == (0, EVENTS_OF_ONE, [])
    assert {(path, key) for path, key, _ in receiver.got} == {("/api/v1/lineage", "Bearer s3cret")}
    assert [body.get("eventType", "JOB") for _, _, body in receiver.got] == [
        "START",
        "JOB",
        "START",
        "COMPLETE",
        "COMPLETE",
    ]
    shown = assetflow("config", at=tmp_path, environ=environment(ASSETFLOW_OPENLINEAGE__API_KEY="s3cret"))
    assert "s3cret" not in shown.out


def test_a_receiver_that_stumbles_is_asked_again(tmp_path: Path) -> None:
    with receiving(503, 429, 201) as receiver:
        done = run_with(tmp_path, receiver.url)
    assert (done.code, len(receiver.got), kept(tmp_path)) == (0, EVENTS_OF_ONE + 2, [])
    assert "OpenLineage" not in done.err


@pytest.mark.parametrize(
    ("status", "asked"), [(500, 3), (None, 3), (400, EVENTS_OF_ONE)], ids=["errors", "hangs up", "refuses"]
)
def test_what_a_receiver_does_not_take_is_counted_and_kept(tmp_path: Path, status: int | None, asked: int) -> None:
    with receiving(status) as receiver:
        done = run_with(tmp_path, receiver.url)
    assert done.code == 0
    assert done.json["status"] == "succeeded"
    assert len(receiver.got) == asked
    assert f"{EVENTS_OF_ONE} OpenLineage events could not be delivered" in done.err
    for event in kept(tmp_path):
        checked(event)
    assert len(kept(tmp_path)) == EVENTS_OF_ONE


def test_a_receiver_that_never_answers_does_not_hold_up_the_run(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        done = run_with(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}", ASSETFLOW_OPENLINEAGE__TIMEOUT="600")
    assert done.code == 0
    assert f"{EVENTS_OF_ONE} OpenLineage events could not be delivered" in done.err
    assert len(kept(tmp_path)) == EVENTS_OF_ONE


def test_a_file_that_cannot_be_written_does_not_either(tmp_path: Path) -> None:
    folder = project(tmp_path, 'path = "orders.csv/events.jsonl"', ONE)
    done = assetflow("materialize", "--json", at=folder)
    assert done.code == 0
    assert f"{EVENTS_OF_ONE} OpenLineage events could not be delivered" in done.err


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ('ulr = "http://x"', "did you mean `url`?"),
        ('transport = "kafka"', "transport must be one of http, file, console"),
        ('transport = "http"', "transport `http` needs url"),
        ('url = "http://localhost"\npath = "told.jsonl"', "has url and path: say which one counts"),
        ('url = "http://exa mple:5000/"', "names no host and path"),
        ('url = "http://localhost:99999"', "names no host and path"),
        ('url = "http://"', "names no host and path"),
        ('url = "http://me:secret@localhost"', "must not hold a password"),
        ('url = "localhost:5000"', "must begin with http:// or https://"),
        ('url = "http://x"\ntimeout = "-1"', "timeout must be a number of seconds above 0"),
    ],
)
def test_settings_that_do_not_fit_are_named(tmp_path: Path, settings: str, words: str) -> None:
    done = assetflow("materialize", at=project(tmp_path, settings, ONE))
    assert done.code == 2
    assert words in done.err
