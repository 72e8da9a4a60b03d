"""One SQL asset's query, resolved: which asset each table is, which macros it reaches, what runs in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Any

from assetflow.define.code.components import CodeFingerprint, Component, ComponentKind
from assetflow.define.sql.macros import MacroError, Macros, SqlMacro, expand, macro_of, reached, statements
from assetflow.define.sql.parse import ALGORITHM, Mention, Parsed, QueryCache
from assetflow.define.sql.text import Rewritten, plain, spot, tokens
from assetflow.errors import did_you_mean
from assetflow.model.version import fingerprint
from assetflow.values import dataclass

BUILT_IN = ("partition", "partitions", "window_start", "window_end")
"""Parameters that every query of a partitioned asset may use; `partition_<dimension>` comes with several dimensions."""

_FILES = ("read_", "parquet_", "sniff_", "sqlite_", "postgres_", "mysql_", "iceberg_", "delta_", "st_read", "shapefile")
_FILE_CALLS = frozenset({"glob", "seq_scan_files", "csv_scan"})
_HIDDEN = frozenset({"query", "query_table"})


_NO_TEMPLATE = "a query is plain SQL: name assets as tables, write values as `$name`, and call macros by their name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong with a query, at an offset of its text (None: nowhere in particular)."""

    message: str
    hint: str | None = None
    at: int | None = None
    length: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of a query: the name as written, and the asset it stands for."""

    parts: tuple[str, ...]
    asset: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MacroReads:
    """What a macro of DuckDB may read beside its arguments: the assets it names, and columns where it is called.

    `bodies` are its queries, `parameters` the names in them that stand for arguments.
    """

    name: str
    assets: tuple[str, ...]
    bodies: tuple[str, ...]
    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a worker runs, and what a message needs to point at the user's text. Plain data through and through.

    `text` is the query with macros in Python written out; `create` the macros of DuckDB it reaches, in order; `origin`
    the user's text in `file`, whose first line is `line` of that file (0: not known).
    """

    text: Rewritten
    origin: str
    file: str | None = None
    line: int = 1
    tables: tuple[Table, ...] = ()
    create: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    zone: str = "UTC"
    digest: str = ""
    dynamic: bool = False
    components: tuple[tuple[str, str, str], ...] = ()
    macros: tuple[MacroReads, ...] = ()

    @property
    def upstreams(self) -> tuple[str, ...]:
        """The keys of the assets it reads, without repetition, in the order of the text."""
        return tuple(dict.fromkeys(table.asset for table in self.tables))

    def place(self, offset: int) -> tuple[str, str]:
        """An offset of the query that runs, as `file:line:column` of the user's text, and that line with a caret."""
        return self.place_of_origin(self.text.origin(offset))

    def place_of_origin(self, offset: int, length: int = 1) -> tuple[str, str]:
        """An offset of the user's text as `file:line:column`, and that line with a caret."""
        found = spot(self.origin, offset)
        if self.file is None or not self.line:
            return f"line {found.line}, column {found.column} of the query", found.shown(length)
        return f"{self.file}:{found.line + self.line - 1}:{found.column}", found.shown(length)

    def fingerprint(self, name: str) -> CodeFingerprint:
        """The code version: the query and each macro it reaches count by what they say, not by how it is laid out."""
        import importlib.metadata as metadata  # costs milliseconds, and only SQL assets need it

        engine = metadata.version("duckdb")
        parts = [
            Component(name=name, kind=ComponentKind.FILE, hash=self.digest, text=self.origin.strip()),
            *(
                Component(name=macro, kind=ComponentKind.FUNCTION, hash=found, text=text)
                for macro, found, text in self.components
            ),
            Component(
                name="package:duckdb", kind=ComponentKind.PACKAGE, hash=fingerprint(ALGORITHM, engine.split(".")[0])
            ),
        ]
        # the file's own name does not count, so that moving it changes nothing
        counted = [("" if part.kind is ComponentKind.FILE else part.name, part.hash) for part in parts]
        version = fingerprint(ALGORITHM, counted, list(self.columns))
        return CodeFingerprint(
            version=version, components=tuple(sorted(parts, key=lambda part: part.name)),
            packages=(("duckdb", engine),), problems=(),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a query is resolved against.

    `known` are the asset keys of the project; `parameters` the names that its parameters may have, by config and
    partitions; `python` and `sql` the macros.
    """

    known: frozenset[str]
    parameters: frozenset[str]
    macros: Macros
    cache: QueryCache


@dataclass(slots=True)
class Reading:
    """A query while it is read: what was found, and what is wrong."""

    origin: str
    setting: Setting
    findings: list[Finding] = field(default_factory=list)
    own: list[SqlMacro] = field(default_factory=list)

    def read(self, name: str, file: str | None) -> Query | None:
        """The query, or None when `findings` say why not."""
        body = self._body(file)
        if body is None:
            return None
        macros = self.setting.macros.with_own(sql=self.own)
        try:
            expansion = expand(plain(body), macros.python)
        except MacroError as error:
            self.findings.append(Finding(message=error.message, hint=error.hint, at=error.at))
            return None
        text = expansion.text
        parsed = self.setting.cache.parsed(text.text)
        if parsed.problem is not None:
            at = text.origin(parsed.at)
            hint = _NO_TEMPLATE if body[at:].startswith(("{{", "{%")) else None
            self.findings.append(Finding(message=parsed.problem, hint=hint, at=at))
            return None
        used = reached(parsed, macros.sql, self.setting.cache)
        own = {macro.name.lower() for macro in used}
        self._check_calls(parsed, text, own, macros)
        self._check_parameters(parsed, text)
        tables = [*self._tables(parsed.tables, text)]
        named = len(tables)
        for macro in used:
            for found in macro.parsed(self.setting.cache):
                free = [m for m in found.tables if m.name.lower() not in macro.parameters]
                tables += self._tables(free, None, macro)
                self._check_calls(found, None, own, macros)
        if self.findings:
            return None
        # the query counts as it is written, a macro in Python by what it wrote: a change is told by its name
        written = [(f"macro:{macro}", digest, _source(macros.python[macro])) for macro, digest in expansion.written]
        created = [
            (f"macro:{macro.name}", fingerprint(ALGORITHM, *(p.digest for p in macro.parsed(self.setting.cache))),
             macro.statement) for macro in used
        ]  # fmt: skip
        return Query(
            text=text, origin=self.origin, file=file, tables=tuple(dict.fromkeys(tables)),
            create=tuple(macro.statement for macro in used),
            parameters=tuple(dict.fromkeys(mention.name for mention in parsed.parameters)),
            dynamic=parsed.dynamic,
            digest=self.setting.cache.parsed(body).digest or parsed.digest or "", components=(*written, *created),
            macros=tuple(
                MacroReads(name=macro.name, assets=tuple(dict.fromkeys(table.asset for table in tables[named:])),
                           bodies=macro.bodies, parameters=tuple(sorted(macro.parameters)))
                for macro in used
            ),
        )  # fmt: skip

    def _body(self, file: str | None) -> str | None:
        """The text with everything but the query blanked out, so that offsets stay."""
        found = statements(self.origin)
        queries = [statement for statement in found if not statement.is_macro]
        for statement in found:
            if statement.is_macro:
                macro = macro_of(statement, self.origin, file=file)
                if macro is None:
                    self.findings.append(Finding(message="the macro cannot be read", at=statement.start))
                else:
                    self.own.append(macro)
        if len(queries) != 1:
            message = "there is no query" if not queries else f"there are {len(queries)} queries, and an asset is one"
            at = queries[1].start if queries else None
            hint = "put each asset into a file of its own" if queries else "write a SELECT, or delete the file"
            self.findings.append(Finding(message=message, hint=hint, at=at))
            return None
        kept = queries[0]
        blank = "".join(char if char == "\n" else " " for char in self.origin[: kept.start])
        return blank + self.origin[kept.start : kept.end]

    def _tables(
        self, mentions: Iterable[Mention], text: Rewritten | None, macro: SqlMacro | None = None
    ) -> Iterable[Table]:
        for mention in mentions:
            asset = asset_named(mention.parts, self.setting.known)
            if asset is not None:
                yield Table(parts=mention.parts, asset=asset)
                continue
            at = None if text is None else text.origin(mention.start)
            within = "" if macro is None else f" (in the macro `{macro.name}`)"
            self.findings.append(
                Finding(
                    message=f"no asset is called `{'/'.join(mention.parts)}`{within}",
                    hint=_table_hint(mention, self.setting.known),
                    at=at,
                    length=mention.length,
                )
            )

    def _check_calls(self, parsed: Parsed, text: Rewritten | None, own: set[str], macros: Macros) -> None:
        for mention in parsed.calls:
            name = mention.name.lower()
            if name in own:
                continue
            at = None if text is None else text.origin(_call_place(text.text, mention))
            if name in _HIDDEN and mention.is_table:
                message, hint = f"`{name}` names its tables when it runs, so they cannot be seen", "name the tables"
            elif name in _FILE_CALLS or name.startswith(_FILES):
                message = f"`{name}` reads what is no asset, so a change of it would go unseen"
                hint = 'declare it, source("orders", path="data/orders.csv"), and select from `orders`'
            else:
                continue
            self.findings.append(Finding(message=message, hint=hint, at=at, length=len(name)))

    def _check_parameters(self, parsed: Parsed, text: Rewritten) -> None:
        for mention in parsed.parameters:
            name = mention.name
            if name in self.setting.parameters:
                continue
            if name.isdigit():
                message, hint = "parameters have names", "write $partition, $window_start or the name of a config field"
            else:
                message = f"the parameter `${name}` is not known"
                known = sorted(self.setting.parameters)
                hint = did_you_mean(name, known) or (
                    "partition parameters need partitions; other ones are config: config = {" + name + " = …}"
                )
            self.findings.append(
                Finding(message=message, hint=hint, at=text.origin(mention.start), length=mention.length)
            )


def asset_named(parts: tuple[str, ...], known: frozenset[str] | Mapping[str, Any]) -> str | None:
    """The asset that a table name means: the key, dots for slashes; else the only one that ends so, or reads so."""
    key = "/".join(parts)
    if key in known:
        return key
    lowered = [each for each in known if each.lower() == key.lower()]
    if len(lowered) == 1:
        return lowered[0]
    tails = [each for each in known if each.endswith("/" + key)] if len(parts) == 1 else []
    return tails[0] if len(tails) == 1 else None


def _table_hint(mention: Mention, known: Iterable[str]) -> str:
    name = "/".join(mention.parts)
    if "." in mention.parts[-1] and len(mention.parts) == 1:
        return f'a file is read through a source: source("name", path="{mention.parts[-1]}")'
    return did_you_mean(name, known) or "declare it, or correct the name; `marts.delays` means the asset `marts/delays`"


def _call_place(text: str, mention: Mention) -> int:
    """Where a call stands; the parser tells it for expressions only."""
    if mention.length:
        return mention.start
    return next((token.start for token in tokens(text) if token.text.lower() == mention.name.lower()), 0)


def _source(fn: Callable[..., Any]) -> str:
    import inspect  # only when a version is recorded for the first time

    try:
        return inspect.getsource(fn)
    except (OSError, TypeError):
        return ""
