"""The planner against the oracle that rebuilds everything: any history of edits, failures, losses and clock moves."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests.planner.play import Remembering, Session
from tests.planner.world import Reads, World, possible_reads

_BLANK = World()
CALLS = st.sampled_from(sorted(_BLANK.calls))
ASSETS = st.sampled_from(_BLANK.assets)
FLAGS = st.fixed_dictionaries({"only": st.booleans(), "force": st.booleans(), "freshness": st.booleans()})


class Histories(RuleBasedStateMachine):
    """Edits in any order, and runs in between that have to keep every promise of `play`, from a memo as without one."""

    def __init__(self) -> None:
        super().__init__()
        self.session = Session(planner=Remembering())
        self.world = self.session.world

    @rule(call=CALLS, code=st.integers(0, 5))
    def edit_code(self, call: str, code: int) -> None:
        self.world.calls[call].code = code

    @rule(call=CALLS, config=st.integers(0, 2))
    def change_config(self, call: str, config: int) -> None:
        self.world.calls[call].config = config

    @rule(call=CALLS, data=st.data())
    def rewire(self, call: str, data: st.DataObject) -> None:
        changed = self.world.calls[call]
        earlier = self.world.assets[: self.world.assets.index(changed.outputs[0])]
        upstream = data.draw(st.sampled_from([*self.world.sources, *earlier]))
        kinds = possible_reads(changed.cut, self.world.cut(upstream))
        reads: Reads | None = data.draw(st.sampled_from([None, *kinds]))
        if reads is None:
            changed.reads.pop(upstream, None)
        else:
            changed.reads[upstream] = reads

    @rule(source=st.sampled_from(sorted(_BLANK.sources)), version=st.integers(0, 3))
    def write_source(self, source: str, version: int) -> None:
        self.world.sources[source] = (self.world.sources[source][0], version)

    @rule(keys=st.lists(st.sampled_from(["b", "c", "d"]), unique=True))
    def change_static_keys(self, keys: list[str]) -> None:
        self.world.static = ["a", *keys]

    @precondition(lambda self: self.world.hours < 24 * 7)
    @rule(hours=st.sampled_from([6, 24, 30]))
    def let_time_pass(self, hours: int) -> None:
        self.world.hours += hours

    @precondition(lambda self: self.session.shelf.objects)
    @rule(data=st.data())
    def lose_an_object(self, data: st.DataObject) -> None:
        del self.session.shelf.objects[data.draw(st.sampled_from(sorted(self.session.shelf.objects)))]

    @rule(asset=ASSETS)
    def break_a_step(self, asset: str) -> None:
        self.world.broken = {asset}

    @rule()
    def mend(self) -> None:
        self.world.broken = set()

    @rule(call=CALLS)
    def turn_subsettable(self, call: str) -> None:
        changed = self.world.calls[call]
        changed.subsettable = not changed.subsettable and len(changed.outputs) > 1

    @rule()
    def run_everything(self) -> None:
        self.session.run()

    @rule(asset=ASSETS, flags=FLAGS, data=st.data())
    def run_something(self, asset: str, flags: dict[str, bool], data: st.DataObject) -> None:
        keys = data.draw(st.lists(st.sampled_from(self.world.keys(asset)), unique=True, max_size=2))
        self.session.run({asset: keys}, **flags)

    def teardown(self) -> None:
        self.world.broken = set()
        self.session.run()


def test_no_history_breaks_a_promise() -> None:
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
