"""`assetflow query`."""

from __future__ import annotations

import csv
import io
import re
import sys
from pathlib import Path
from typing import Any

import click

from assetflow.catalog.rows import QueryResult
from assetflow.catalog.saved import SavedQuery
from assetflow.cli.columns import Cell, columns
from assetflow.cli.options import Command
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.cli.values import csv_value, result_json, result_text
from assetflow.cli.words import amount
from assetflow.cli.writing import write_text
from assetflow.errors import CatalogUnwritableError, DefinitionError, UsageError
from assetflow.project.project import Project

_NAME = re.compile(r"[\w.-]+")
_FORMATS = ("table", "json", "csv", "parquet")


@click.command("query", cls=Command, short_help=COMMANDS["query"])
@click.argument("sql", required=False, metavar='"SQL"|NAME|-')
@click.option("--format", "form", type=click.Choice(_FORMATS), help="table unless given.")
@click.option("-o", "--output", metavar="FILE", help="Write to a file; its suffix gives the format too.")
@click.option(
    "-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="A value for $NAME; may be repeated."
)
@click.option("--list", "listed", is_flag=True, help="List the saved queries.")
@click.pass_obj
def command(
    session: Session, sql: str | None, form: str | None, output: str | None, params: tuple[str, ...], listed: bool
) -> None:
    """Ask the catalog (`lineage`, `materializations`, `runs`, …) and the data (`data.<asset>`) in DuckDB's SQL.

    NAME is a saved query, a file in the catalog's `queries` folder, and `--list` lists those with the values they take;
    `-` reads the query from stdin. Works while a run is going on.
    """
    form = form or ("json" if session.json else _form(output))
    if form == "parquet" and output is None:
        raise UsageError("parquet is not for the screen", hint="write it to a file with -o FILE")
    with session.project() as project:
        if listed:
            _print_saved(session, project)
            return
        if not sql:
            raise UsageError("there is no query", hint='for example `assetflow query "from runs"`, or `--list`')
        text, values = _asked(project, sql, _given(params))
        _sync(session, project)
        if output is not None and not (session.cwd / output).parent.is_dir():
            raise UsageError(f"`{(session.cwd / output).parent}` is not a folder", hint="choose another place with -o")
        if output is not None and form in ("csv", "parquet", "json"):
            count = project.catalog.run_query_to(text, session.cwd / output, format=form, params=values)
            session.screen.talk(f"wrote {amount(count, 'row')} to {output}")
            return
        result = project.catalog.query(text, values)
    for notice in result.notices:
        session.screen.note(notice.message)
    _print(session, result, form, output)


def _form(output: str | None) -> str:
    suffix = Path(output or "").suffix.removeprefix(".").lower()
    return suffix if suffix in _FORMATS else "table"


def _asked(project: Project, sql: str, given: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """The SQL and its values; those of a saved query have the types that it declares."""
    if sql != "-" and _NAME.fullmatch(sql):
        saved = project.catalog.saved_query(sql)
        return saved.sql, saved.bind(given)
    return sys.stdin.read() if sql == "-" else sql, {name: value or None for name, value in given.items()}


def _given(params: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in params:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"-p {pair!r} is not of the form NAME=VALUE", hint="for example -p asset=flights")
        found[name.removeprefix("$")] = value
    return found


def _sync(session: Session, project: Project) -> None:
    """The catalog shows the definitions as they are; where they are broken, it answers with those before."""
    try:
        for notice in project.sync_catalog().notices:
            session.screen.note(notice.message)
    except DefinitionError as error:
        head = error.message.splitlines()[0]
        session.screen.note(f"{head} (`assetflow validate`); the view `assets` shows what was there before")
    except CatalogUnwritableError as error:
        session.screen.note(f"{error.message}; the view `assets` shows what was there before")


def _print_saved(session: Session, project: Project) -> None:
    saved = project.catalog.saved_queries()
    if session.json:
        session.screen.document([query.to_json() for query in saved])
    elif saved:
        rows: list[list[Cell]] = [[query.name, _parameters(query), (query.asks, "dim")] for query in saved]
        session.screen.data(columns(session.screen, rows, header=("query", "takes", "asks")))
    else:
        session.screen.talk(f"no saved query: put one as NAME.sql into {project.catalog.root / 'queries'}")


def _parameters(query: SavedQuery) -> str:
    """The names of the values it takes, those that may be left out in brackets."""
    return " ".join(each.name if each.default is None else f"[{each.name}]" for each in query.parameters)


def _print(session: Session, result: QueryResult, form: str, output: str | None) -> None:
    screen = session.screen
    match form:
        case "json":
            screen.document(result_json(result))
            return
        case "csv":
            shown = _csv(result)
        case _:
            shown = result_text(screen, result)
    if output is not None:
        write_text(session.cwd / output, shown + "\n")
        screen.talk(f"wrote {amount(len(result.rows), 'row')} to {output}")
    elif form == "table" and not result.rows:
        screen.data(shown)
        screen.talk("no rows")
    else:
        screen.data(shown)


def _csv(result: QueryResult) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(result.columns)
    writer.writerows([[csv_value(value) for value in row] for row in result.rows])
    return buffer.getvalue().rstrip("\n")
