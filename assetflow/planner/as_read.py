"""Versions as a recorded materialization read them: what differs only in what it did not read is what it read.

A materialization records the data versions of its inputs, and of some of them which part it read. An input with another
version whose read part is the same is given the recorded version here, so that the comparison of input fingerprints
(`current.inputs_unchanged`) and the causes follow without knowing about columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from assetflow.model.reads import Read, TableFacts
from assetflow.model.record import Edge, Partition, Snapshot
from assetflow.planner.current import ABSENT, Lookup

Present = Callable[[str, Partition], TableFacts | str | None]
"""What is there now of an asset partition: its table, or the id of the materialization that holds it."""

GIVEN = "u1:"
"""Begins a version that the function itself gave: it says what counts, whatever the columns hold."""


class AsRead:
    """Answers for recorded materializations; what was looked up in the catalog is kept."""

    def __init__(self, snapshot: Snapshot, look: Lookup, present: Present) -> None:
        self._snapshot = snapshot
        self._look = look
        self._present = present
        self._reads: dict[str, Mapping[str, Read]] = {}
        self._edges: dict[str, Mapping[tuple[str, Partition], Edge]] = {}
        self._tables: dict[str, TableFacts | None] = {}

    def prepare(
        self, ids: Iterable[str], edges: Mapping[str, Sequence[Edge]] | None = None
    ) -> Mapping[str, Sequence[Edge]]:
        """Look up, at once, all that these materializations will be asked about; `edges` if they are known.

        Gives the edges of those that read an input in part.
        """
        new = [id for id in dict.fromkeys(ids) if id not in self._reads]
        found = self._snapshot.reads(new) if new else {}
        partly = [id for id in new if found.get(id)]
        known = edges if edges is not None else self._snapshot.edges(partly) if partly else {}
        tables: dict[str, None] = {}
        for id in new:
            self._reads[id] = found.get(id, {})
            self._edges[id] = {(edge.input_asset, edge.input_partition): edge for edge in known.get(id, ())}
            for edge in known.get(id, ()):
                if edge.input_asset in self._reads[id] and self._differs(edge):
                    there = self._present(edge.input_asset, edge.input_partition)
                    tables.update((each, None) for each in (edge.input_materialization, there) if isinstance(each, str))
        missing = [id for id in tables if id not in self._tables]
        if missing:
            answers = self._snapshot.tables(missing)
            self._tables.update((id, answers.get(id)) for id in missing)
        return known

    def reads_partly(self, id: str) -> bool:
        """Whether a materialization read an input in part, so that more than its fingerprint has to be asked."""
        return bool(self._reads.get(id))

    def lookup(self, id: str) -> Lookup:
        """The present versions as that materialization reads them; `prepare` comes first."""
        reads, edges = self._reads.get(id), self._edges.get(id, {})
        if not reads:
            return self._look

        def look(asset: str, partition: Partition) -> str:
            version = self._look(asset, partition)
            edge = edges.get((asset, partition))
            if edge is None or version == edge.input_data_version or not self._is_same(reads.get(asset), edge):
                return version
            return edge.input_data_version

        return look

    def columns(self, id: str, upstream: str, partitions: Iterable[Partition]) -> tuple[str, ...] | None:
        """The columns that make an input different to a materialization; None where that cannot be told."""
        read = self._reads.get(id, {}).get(upstream)
        found: dict[str, None] = {}
        for partition in partitions:
            edge = self._edges.get(id, {}).get((upstream, partition))
            tables = None if edge is None else self._both(edge)
            if read is None or tables is None:
                return None
            found.update(dict.fromkeys(read.differing(*tables)))
        return tuple(found) or None

    def _is_same(self, read: Read | None, edge: Edge) -> bool:
        if read is None:
            return False
        tables = self._both(edge)
        return tables is not None and read.version(tables[0]) == read.version(tables[1])

    def _both(self, edge: Edge) -> tuple[TableFacts, TableFacts] | None:
        """The recorded and the present table of an input, where both are known and measured by their content."""
        before = self._tables.get(edge.input_materialization or "")
        there = self._present(edge.input_asset, edge.input_partition)
        now = self._tables.get(there) if isinstance(there, str) else there
        if before is None or now is None or GIVEN in (before.data_version[:3], now.data_version[:3]):
            return None
        return before, now

    def _differs(self, edge: Edge) -> bool:
        version = self._look(edge.input_asset, edge.input_partition)
        return version not in (edge.input_data_version, ABSENT)
