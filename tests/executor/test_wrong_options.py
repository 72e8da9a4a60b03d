"""Options of retries, limits, pools, config and subscribers that cannot be meant are refused by name before a run."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import assetflow as af
from assetflow.errors import DefinitionError, UsageError
from tests.executor.making import ends, file_project


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_retries": True}, "max_retries is True"),
        ({"delay": float("nan")}, "delay is nan"),
        ({"delay": float("inf")}, "delay is inf"),
        ({"delay": "1s"}, "delay is '1s'"),
        ({"delay": -1}, "delay is -1"),
        ({"delay": None}, "delay is None"),
        ({"max_delay": timedelta(-1)}, "max_delay is datetime.timedelta"),
        ({"max_delay": 10**400}, "max_delay is 1000"),
        ({"jitter": "0.1"}, "jitter is '0.1'"),
        ({"retry_on": "OSError"}, "retry_on is 'OSError'"),
        ({"retry_on": int}, "retry_on is <class 'int'>"),
        ({"retry_on": [OSError, "x"]}, "retry_on is ["),
    ],
)
def test_a_retry_policy_that_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        af.RetryPolicy(**options)
    assert f"RetryPolicy: {message}" in caught.value.message
    assert caught.value.hint


def test_retry_policies_take_timedeltas_and_lists_and_never_overflow() -> None:
    rng = random.Random(1)
    policy = af.RetryPolicy(
        max_retries=5000, delay=timedelta(seconds=2), backoff="exponential", max_delay=timedelta(minutes=1)
    )
    assert [policy.wait(retry, rng) for retry in (1, 2, 6, 4999)] == [2, 4, 60, 60]
    assert af.RetryPolicy(max_retries=5000, delay=0, backoff="exponential").wait(4999, rng) == 0
    assert af.RetryPolicy(retry_on=[OSError, KeyError]).retries(KeyError())
    assert not af.RetryPolicy(retry_on=[OSError]).retries(KeyError())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("retry=-1", "retry= is -1"),
        ("retry=True", "retry= is True"),
        ("pool=1", "pool= is 1"),
        ("pool=['a']", "pool= is ['a']"),
        ("memory=10**30", f"memory= is {10**30}"),
        ("memory='9' * 400", "memory= is '999"),
        ("timeout=10**400", "timeout= is 1000"),
    ],
)
def test_an_option_that_makes_no_sense_is_one_problem(tmp_path: Path, options: str, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        file_project(tmp_path, f"@af.asset({options})\ndef a() -> int:\n    return 1\n").plan()
    (problem,) = caught.value.problems
    assert message in problem.message


def test_the_line_that_gives_a_pool_its_size_is_toml(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        file_project(tmp_path, '@af.asset(pool="a b")\ndef a() -> int:\n    return 1\n').plan()
    assert '`"a b" = 2`' in str(caught.value.problems[0].hint)


def test_a_retry_rule_that_fails_hides_no_error(tmp_path: Path) -> None:
    text = """
    def rule(error):
        return error.code == 3

    @af.asset(retry=af.RetryPolicy(retry_on=rule))
    def a() -> int:
        raise ValueError("the cause")
    """
    with file_project(tmp_path, text) as project:
        run = project.materialize()
        assert ends(run) == {"a": "failed"}
        error = str(run.steps[0].error)
        assert error.startswith("ValueError: the cause")
        assert "retry_on= failed with AttributeError: 'ValueError' object has no attribute 'code'" in error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on_event": print}, "one function"),
        ({"on_event": 5}, "on_event is 5"),
        ({"on_event": [5]}, "on_event has 5"),
        ({"config": 5}, "config is 5"),
        ({"config": {"a": 5}}, "config of `a` is 5"),
    ],
)
def test_what_a_run_cannot_use_is_refused_before_it_begins(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with file_project(tmp_path, "@af.asset\ndef a() -> int:\n    return 1\n") as project:
        with pytest.raises(UsageError) as caught:
            project.materialize(**options)
        assert message in caught.value.message
        assert project.query("select * from runs") == []
        assert project.materialize(on_event=None).ok  # type: ignore[arg-type]


SIGNS = """
@af.asset
def skip() -> object:
    return af.Skip("why")

@af.asset
def unchanged() -> object:
    return af.Unchanged

@af.asset
def nested() -> object:
    return af.Result(af.Result(1))
"""


def test_a_sign_to_the_run_is_not_stored_as_a_value(tmp_path: Path) -> None:
    with file_project(tmp_path, SIGNS) as project:
        run = project.materialize()
        assert {step.asset: str(step.error).partition(" (")[0] for step in run.steps} == {
            "skip": "FormatError: `skip` returned Skip, which ends a step where it is raised",
            "unchanged": "FormatError: `unchanged` returned the class Unchanged",
            "nested": "FormatError: `nested` returned a Result that holds no value",
        }


def test_errors_of_the_project_have_the_names_that_its_files_give_them(tmp_path: Path) -> None:
    (tmp_path / "failures.py").write_text("class Broken(Exception):\n    pass\n\n\nclass Locked:\n    lock = open\n")
    text = """
    import failures

    @af.asset
    def a() -> int:
        raise failures.Broken("it is")

    @af.asset
    def b() -> object:
        found = failures.Locked()
        found.lock = threading.Lock()
        return found
    """
    with file_project(tmp_path, text) as project:
        run = project.materialize()
        first, second = sorted(str(step.error) for step in run.steps)
        assert "returned a `failures.Locked` that cannot be stored" in first
        assert second == "failures.Broken: it is"
        (row,) = project.query("select traceback from attempts where asset = 'a'")
        assert "_assetflow_" not in str(row["traceback"])


def test_a_value_that_is_nested_for_ever_is_refused_in_few_words(tmp_path: Path) -> None:
    text = """
    @af.asset
    def a() -> object:
        found = []
        for _ in range(50_000):
            found = [found]
        return found
    """
    with file_project(tmp_path, text) as project:
        assert len(str(project.materialize().steps[0].error)) < 800
