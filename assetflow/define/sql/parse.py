"""A query, read by DuckDB's parser: the tables, functions and parameters it names, and its canonical form.

What is found is kept by the text itself, so that a text seen before costs no import of DuckDB.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xxhash import xxh3_128_hexdigest

from assetflow.define.sql.text import character, with_pivot_values
from assetflow.define.sql.tree import canonical, nodes, place, read_json, table_path, write_json
from assetflow.values import dataclass
from assetflow.whole_file import keep

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ALGORITHM = "s1"
"""Tag of the canonical form of a query."""

_FORMAT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """Something named in a query: its parts as written, and where it stands (offset and length in characters).

    `is_table` tells a call in FROM from one in an expression.
    """

    parts: tuple[str, ...]
    start: int
    length: int
    is_table: bool = False

    @property
    def name(self) -> str:
        """The parts joined as they are written in SQL."""
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a query says of itself. `digest` is the hash of its canonical form, None when it cannot be parsed.

    `problem` is then what the parser said, at the offset `at`. `dynamic` says that a PIVOT takes columns from the data.
    """

    digest: str | None = None
    tables: tuple[Mention, ...] = ()
    calls: tuple[Mention, ...] = ()
    parameters: tuple[Mention, ...] = ()
    dynamic: bool = False
    problem: str | None = None
    at: int = 0


class Parser:
    """DuckDB's parser, connected when it is first needed."""

    def __init__(self) -> None:
        self._connection: DuckDBPyConnection | None = None

    def tree(self, sql: str) -> dict[str, Any]:
        """The syntax tree of one SELECT statement, or `{"error": True, "error_message", "position", …}`."""
        row = self.connection.execute(
            "select json_serialize_sql($sql::varchar, skip_null := true, skip_empty := true, skip_default := true)",
            {"sql": sql},
        ).fetchone()
        assert row is not None
        found: dict[str, Any] = read_json(row[0])
        return found

    def expression(self, node: Mapping[str, Any]) -> str:
        """An expression of a tree as DuckDB writes it; its function where that cannot be told."""
        import duckdb  # the tree is its own, so that it was imported

        select = {
            "type": "SELECT_NODE", "cte_map": {}, "select_list": [node], "from_table": {"type": "EMPTY"},
            "aggregate_handling": "STANDARD_HANDLING",
        }  # fmt: skip
        tree = write_json({"error": False, "statements": [{"node": select}]})
        try:
            row = self.connection.execute("select json_deserialize_sql($tree::json)", {"tree": tree}).fetchone()
        except duckdb.Error:
            return str(node.get("function_name", ""))
        return str(row[0]).removeprefix("SELECT ") if row else ""

    @property
    def connection(self) -> DuckDBPyConnection:
        """A database in memory that reaches nothing outside."""
        if self._connection is None:
            import duckdb  # heavy, and not needed for texts that were parsed before

            self._connection = duckdb.connect(config={"threads": 1, "enable_external_access": False})
            self._connection.execute("set enable_progress_bar = false")
        return self._connection

    @property
    def is_idle(self) -> bool:
        """Whether nothing had to be parsed so far."""
        return self._connection is None

    def statement(self, sql: str) -> tuple[dict[str, Any], bool]:
        """The tree of a query and whether it was only readable with values put into a PIVOT."""
        found = self.tree(sql)
        if found.get("error_type") != "not implemented":
            return found, False
        changed = with_pivot_values(sql)
        again = self.tree(changed.text)
        if again["error"]:
            return found, False
        for node in nodes(again):
            if "query_location" in node:
                at = character(changed.text, node["query_location"])
                node["query_location"] = len(sql[: changed.origin(at)].encode())  # type: ignore[index]
        return again, True


def _engine() -> str:
    # costs milliseconds, and projects without SQL assets never ask
    from importlib.metadata import version

    return version("duckdb")


