"""Claims: who holds what, what is news to whom, and that nothing outlives a close or a death."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from assetflow.catalog import claims as module
from assetflow.catalog.claims import Claims, asset_key, place_key, step_key
from assetflow.catalog.range_lock import FileLocks, open_locks
from assetflow.executor.commit import Committer, Entry
from assetflow.model.event import Event, RunFinished

A, B = place_key("prod", "a", None), place_key("prod", "b", None)

Open = Callable[..., Claims]


@pytest.fixture(params=["ranges", "files"])
def opened(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens claims of one folder; once with the locks of this system, once with those that every system has."""
    if request.param == "files":
        monkeypatch.setattr(module, "open_locks", lambda folder: FileLocks(folder / "held"))
    made: list[Claims] = []

    def make(**options: bool) -> Claims:
        made.append(Claims(tmp_path / "live", **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_what_one_run_claims_another_cannot(opened: Open) -> None:
    one, two = opened(), opened()
    assert one.take([A])
    assert not two.take([A])
    assert two.take([B])
    one.drop([A])
    assert two.take([A])


def test_all_or_none(opened: Open) -> None:
    one, two, three = opened(), opened(), opened()
    assert one.take([A])
    assert not two.take([A, B])
    assert three.take([B])


def test_a_claim_taken_twice_is_held_until_it_is_dropped_twice(opened: Open) -> None:
    one, two = opened(), opened()
    assert one.take([A])
    assert one.take([A])
    one.drop([A])
    assert not two.take([A])
    one.drop([A])
    assert two.take([A])


def test_closing_gives_everything_back(opened: Open) -> None:
    one, two = opened(), opened()
    assert one.take([A])
    assert one.take_slot("db", 1)
    one.close()
    one.close()
    assert two.take([A])
    assert two.take_slot("db", 1)


def test_what_others_were_at_is_news_until_it_was_looked_at(opened: Open) -> None:
    one, two = opened(), opened()
    assert one.take([A])
    one.drop([A])
    assert two.take([A, B])
    assert two.has_news([A])
    assert not two.has_news([B])
    two.before_look([A, B])
    two.looked()
    assert not two.has_news([A])


def test_what_was_still_claimed_at_a_look_stays_news(opened: Open) -> None:
    one, two = opened(), opened()
    assert one.take([A])
    assert two.take([B])
    two.before_look([B])
    two.looked()
    one.drop([A])
    assert two.take([A])
    assert two.has_news([A])


def test_ones_own_claims_are_no_news(opened: Open) -> None:
    one = opened()
    assert one.take([A])
    one.drop([A])
    assert one.take([A])
    assert not one.has_news([A])


def test_a_run_that_begins_late_is_told_to_look_once(opened: Open) -> None:
    one = opened(news=True)
    assert one.take([A])
    assert one.has_news([A])
    one.before_look([A])
    one.looked()
    assert not one.has_news([A])


def test_the_journal_begins_anew_when_nobody_reads_it(opened: Open, tmp_path: Path) -> None:
    journal = tmp_path / "live" / "journal"
    one, two = opened(), opened()
    assert one.take([A])
    one.close()
    assert journal.stat().st_size > 0  # the other has not read it
    two.close()
    assert journal.stat().st_size == 0


def test_places_and_environments_are_told_apart() -> None:
    keys = {
        place_key(environment, asset, partition)
        for environment in ("prod", "dev")
        for asset in ("a", "b", "a/b")
        for partition in (None, "x", "y")
    }
    assert len(keys) == 18
    assert step_key("a", None, "1") != step_key("a", "1", None)


@pytest.mark.skipif(sys.platform != "linux", reason="ranges")
def test_an_asset_claimed_whole_shuts_its_partitions_out(opened: Open, request: pytest.FixtureRequest) -> None:
    if "files" in request.node.name:
        pytest.skip("there an asset is claimed whole by everybody or by nobody")
    one, two = opened(), opened()
    assert one.take([asset_key("prod", "a")])
    assert not two.take([place_key("prod", "a", "x")])
    assert two.take([place_key("prod", "b", "x")])


def test_slots_of_a_pool_are_shared(opened: Open) -> None:
    one, two = opened(), opened()
    assert [one.take_slot("db", 2), two.take_slot("db", 2), one.take_slot("db", 2)] == [True, True, False]
    assert (one.slots("db"), two.slots("db"), one.slots("web")) == (1, 1, 0)
    assert one.take_slot("web", 1)
    two.drop_slot("db")
    assert one.take_slot("db", 2)
    assert not one.take_slot("db", 2)


HOLDER = """
import sys
from pathlib import Path
from assetflow.catalog.claims import Claims, place_key
claims = Claims(Path(sys.argv[1]))
taken = claims.take([place_key("prod", "a", None)]) and claims.take_slot("db", 1)
claims.write_down()
taken = taken and claims.take([place_key("prod", "b", None)])
print(taken, flush=True)
sys.stdin.read()
"""


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "live")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    mine = Claims(tmp_path / "live")
    assert not mine.take([A])
    assert not mine.take_slot("db", 1)
    holder.kill()
    holder.communicate()
    assert mine.take([A])
    assert mine.take([B])
    assert mine.has_news([A])  # it may have recorded something before it died
    assert not mine.has_news([B])  # of that it had not come to record anything
    assert mine.take_slot("db", 1)
    mine.close()
    assert open_locks(tmp_path / "live").take(A.start)


class _WatchedLog:
    """A log that notes, whenever something is written to it, what another run has heard of by then."""

    def __init__(self, other: Claims) -> None:
        self.heard: list[list[bool]] = []
        self._other = other

    def append(self, events: Sequence[Event]) -> None:
        self._other.before_look([])
        self.heard.append([self._other.has_news([key]) for key in (A, B)])

    def sync(self) -> None:
        """Nothing is kept."""


def test_claims_are_written_down_before_a_record_and_for_many_steps_at_once(tmp_path: Path) -> None:
    one, two = Claims(tmp_path / "live"), Claims(tmp_path / "live")
    log = _WatchedLog(two)
    committer = Committer(log, lambda _uris: None, tick=lambda: None, claims=one)
    assert one.take([A])
    assert one.take([B])
    two.before_look([])
    assert not two.has_news([A, B])
    committer.put(Entry((RunFinished(at="", run_id="r", status="succeeded", counts={}),), free=(A, B)))
    committer.close()
    assert log.heard == [[True, True]]
    assert two.take([A, B])
    one.close()
    two.close()
