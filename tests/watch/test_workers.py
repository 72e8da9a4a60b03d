"""Workers: forked from a warm parent or started cold, they carry out the same order and say the same."""

from __future__ import annotations

import os
import queue
from collections.abc import Callable
from pathlib import Path

import pytest

from assetflow.project.request import Ask
from assetflow.watch.messages import Broken, Ended, FromWorker, Gone, Heard, Loaded, Order, Planned, Stop
from assetflow.watch.parent import ColdParent, Parent, WarmParent
from tests.watch.making import TWO, write

Makes = Callable[..., Parent]
KINDS = [ColdParent, pytest.param(WarmParent, marks=pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here"))]


class Told:
    """What workers of one parent say, in order."""

    def __init__(self, make: Makes) -> None:
        self.messages: queue.Queue[tuple[int, FromWorker]] = queue.Queue()
        self.lines: queue.Queue[str] = queue.Queue()
        self.parent = make(lambda number, message: self.messages.put((number, message)), self.lines.put)

    def until_gone(self, number: int) -> list[FromWorker]:
        found: list[FromWorker] = []
        while not (found and isinstance(found[-1], Gone)):
            who, message = self.messages.get(timeout=90)
            if who == number:
                found.append(message)
        return found


@pytest.mark.parametrize("make", KINDS)
def test_an_order_is_carried_out_and_another_after_a_failure(make: Makes, tmp_path: Path) -> None:
    project = write(tmp_path, {**TWO, "assets/loud.py": "print('a word while loading')\n"})
    order = Order(root=project, ask=Ask(), environ=dict(os.environ))
    told = Told(make)
    try:
        kinds = [type(message) for message in told.until_gone(told.parent.start(order).number)]
        assert list(dict.fromkeys(kinds)) == [Loaded, Planned, Heard, Ended, Gone]
        assert told.lines.get(timeout=60) == "a word while loading"

        write(project, {"assets/shared.py": "def ("})
        told.parent.prepare(order)
        broken = told.until_gone(told.parent.start(order).number)
        assert [type(message) for message in broken] == [Loaded, Broken, Gone]

        write(project, TWO)
        told.parent.renew()
        held = told.parent.start(Order(root=project, ask=Ask(force=True), environ=dict(os.environ), hold=True))
        said = []
        while not (said and isinstance(said[-1], Planned)):
            said.append(told.messages.get(timeout=90)[1])
        held.say(Stop())
        assert not any(isinstance(message, Heard | Ended) for message in told.until_gone(held.number))
    finally:
        told.parent.close()