class QueryCache:
    """Parsed queries by their text, kept in a file between commands."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.parser = Parser()
        self._known: dict[str, Any] = {}
        self._used: dict[str, Any] = {}
        self._dirty = False
        self._lock = threading.RLock()
        if path is not None:
            try:
                record = json.loads(path.read_bytes())
                if record["format"] == [_FORMAT, _engine()]:
                    self._known = record["queries"]
            except (OSError, ValueError, KeyError, TypeError):
                pass  # a cache that cannot be read costs time only

    def parsed(self, sql: str) -> Parsed:
        """What a query says of itself."""
        return _from_json(self.kept("query", sql, lambda: asdict(parse(sql, self.parser))))

    def kept(self, kind: str, text: str, make: Any) -> Any:
        """A plain value by a kind and a text that decides it, made when it is not known."""
        key = f"{kind}:{xxh3_128_hexdigest(text.encode())}"
        with self._lock:  # steps run on threads, and they share the parser
            if key not in self._used:
                if key not in self._known:
                    self._known[key] = json.loads(json.dumps(make()))
                    self._dirty = True
                self._used[key] = self._known[key]
            return self._used[key]

    def save(self) -> None:
        """Write what was used, when something is new."""
        if self.path is None or not self._dirty or not self.path.parent.parent.is_dir():
            return
        self._dirty = not keep(self.path, json.dumps({"format": [_FORMAT, _engine()], "queries": self._used}))


def parse(sql: str, parser: Parser) -> Parsed:
    """Read one query; what the parser refuses is in the answer."""
    tree, dynamic = parser.statement(sql)
    if tree["error"]:
        return Parsed(problem=_words(tree), at=character(sql, int(tree.get("position", 0))))
    statements = tree["statements"]
    if len(statements) != 1:
        return Parsed(problem="there are several queries, and an asset is one", at=0)
    form = write_json([dynamic, canonical(statements[0]["node"])])
    every = list(nodes(statements[0]["node"]))
    return Parsed(
        digest=f"{ALGORITHM}:{xxh3_128_hexdigest(form.encode())}",
        tables=tuple(_Tables(sql).found(statements[0]["node"])),
        calls=tuple(_calls(sql, every)),
        parameters=tuple(
            _mention(sql, node, (str(node["identifier"]),)) for node in every if node.get("class") == "PARAMETER"
        ),
        dynamic=dynamic,
    )


def _words(tree: Mapping[str, Any]) -> str:
    if tree.get("error_type") == "not implemented":
        return "it is no query: an asset is one SELECT, FROM, VALUES, PIVOT or UNPIVOT statement"
    # DuckDB names a setting of its own, which nobody can make here
    return str(tree.get("error_message", "it cannot be parsed")).partition(' Use "SET ')[0]


def _mention(sql: str, node: Mapping[str, Any], parts: tuple[str, ...], *, is_table: bool = False) -> Mention:
    at, length = place(node)
    start = character(sql, at)
    return Mention(parts=parts, start=start, length=character(sql, at + length) - start, is_table=is_table)


def _calls(sql: str, every: Iterable[Mapping[str, Any]]) -> Iterator[Mention]:
    tables = {id(node["function"]) for node in every if node.get("type") == "TABLE_FUNCTION" and "function" in node}
    for node in every:
        if node.get("class") in ("FUNCTION", "WINDOW") and not node.get("is_operator"):
            name = str(node.get("function_name", ""))
            yield _mention(sql, node, (name,), is_table=id(node) in tables)


@dataclass(slots=True)
class _Tables:
    """Finds the tables of a query that none of its own `with` names hides."""

    sql: str
    _found: list[Mention] = field(default_factory=list)

    def found(self, root: Mapping[str, Any]) -> list[Mention]:
        stack: list[tuple[Any, frozenset[str]]] = [(root, frozenset())]
        while stack:
            item, hidden = stack.pop()
            if isinstance(item, list):
                stack.extend((part, hidden) for part in reversed(item))
            elif isinstance(item, dict):
                if item.get("type") == "BASE_TABLE":
                    self._table(item, hidden)
                within = hidden
                for name, inner, seen in _with_queries(item, hidden):
                    stack.append((inner, seen))
                    within |= {name}
                stack.extend((value, within) for name, value in item.items() if name != "cte_map")
        return sorted(self._found, key=lambda mention: mention.start)

    def _table(self, node: Mapping[str, Any], hidden: frozenset[str]) -> None:
        path = table_path(node)
        if len(path) == 2 and path[0].lower() == "recurring" and path[1].lower() in hidden:
            return
        if len(path) > 1 or path[0].lower() not in hidden:
            self._found.append(_mention(self.sql, node, path))


def _with_queries(node: Mapping[str, Any], hidden: frozenset[str]) -> Iterator[tuple[str, Any, frozenset[str]]]:
    """The `with` queries of a node: name, query, and the names it sees: earlier ones, itself when it is recursive."""
    seen = hidden
    for entry in (node.get("cte_map") or {}).get("map", ()):
        name, query = str(entry["key"]).lower(), entry["value"]
        recursive = _inner(query).get("type") == "RECURSIVE_CTE_NODE"
        yield name, query, seen | {name} if recursive else seen
        seen |= {name}


def _inner(query: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = query.get("query_node") or (query.get("query") or {}).get("node") or {}
    return inner if isinstance(inner, dict) else {}


def _from_json(data: Mapping[str, Any]) -> Parsed:
    def mentions(name: str) -> tuple[Mention, ...]:
        return tuple(Mention(**{**each, "parts": tuple(each["parts"])}) for each in data[name])

    return Parsed(
        digest=data["digest"], tables=mentions("tables"), calls=mentions("calls"), parameters=mentions("parameters"),
        dynamic=data["dynamic"], problem=data["problem"], at=data["at"],
    )  # fmt: skip
