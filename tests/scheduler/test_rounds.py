"""Rounds of the scheduler on real projects: what is requested, what runs, and what is kept."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

import assetflow as af
from assetflow.errors import UsageError
from assetflow.scheduler.memory import read_memory
from assetflow.scheduler.sensors import SensorResult
from assetflow.scheduler.tick import tick
from assetflow.scheduler.up import only_one
from tests.scheduler.sites import START, Site, asked


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.chdir(tmp_path)
    return Site(tmp_path)


def test_eager_assets_are_made_at_first_sight_and_again_when_code_or_a_source_changes(site: Site) -> None:
    (site.root / "in.txt").write_text("1")
    text = (
        'inbox = af.source("inbox", path="in.txt")\n@af.asset(automation=af.eager())\ndef a(inbox: str): return inbox\n'
    )
    text += "@af.asset(automation=af.eager())\ndef b(a): return a + {}\n"
    site.write(text.format("'!'"))
    assert asked(site.round()) == ["a", "b"]
    assert asked(site.round(minutes=1)) == []
    site.write(text.format("'?'"))
    assert asked(site.round(minutes=1)) == ["b"]
    (site.root / "in.txt").write_text("2")
    assert asked(site.round(minutes=1)) == ["a", "b"]
    assert asked(site.round(minutes=1)) == []
    assert site.made() == ["a", "b", "b", "a", "b"]


def test_an_asset_without_a_condition_is_not_made_by_those_that_have_one(site: Site) -> None:
    site.write("@af.asset\ndef a(): return 1\n@af.asset(automation=af.eager())\ndef b(a): return a\n")
    assert asked(site.round()) == []
    with site.project() as project:
        project.materialize("a")
    assert asked(site.round(minutes=1)) == ["b"]
    site.write("@af.asset\ndef a(): return 2\n@af.asset(automation=af.eager())\ndef b(a): return a + 1\n")
    assert asked(site.round(minutes=1)) == ["b"]
    assert site.made() == ["a", "b", "b"]


def test_a_failure_is_not_repeated_until_the_code_changes(site: Site) -> None:
    site.write("@af.asset(automation=af.eager())\ndef a(): raise ValueError('no')\n")
    assert site.round().failed
    assert asked(site.round(minutes=1)) == []
    assert asked(site.round(hours=1)) == []
    site.write("@af.asset(automation=af.eager())\ndef a(): return 1\n")
    assert asked(site.round(minutes=1)) == ["a"]
    assert site.made() == ["a"]


def test_a_job_runs_once_for_the_ticks_that_passed_and_fetches_its_roots_anew(site: Site) -> None:
    site.write(
        "@af.asset\ndef a(): return 1\n@af.asset\ndef b(a): return a\n@af.asset(pure=True)\ndef p(): return 1\n"
        'af.job("daily", "*", cron="0 6 * * *", tz="Europe/Berlin")\n'
    )
    assert asked(site.round()) == []  # seen for the first time at six in Berlin: it waits for the next tick
    assert asked(site.round(hours=23)) == []
    assert asked(site.round(hours=1)) == ["*"]
    assert asked(site.round()) == []
    assert site.made() == ["a", "b", "p"]
    assert asked(site.round(days=5)) == ["*"]
    assert asked(site.round(minutes=1)) == []
    assert site.made() == ["a", "b", "p", "a"]


def test_a_clock_that_is_set_back_makes_nothing_happen_twice(site: Site) -> None:
    site.write(
        'af.job("hourly", "a", cron="0 * * * *")\n@af.asset\ndef a(): return 1\n'
        '@af.asset(automation=af.on_cron("0 * * * *"))\ndef c(): return 1\n'
    )
    site.round()
    assert asked(site.round(hours=1)) == ["a", "c"]
    assert asked(site.round(minutes=-30)) == []
    assert asked(site.round(minutes=30)) == []
    assert asked(site.round(minutes=59)) == []
    assert asked(site.round(minutes=1)) == ["a", "c"]
    assert asked(site.round(days=-40)) == []


def test_a_policy_is_acted_on_at_its_warning_and_a_failure_is_waited_with(site: Site) -> None:
    site.write(
        "@af.asset\ndef a():\n    if os.path.exists('bad'): raise ValueError('no')\n    return 1\n"
        '@af.asset(freshness=af.FreshnessPolicy(max_age="24h", warn_age="20h"))\ndef b(a): return a\n'
    )
    assert asked(site.round()) == []  # never made: that is not a matter of time
    with site.project() as project:
        project.materialize()
    assert asked(site.round(hours=19)) == []
    assert asked(site.round(hours=1)) == ["b"]
    assert site.made() == ["a", "b", "a", "b"]
    (site.root / "bad").touch()
    assert asked(site.round(hours=20)) == ["b"]
    assert asked(site.round(seconds=30)) == []
    assert asked(site.round(minutes=2)) == ["b"]
    assert asked(site.round(minutes=2)) == []
    (site.root / "bad").unlink()
    assert asked(site.round(hours=1)) == ["b"]
    assert asked(site.round(minutes=1)) == []


def test_of_windows_the_newest_is_brought_in_time(site: Site) -> None:
    site.write(
        'days = af.DailyPartitions("2025-12-25")\n@af.asset(partitions=days, '
        'freshness=af.FreshnessPolicy(max_age="30h", of="data"))\ndef a(context: af.Context): return 1\n'
    )
    with site.project() as project:
        project.materialize("a", partitions="2025-12-30")
    assert asked(site.round()) == []  # the data goes up to midnight of the 31st, 29 hours ago
    assert asked(site.round(hours=1)) == ["a@2025-12-31"]
    assert site.made() == ["a@2025-12-30", "a@2025-12-31"]


SENSORS = """
days = af.DynamicPartitions("files")
@af.asset(partitions=days)
def a(context: af.Context): return context.partition

