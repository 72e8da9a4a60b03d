"""What goes wrong in one place of a round, and what everything else makes of it: nothing."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from assetflow.scheduler.memory import read_memory
from tests.scheduler.sites import Site, asked


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.chdir(tmp_path)
    return Site(tmp_path)


def test_what_lacks_an_upstream_waits_and_the_rest_of_the_request_is_made(site: Site) -> None:
    site.write(
        "@af.asset\ndef raw(): return 1\n@af.asset(automation=af.eager())\ndef a(raw): return raw\n"
        "@af.asset\ndef prices(): return 2\n"
        "@af.asset(automation=af.missing())\ndef report(a, prices): return a + prices\n"
        "@af.asset(automation=af.missing())\ndef summary(report): return report\n"
    )
    with site.project() as project:
        project.materialize("raw")
    found = site.round(minutes=1)
    assert asked(found) == ["a", "report", "summary"]
    assert [each.status for each in found.ended] == ["succeeded"]
    assert not found.failed
    assert [fields["message"] for fields in site.heard("waiting")] == [
        "`report` waits for `prices`, which was never materialized",
        "`summary` waits for `report`, which was never materialized",
    ]
    assert site.made() == ["raw", "a"]
    site.clock.instant += timedelta(minutes=1)
    with site.project() as project:
        project.materialize("prices")
    assert asked(site.round(minutes=1)) == ["report", "summary"]
    assert site.made() == ["raw", "a", "prices", "report", "summary"]


def test_partitions_that_lack_an_upstream_wait_and_the_others_are_made(site: Site) -> None:
    site.write(
        'days = af.DailyPartitions("2025-12-28")\n@af.asset(partitions=days)\ndef day(): return 1\n'
        "@af.asset(partitions=days, automation=af.missing())\ndef copy(day): return day\n"
        '@af.asset(partitions=days, automation=af.missing(), inputs={"before": af.Dep("sums", '
        "mapping=af.TimeWindowMapping(-1, -1))})\ndef sums(copy, before): return copy + (before or 0)\n"
    )
    with site.project() as project:
        project.materialize("day", partitions=["2025-12-28", "2025-12-29", "2025-12-31"])
    site.round(minutes=1)
    assert site.made()[3:] == [
        "copy@2025-12-28", "copy@2025-12-29", "copy@2025-12-31", "sums@2025-12-28", "sums@2025-12-29",
    ]  # fmt: skip


def test_keys_that_a_sensor_adds_are_there_for_the_conditions_of_the_same_tick(site: Site) -> None:
    site.write(
        'keys = af.DynamicPartitions("keys")\n'
        "@af.asset(partitions=keys, automation=af.eager())\ndef part(context: af.Context): return 1\n"
        "@af.asset(automation=af.eager())\ndef total(part: list): return sum(part)\n"
        "@af.sensor(every='1m')\ndef s(context):\n    n = int(context.cursor or 0)\n    context.cursor = str(n + 1)\n"
        "    yield af.AddPartitions(name='keys', keys=f'k{n}')\n"
    )
    for later in (0, 1, 1):
        assert not site.round(minutes=later).failed
    assert site.made() == ["part@k0", "total", "part@k1", "total", "part@k2", "total"]


def test_who_dies_after_keys_were_added_asks_the_sensor_again(site: Site) -> None:
    site.write(
        'keys = af.DynamicPartitions("keys")\n@af.asset(partitions=keys)\ndef part(context: af.Context): return 1\n'
        "@af.sensor(every='1m')\ndef s(context):\n    n = int(context.cursor or 0)\n    context.cursor = str(n + 1)\n"
        "    yield af.AddPartitions(name='keys', keys=[f'k{n}'])\n"
        "    yield af.RunRequest(selection='part', partitions=f'k{n}', run_key=f'k{n}')\n"
        "@af.condition\ndef dies(view):\n    if os.path.exists('die'): raise KeyboardInterrupt\n    return False\n"
        "@af.asset(automation=dies)\ndef other(): return 1\n"
    )
    site.round()
    Path("die").touch()
    with pytest.raises(KeyboardInterrupt):
        site.round(minutes=1)
    with site.project() as project:
        assert project.partitions("keys") == ("k0", "k1")
        assert read_memory(project).get("sensor:s")["cursor"] == "1"
    Path("die").unlink()
    site.round(seconds=1)
    assert site.made() == ["part@k0", "part@k1"]


BAD = """
keys = af.DynamicPartitions("keys")
@af.asset(partitions=keys)
def part(context: af.Context): return 1
@af.asset
def a(): return 1

