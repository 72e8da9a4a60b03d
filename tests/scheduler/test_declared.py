"""What jobs, sensors, sinks, policies and conditions refuse when they are declared, each with the offending value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import assetflow as af
from assetflow.errors import AssetflowError, SettingsError

CENTURIES = timedelta(days=99_999)
URL = "http://x"


def sensor(fn: Any, **given: Any) -> Any:
    return af.sensor(**{"every": "1m", **given})(fn)


def two(a: Any, b: Any) -> None: ...


async def later() -> None: ...


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: af.job("j", 3), "job 'j': selection is 3"),  # type: ignore[arg-type]
    (lambda: af.job("j", ["a", 3]), "job 'j': selection holds 3"),  # type: ignore[list-item]
    (lambda: af.job("j", "a", tz="Europe/Berlin"), "job 'j': tz='Europe/Berlin' without cron"),
    (lambda: af.job("j", "a", refresh="no"), "job 'j': refresh is 'no'"),  # type: ignore[arg-type]
    (lambda: af.job("j", "a", config=3), "job 'j': config is 3"),  # type: ignore[arg-type]
    (lambda: af.job("j", "a", config={"a": 3}), "job 'j': config is {'a': 3}"),  # type: ignore[dict-item]
    (lambda: af.job("j", "a", cron="* * * * *", tz=None), "time zone None is no text"),  # type: ignore[arg-type]
    (lambda: sensor(3), "sensor got 3"),
    (lambda: sensor(int), "sensor got <class 'int'>"),
    (lambda: sensor(two), "sensor 'two' takes more than one argument"),
    (lambda: sensor(later), "sensor 'later' is async"),
    (lambda: sensor(lambda: None), "sensor: the name is '<lambda>'"),
    (lambda: sensor(two, every="0s"), "sensor: every is 0s"),
    (lambda: sensor(two, timeout="-1s"), "sensor: timeout is '-1s'"),
    (lambda: sensor(two, every="99999999999w"), "more than a hundred years"),
    (lambda: af.notify("", url=URL), "notify: the name is ''"),
    (lambda: af.notify("n", url="ftp://x"), "notify 'n': url is 'ftp://x'"),
    (lambda: af.notify("n", url="http://"), "notify 'n': url is 'http://'"),
    (lambda: af.notify("n", url="http://x/${X"), "has a variable without an end"),
    (lambda: af.notify("n", url=3), "notify 'n': url is 3"),  # type: ignore[arg-type]
    (lambda: af.notify("n", url=URL, on=[]), "notify 'n': on is empty"),
    (lambda: af.notify("n", url=URL, timeout=-1), "notify 'n': timeout is -1"),
    (lambda: af.notify("n", url=URL, timeout=float("nan")), "notify 'n': timeout is nan"),
    (lambda: af.notify("n", url=URL, retries=1.5), "notify 'n': retries is 1.5"),  # type: ignore[arg-type]
    (lambda: af.notify("n", url=URL, headers={"a": "b\nc"}), "notify 'n': header 'a' is"),
    (lambda: af.notify("n", command="x", headers={"a": "b"}), "notify 'n': headers without a url"),
    (lambda: af.notify("n", command=[1]), "notify 'n': command holds 1"),  # type: ignore[list-item]
    (lambda: af.FreshnessPolicy("999999999999w"), "max_age is '999999999999w', more than a hundred years"),
    (lambda: af.FreshnessPolicy(CENTURIES), "more than a hundred years"),
    (lambda: af.FreshnessPolicy(None), "max_age is None"),  # type: ignore[arg-type]
    (lambda: af.FreshnessPolicy.cron(None), "deadline is None"),  # type: ignore[arg-type]
    (lambda: af.FreshnessPolicy.cron("0 9 * * *", None), "time zone None is no text"),  # type: ignore[arg-type]
    (
        lambda: af.FreshnessPolicy.cron("0 9 * * *", max_age_at_deadline="1h", warn_before="2h"),
        "warn_before is 2 hours, longer than max_age_at_deadline .1 hour.",
    ),
    (lambda: af.in_latest_window(timedelta(-1)), "in_latest_window: lookback is -1 day"),
    (lambda: af.eager(lookback="999999999999w"), "more than a hundred years"),
    (lambda: af.partition_in(), "partition_in is .., which names nothing"),
    (lambda: af.partition_in(1), "partition_in holds 1"),  # type: ignore[arg-type]
    (lambda: af.missing().label(3), "label holds 3"),  # type: ignore[arg-type]
    (lambda: af.any_upstream(af.missing(), allow=[]), "any_upstream: allow is .., which names nothing"),
    (lambda: af.source("s", observe=lambda: "1", observe_every="0s"), "observe_every is 0s"),
    (lambda: af.RunRequest(selection=[]), "selection= is an empty list"),
]


@pytest.mark.parametrize(("declare", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_cannot_be_is_refused_by_name(declare: Callable[[], Any], message: str) -> None:
    with pytest.raises(AssetflowError, match=message) as caught:
        declare()
    assert caught.value.hint


def test_one_text_is_one_text() -> None:
    assert af.notify("n", url=URL, on="failed").on == ("failed",)
    assert af.AddPartitions(name="n", keys="abc").keys == ("abc",)
    assert af.RunRequest(partitions="abc").partitions == ("abc",)
    assert af.FreshnessPolicy("6h", "5h") == af.FreshnessPolicy(max_age="6h", warn_age="5h")


def test_conditions_are_shown_as_they_are_written() -> None:
    assert repr(af.eager(lookback="7d")) == "eager('7 days')"
    assert repr(af.eager().children[0]).startswith("in_latest_window() & (missing() | stale() | any_upstream(")
    assert repr(af.on_cron("0 6 * * *", tz="Europe/Berlin")) == "on_cron('0 6 * * *', 'Europe/Berlin')"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('"*" = 7', "setting `freshness.*`: the policy is 7"),
        ('"*" = {maxage = "1h"}', "setting `freshness.*`: the policy has an unknown field `maxage`"),
        ('"*" = {cron = "0 9 * * *"}', "setting `freshness.*`: the policy {'cron': '0 9 * * *'} has no `max_age`"),
        ('"*" = {max_age = "1h", tz = "UTC"}', "setting `freshness.*`: the policy has `tz` without `cron`"),
        ('"*" = "99999999999999d"', "setting `freshness.*`: FreshnessPolicy: max_age is '99999999999999d', more than"),
        ('"status:stale" = "1d"', "setting `freshness.status:stale` asks what the state of assets is"),
    ],
)
def test_a_policy_of_the_settings_that_cannot_be_names_its_setting(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "main.py").write_text("import assetflow as af\n@af.asset\ndef a(): return 1\n")
    (tmp_path / "pyproject.toml").write_text(f"[tool.assetflow.freshness]\n{line}\n")
    with af.Project.at(tmp_path, environ={}) as project, pytest.raises(SettingsError) as caught:
        project.plan()
    assert caught.value.message.startswith(message)
    assert caught.value.hint