@af.sensor(every="10m")
def files(context: af.SensorContext):
    seen = int(context.cursor or 0)
    context.cursor = str(seen + 1)
    yield af.AddPartitions(name="files", keys=[f"f{seen}"])
    yield af.RunRequest(selection="a", partitions=[f"f{seen}"], run_key=f"k{seen // 2}")

@af.sensor(every="10m")
def bad():
    raise RuntimeError("it rains")

@af.sensor(every="10m")
def strange():
    return [42]
"""


def test_sensors_are_asked_at_their_interval_each_apart_from_the_others(site: Site) -> None:
    site.write(SENSORS)
    found = site.round()
    assert asked(found) == ["a"]
    assert {where for where, _ in found.tick.errors} == {"bad", "strange"}
    assert found.tick.next == START + timedelta(minutes=10)
    assert asked(site.round(minutes=9)) == []
    assert asked(site.round(minutes=1)) == []  # the same run key
    assert asked(site.round(minutes=10)) == ["a"]
    assert site.made() == ["a@f0", "a@f2"]
    with site.project() as project:
        assert project.partitions("files") == ("f0", "f1", "f2")
        assert read_memory(project).get("sensor:bad")["error"] == "RuntimeError: it rains"


def test_a_tick_that_is_only_shown_writes_nothing(site: Site) -> None:
    site.write("@af.asset(automation=af.eager())\ndef a(): return 1\n")
    with site.project() as project:
        found = tick(project, read_memory(project), SensorResult())
        assert [request.selection for request in found.requests] == [("a",)]
    assert not (site.root / "catalog").exists()
    assert asked(site.round()) == ["a"]


def test_every_evaluation_is_kept_as_a_tree(site: Site) -> None:
    site.write("@af.asset(automation=af.missing() & ~af.failed())\ndef a(): return 1\n")
    site.round()
    with site.project() as project:
        (row,) = project.query("select asset, requested, tree from evaluations")
    tree = json.loads(row["tree"]) if isinstance(row["tree"], str) else row["tree"]
    assert (row["asset"], tree["condition"], tree["true"]) == ("a", "all of", True)
    assert [(child["condition"], child["true"]) for child in tree["children"]] == [
        ("missing()", True),
        ("~failed()", True),
    ]


DEADLY = """
@af.asset(automation=af.eager())
def a(): return 1

@af.asset(automation=af.eager())
def b(a):
    if os.path.exists("deadly"):
        os.kill(os.getpid(), 9)
    return a

af.job("hourly", "c", cron="0 * * * *")
@af.asset
def c():
    if os.path.exists("deadly-job"):
        os.kill(os.getpid(), 9)
    return 1
