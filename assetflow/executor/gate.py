"""The gate: a step that another run is at waits for that run, one of a full pool for a slot; neither holds a worker.

Nothing is held while a step waits, so runs that wait for each other's steps cannot lock each other up.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from assetflow.catalog.claims import Claims, Key, asset_key, place_key, step_key
from assetflow.errors import CatalogError
from assetflow.executor.calls import Decision, State
from assetflow.executor.ledger import Ledger
from assetflow.executor.tasks import Place, Task
from assetflow.model.asset import AssetSpec
from assetflow.model.keys import show

SOON = 0.02
"""Seconds before a step that waits for another run looks again; grows while it waits."""

LATER = 0.25
"""Seconds between two looks at most."""

_WORTH_SAYING = 1.0
_MANY = 256
"""Assets whose calls take more partitions than this are claimed whole."""


def _is_claimed_whole(spec: AssetSpec) -> bool:
    return spec.batch == 0 or spec.batch > _MANY


class Shelf(Protocol):
    """Where tasks wait: puts a running task back, to be tried again after some seconds, or when it is released."""

    def put_back(self, number: int, seconds: float | None) -> None: ...

    def release(self, number: int) -> bool: ...


class Gate:
    """Lets the tasks of a wave begin, and keeps what they hold until they have ended."""

    def __init__(self, ledger: Ledger, state: State, shelf: Shelf) -> None:
        self._claims: Claims | None = ledger.setting.claims
        self._pools: Mapping[str, int] = ledger.setting.pools
        self._ledger = ledger
        self._state = state
        self._shelf = shelf
        self._held: dict[int, list[Key]] = {}
        self._slots: dict[int, str] = {}
        self._in_line: dict[str, list[tuple[int, int]]] = {}
        self._next_try: dict[str, float] = {}
        self._since: dict[int, float] = {}
        self._said = False
        self._next_look = 0.0

    # --- in --------------------------------------------------------------------------------------------------

    def enter(self, task: Task) -> bool:
        """Claim the asset partitions of a task, and see what other runs have made of them; False: it waits."""
        if self._claims is None or task.number in self._held:
            return True
        keys = self._keys(task.places)
        if not self._claims.take(keys):
            self._wait(task)
            return False
        if self._claims.has_news(keys):
            if time.monotonic() < self._next_look:
                self._claims.drop(keys)
                self._wait(task)
                return False
            self._look(keys)
        self._held[task.number] = keys
        return True

    def admit(self, task: Task, decisions: Sequence[Decision], *, first: bool) -> bool:
        """Let an attempt begin that really runs: a slot of its pool, and the same step nowhere else; False: it waits.

        Between its `first` attempt and the others a task keeps its claims.
        """
        pool = self._state.universe.graph.specs[task.asset].pool
        if pool is not None and not self._take_slot(task, pool, first=first):
            return False
        if self._claims is None or not first:
            return True
        keys = self._step_keys(decisions)
        if not keys:
            return True
        if not self._claims.take(keys):
            self._release_all(task.number)
            self._wait(task)
            return False
        if self._claims.has_news(keys) and self._look(keys):
            self._claims.drop(keys)
            self._release_all(task.number)
            self._shelf.put_back(task.number, 0.0)  # decided anew, with what another environment has made
            return False
        self._held[task.number] += keys
        return True

    def narrow(self, task: Task) -> None:
        """Give back what a task that was divided does not take any more."""
        if self._claims is None or task.number not in self._held:
            return
        keys = self._keys(task.places)
        self._claims.take(keys)
        before, self._held[task.number] = self._held[task.number], keys
        self._claims.drop(before)

    # --- out -------------------------------------------------------------------------------------------------

    def pause(self, number: int) -> None:
        """An attempt has ended and another will come: until then its slot is free."""
        pool = self._slots.pop(number, None)
        if pool is not None and self._claims is not None:
            self._claims.drop_slot(pool)

    def keep_slot(self, number: int) -> Callable[[], None]:
        """Have the slot of a task stay taken when it leaves; what is returned gives it back."""
        pool, claims = self._slots.pop(number, None), self._claims
        if pool is None or claims is None:
            return lambda: None
        return lambda: claims.drop_slot(pool)

    def leave(self, number: int) -> None:
        """A task has ended; its claims are given back when its record is on disk."""
        self.pause(number)
        self._since.pop(number, None)
        keys = self._held.pop(number, None)
        if keys:
            self._ledger.give_back(keys)

    def tick(self) -> bool:
        """Let the next in line of each pool try; whether anybody waits."""
        now = time.monotonic()
        for pool, line in self._in_line.items():
            assert self._claims is not None
            while line and self._claims.slots(pool) < self._pools[pool] and now >= self._next_try.get(pool, 0.0):
                if self._shelf.release(heapq.heappop(line)[1]):
                    break
        return any(self._in_line.values())

    # --- waiting ---------------------------------------------------------------------------------------------

    def _wait(self, task: Task) -> None:
        now = time.monotonic()
        waited = now - self._since.setdefault(task.number, now)
        if waited > _WORTH_SAYING and not self._said:
            self._said = True
            place = show(*task.places[0])
            self._ledger.setting.notify(f"another run is making `{place}`; this one waits for it")
        self._shelf.put_back(task.number, min(LATER, max(SOON, waited / 4)))

    def _take_slot(self, task: Task, pool: str, *, first: bool) -> bool:
        if self._claims is None or task.number in self._slots:
            return True
        if self._claims.take_slot(pool, self._pools[pool]):
            self._slots[task.number] = pool
            return True
        if self._claims.slots(pool) < self._pools[pool]:
            self._next_try[pool] = time.monotonic() + SOON  # others have the rest, and tell nobody when they are done
        if first:
            self._release_claims(task.number)
        heapq.heappush(self._in_line.setdefault(pool, []), (-task.priority, task.number))
        self._shelf.put_back(task.number, None)
        return False

    def _release_all(self, number: int) -> None:
        self.pause(number)
        self._release_claims(number)

    def _release_claims(self, number: int) -> None:
        keys = self._held.pop(number, None)
        if keys and self._claims is not None:
            self._claims.drop(keys)

    # --- news ------------------------------------------------------------------------------------------------

    def _look(self, keys: Sequence[Key]) -> bool:
        """Take in what other runs have recorded since this one was planned; False when that cannot be read."""
        assert self._claims is not None
        begun = time.monotonic()
        self._claims.before_look(keys)
        try:
            found = self._ledger.setting.look()
        except CatalogError:
            return False  # what others made is not known: to make it again harms nothing
        self._state.take_in(found)
        self._ledger.recorder.take_in(found.order)
        self._claims.looked()
        ended = time.monotonic()
        self._next_look = ended + 2 * (ended - begun)
        return True

    def _keys(self, places: Sequence[Place]) -> list[Key]:
        specs, environment = self._state.universe.graph.specs, self._ledger.environment
        if _is_claimed_whole(specs[places[0][0]]):
            return [asset_key(environment, asset) for asset in dict.fromkeys(asset for asset, _ in places)]
        return [place_key(environment, asset, partition) for asset, partition in places]

    def _step_keys(self, decisions: Sequence[Decision]) -> list[Key]:
        """What other environments could be making and this one would then reuse."""
        basis = self._state.basis
        keys: list[Key] = []
        for decision in decisions:
            spec = basis.graph.specs[decision.asset]
            versions = basis.versions[decision.asset]
            if not (decision.runs and self._state.may_reuse(spec) and versions.code.version):
                continue
            words = (versions.code.version, versions.config_version)
            if _is_claimed_whole(spec):
                keys.append(step_key(decision.asset, None, *words))
            else:
                keys.append(step_key(decision.asset, decision.partition, *words, decision.fingerprint))
        return list(dict.fromkeys(keys))
