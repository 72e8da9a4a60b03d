"""The checks have teeth: every planted wrong planner is caught, and the right one passes the same histories."""

from __future__ import annotations

import random

import pytest

from tests.planner.play import Remembering, Session, Violation, back_and_forth, history
from tests.planner.wrong import WRONG

HISTORIES = 60
LENGTH = 8


def test_the_planner_keeps_every_promise_in_histories_that_catch_the_wrong_ones() -> None:
    back_and_forth(Session(planner=Remembering()))
    for seed in range(HISTORIES):
        history(Session(planner=Remembering()), random.Random(seed), length=LENGTH)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_planner_is_caught(name: str) -> None:
    for seed in range(-1, HISTORIES):
        try:
            if seed < 0:
                back_and_forth(WRONG[name]())
                continue
            history(WRONG[name](), random.Random(seed), length=LENGTH)
        except Violation:
            return
    pytest.fail(f"a planner that {name} got through {HISTORIES} histories")