"""

KILLED = """
from datetime import datetime
import assetflow as af
from assetflow.model.clock import FixedClock
from assetflow.scheduler import act, memory
from assetflow.scheduler.act import carry_round
import os
{patch}
clock = FixedClock(datetime.fromisoformat({now!r}))
with af.Project.at({root!r}, clock=clock, environ={{}}) as project:
    carry_round(project, lambda what, fields: None)
"""


def killed(site: Site, patch: str = "") -> None:
    code = KILLED.format(now=site.clock.now().isoformat(), root=str(site.root), patch=patch)
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def test_a_round_that_is_killed_while_it_runs_is_taken_up_and_nothing_is_done_twice(site: Site) -> None:
    site.write(DEADLY)
    (site.root / "deadly").touch()
    killed(site)
    (site.root / "deadly").unlink()
    found = site.round(minutes=1)
    assert [(each.request.kind, each.status) for each in found.ended] == [("condition", "succeeded")]
    assert asked(found) == []
    assert sorted(site.made()) == ["a", "b"]
    with site.project() as project:
        assert read_memory(project).under("request:") == {}


def test_a_job_that_is_killed_runs_when_the_scheduler_is_back(site: Site) -> None:
    site.write(DEADLY)
    site.round()
    site.clock.instant += timedelta(hours=1)
    (site.root / "deadly-job").touch()
    killed(site)
    killed(site)
    (site.root / "deadly-job").unlink()
    found = site.round(minutes=1)
    assert [(each.request.by, each.status) for each in found.ended] == [("job `hourly`", "succeeded")]
    assert asked(site.round(minutes=1)) == []
    assert site.made().count("c") == 1


@pytest.mark.parametrize(
    "patch",
    [
        "act.tick = lambda *_: os.kill(os.getpid(), 9)",  # before anything is decided
        "act.write_memory = lambda *_: os.kill(os.getpid(), 9)",  # decided, and not recorded
        "act.add_partitions = lambda *_: os.kill(os.getpid(), 9)",  # recorded, and nothing carried out
        "act.Ended = lambda **_: os.kill(os.getpid(), 9)",  # carried out, and not recorded that it is
    ],
)
def test_wherever_a_round_dies_everything_is_made_exactly_once(site: Site, patch: str) -> None:
    site.write(DEADLY)
    killed(site, patch)
    site.round(seconds=1)
    assert asked(site.round(minutes=1)) == []
    assert sorted(site.made()) == ["a", "b"]


class Receiver(HTTPServer):
    """A web server that keeps what is posted to it, and refuses the first `refusals`."""

    def __init__(self, refusals: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.refusals = refusals
        self.posted: list[tuple[str, str | None, dict[str, Any]]] = []


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert isinstance(self.server, Receiver)
        if self.server.refusals:
            self.server.refusals -= 1
            self.send_response(503)
        else:
            self.server.posted.append((self.path, self.headers["Authorization"], body))
            self.send_response(204)
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        return


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


NOTIFIED = """
@af.asset(automation=af.eager(), freshness="2h")
def a():
    if os.path.exists("bad"): raise ValueError("no")
    return 1

af.notify("web", url="http://127.0.0.1:{port}/${{TOKEN}}",
    headers={{"Authorization": "Bearer ${{TOKEN}}"}}, retries={retries})
