"""Debouncing is a pure function: no change is lost, none is doubled, and none waits longer than the window says."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetflow.model.change import Change, ChangeKind, merged
from assetflow.watch.debounce import EMPTY, Window, batches

KINDS = st.sampled_from(ChangeKind)
CHANGES = st.builds(lambda path, kind: Change(path=path, kind=kind), st.sampled_from("abcde"), KINDS)
WINDOWS = st.builds(
    lambda quiet, more: Window(quiet=quiet, longest=quiet + more),
    st.integers(0, 20).map(float),
    st.integers(0, 60).map(float),
)


@st.composite
def streams(draw: st.DrawFn) -> list[tuple[float, Change]]:
    at, found = 0.0, []
    for change in draw(st.lists(CHANGES, max_size=60)):
        at += draw(st.sampled_from([0.0, 0.0, 1.0, 3.0, 10.0, 100.0]))
        found.append((at, change))
    return found


@given(streams(), WINDOWS)
def test_no_change_is_lost_and_none_doubled(events: list[tuple[float, Change]], window: Window) -> None:
    found = list(batches(events, window))
    assert sum(batch.events for batch in found) == len(events)
    at = 0
    for batch in found:
        part = events[at : at + batch.events]
        at += batch.events
        assert {change.path for change in batch.changes} == {change.path for _, change in part}
        assert max(Counter(change.path for change in batch.changes).values()) == 1
        assert (batch.first, batch.last) == (part[0][0], part[-1][0])


@given(streams(), WINDOWS)
def test_the_wait_is_bounded_under_constant_noise(events: list[tuple[float, Change]], window: Window) -> None:
    for batch in batches(events, window):
        assert batch.last - batch.first <= window.longest


@given(streams(), WINDOWS)
def test_batches_are_as_large_as_the_window_lets_them_be(events: list[tuple[float, Change]], window: Window) -> None:
    for before, after in pairwise(batches(events, window)):
        assert after.first - before.last >= window.quiet or after.first - before.first >= window.longest


@given(streams(), WINDOWS)
def test_the_last_kind_of_a_path_tells_whether_it_is_there(events: list[tuple[float, Change]], window: Window) -> None:
    at = 0
    for batch in batches(events, window):
        last = {change.path: change.kind for _, change in events[at : at + batch.events]}
        at += batch.events
        for change in batch.changes:
            assert (change.kind is ChangeKind.DELETED) == (last[change.path] is ChangeKind.DELETED)


@given(st.lists(CHANGES, min_size=1, max_size=8), WINDOWS)
def test_what_is_gathered_at_once_is_due_when_it_has_been_quiet(changes: list[Change], window: Window) -> None:
    assert EMPTY.due(window) is None
    assert EMPTY.with_changes(changes, 5.0).due(window) == 5.0 + window.quiet
    assert EMPTY.with_changes((), 5.0) is EMPTY


@pytest.mark.parametrize(
    ("before", "after", "together"),
    [
        ("added", "modified", "added"),
        ("added", "deleted", "deleted"),
        ("deleted", "added", "modified"),
        ("modified", "deleted", "deleted"),
        ("modified", "modified", "modified"),
        ("deleted", "deleted", "deleted"),
    ],
)
def test_two_changes_of_one_path_come_to_one(before: str, after: str, together: str) -> None:
    assert merged(ChangeKind(before), ChangeKind(after)) == together


def test_a_window_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="quiet"):
        Window(quiet=2.0, longest=1.0)