@af.sensor(every="1h", timeout="{timeout}")
def bad(context):
    import signal, sys, threading, time
    context.cursor = "moved"
    {body}

@af.sensor(every="1h")
def good(): return af.RunRequest(selection="a")
"""

NONSENSE = [
    ("sys.exit(3)", "SystemExit: 3"),
    ("raise GeneratorExit", "GeneratorExit"),
    ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ("os._exit(7)", "it ended its process (exit code 7)"),
    ("os.kill(os.getpid(), signal.SIGKILL)", "it ended its process (SIGKILL)"),
    ("os.closerange(0, 99); time.sleep(99)", "it ended its process (SIGKILL)"),
    ("return 3", "it returned 3"),
    ("return 'a'", "it returned 'a'"),
    ("return {'a': 1}", "it returned {'a': 1}"),
    ("return [None]", "it answered None, which is neither RunRequest nor AddPartitions"),
    ("return af.RunRequest", "it returned <class 'assetflow.define.schedule.RunRequest'>"),
    ("return af.RunRequest(config=3)", "RunRequest: config is 3"),
    ("return af.RunRequest(config={'a': {'b': object}})", "TypeError: Object of type type is not JSON serializable"),
    ("return af.RunRequest(run_key=5)", "RunRequest: run_key is 5"),
    ("return af.RunRequest(selection=[5])", "RunRequest: selection holds 5"),
    ("return af.AddPartitions(name='keys', keys=[1])", "AddPartitions: keys holds 1"),
    ("return af.AddPartitions(name='kyes', keys=['k'])", "no asset has dynamic partitions `kyes`"),
    ("context.cursor = 17", "its cursor is 17"),
    ("raise ValueError('x' * 3000)", f"ValueError: {'x' * 1988}… (1,012 characters more)"),
]


def test_sensors_that_go_wrong_are_shown_and_keep_their_cursors_and_the_others_go_on(site: Site) -> None:
    text = BAD.format(body="pass", timeout="1m")
    for number, (body, _) in enumerate(NONSENSE):
        text += f"@af.sensor(every='1h', timeout='20s')\ndef s{number}(context):\n    import signal, sys, time\n"
        text += f"    context.cursor = 'moved'\n    {body}\n"
    site.write(text)
    found = site.round()
    assert list(found.tick.errors) == [(f"s{number}", message) for number, (_, message) in enumerate(NONSENSE)]
    assert found.failed
    assert site.made() == ["a"]
    with site.project() as project:
        memory = read_memory(project)
    assert memory.get("sensor:bad")["cursor"] == "moved"
    assert [memory.get(f"sensor:s{number}").get("cursor") for number in range(len(NONSENSE))] == [None] * len(NONSENSE)


@pytest.mark.parametrize(
    "body",
    [
        "time.sleep(999)",
        "while True: pass",
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 20)); time.sleep(999)",
        "os.system('echo $$ > pid; exec sleep 999')",
    ],
)
def test_a_sensor_that_hangs_is_stopped_with_what_it_started(site: Site, body: str) -> None:
    site.write(BAD.format(body=body, timeout="0.5s"))
    found = site.round()
    assert found.tick.errors == (("bad", "it took longer than 0.5 seconds, and was stopped"),)
    assert site.made() == ["a"]
    pid = Path("pid")
    end = time.monotonic() + 30
    while pid.exists() and _lives(int(pid.read_text())):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_thread_that_a_sensor_leaves_behind_holds_nobody_up_and_prints_go_to_standard_error(
    site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    printing = "print('{\"began\": 1}\\n' * 3)"
    site.write(BAD.format(body=f"{printing}; threading.Thread(target=time.sleep, args=(999,)).start()", timeout="1m"))
    assert not site.round().failed
    assert site.made() == ["a"]
    out, err = capfd.readouterr()
    assert (out, err.count("began")) == ("", 3)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