af.notify("file", command=["sh", "-c", "cat >> told.txt; echo >> told.txt"], on=["failed", "recovered"])
"""


def kinds(receiver: Receiver) -> list[str]:
    return [body["kind"] for _path, _token, body in receiver.posted]


def test_what_failed_recovered_and_was_overdue_is_told_once_to_everyone(tmp_path: Path, receiver: Receiver) -> None:
    site = Site(tmp_path, {"TOKEN": "s3cret", "PATH": "/usr/bin:/bin"})
    site.write(NOTIFIED.format(port=receiver.server_port, retries=0))
    site.round()
    (tmp_path / "bad").touch()
    site.round(hours=2)  # overdue, asked for, failed
    assert kinds(receiver) == ["overdue", "failed"]
    site.round(minutes=2)
    site.round(minutes=30)
    assert kinds(receiver) == ["overdue", "failed"]
    (tmp_path / "bad").unlink()
    site.round(hours=2)
    site.round(minutes=1)
    assert kinds(receiver) == ["overdue", "failed", "recovered", "in_time"]
    path, token, body = receiver.posted[1]
    assert (path, token) == ("/s3cret", "Bearer s3cret")
    assert (body["asset"], body["error"], body["text"]) == ("a", "ValueError: no", "`a` failed")
    told = [json.loads(line)["kind"] for line in (tmp_path / "told.txt").read_text().splitlines()]
    assert told == ["failed", "recovered"]


def test_a_sink_that_fails_harms_nothing_and_gets_its_notice_later(tmp_path: Path, receiver: Receiver) -> None:
    site = Site(tmp_path, {"TOKEN": "s3cret", "PATH": "/usr/bin:/bin"})
    site.write(NOTIFIED.format(port=receiver.server_port, retries=1))
    (tmp_path / "bad").touch()
    receiver.refusals = 2
    found = site.round()
    assert [each.status for each in found.ended] == ["failed"]
    (error,) = site.heard("error")
    assert error["where"] == "notify `web`"
    assert "503" in error["message"]
    assert kinds(receiver) == []
    site.round(minutes=1)
    site.round(minutes=1)
    assert kinds(receiver) == ["failed"]


def test_a_variable_that_is_not_set_is_told_of_and_its_value_never_shown(tmp_path: Path, receiver: Receiver) -> None:
    site = Site(tmp_path, {"PATH": "/usr/bin:/bin"})
    site.write(NOTIFIED.format(port=receiver.server_port, retries=0))
    (tmp_path / "bad").touch()
    site.round()
    (error,) = site.heard("error")
    assert "TOKEN is not set" in error["message"]
    site.environ = {"TOKEN": "s3cret", "PATH": "/usr/bin:/bin"}
    site.write(NOTIFIED.format(port="1", retries=0).replace("127.0.0.1:1", "${TOKEN}.invalid"))
    site.round(minutes=1)
    assert site.heard("error")
    assert "s3cret" not in json.dumps(site.told)


def test_there_is_one_scheduler_per_project(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(UsageError, match="another `assetflow up`") as caught, only_one(tmp_path):
        pass
    assert caught.value.payload["pid"]
    with only_one(tmp_path):
        pass


def test_a_job_that_selects_what_is_not_there_is_a_problem_of_the_file(site: Site) -> None:
    site.write('@af.asset\ndef report(): return 1\naf.job("daily", "+reprot", config={"reprot": {"x": 1}})\n')
    with pytest.raises(af.DefinitionError, match="job `daily`") as caught, site.project() as project:
        _ = project.graph
    assert "did you mean `report`?" in str(caught.value)


def test_two_jobs_of_one_name_are_a_problem(site: Site) -> None:
    site.write('@af.asset\ndef a(): return 1\naf.job("daily", "a")\naf.job("daily", "*")\n')
    with pytest.raises(af.DefinitionError, match="two of job `daily`"), site.project() as project:
        _ = project.graph


def test_a_request_that_cannot_be_carried_out_keeps_no_other_from_its_turn(site: Site) -> None:
    site.write(
        "@af.asset(automation=af.eager())\ndef a(): return 1\n"
        '@af.sensor(every="1h")\ndef wrong(): return af.RunRequest(selection="nothing-there")\n'
    )
    found = site.round()
    assert [(str(each.request.kind), each.status) for each in found.ended] == [
        ("condition", "succeeded"), ("sensor", "failed"),
    ]  # fmt: skip
    assert site.round(minutes=1).ended == ()


def test_an_asset_that_cannot_be_planned_holds_nobody_else_up(site: Site) -> None:
    site.write(
        "early = af.DailyPartitions('2025-11-01', '2025-11-05')\n"
        "late = af.DailyPartitions('2025-11-03', '2025-11-05')\n"
        "@af.asset(partitions=late)\ndef up(): return 1\n"
        "@af.asset(partitions=early)\ndef down(up: list[int]): return sum(up)\n"
        "@af.asset(automation=af.eager())\ndef further(down: list[int]): return sum(down)\n"
        "@af.asset(automation=af.eager())\ndef other(): return 1\n"
    )
    found = site.round()
    assert asked(found) == ["other"]
    ((where, message),) = found.tick.errors
    assert where == "down"
    assert message.startswith("cannot be planned: `down@2025-11-01..2025-11-02` needs partitions of `up`")
    assert site.made() == ["other"]
    assert asked(site.round(minutes=1)) == []
