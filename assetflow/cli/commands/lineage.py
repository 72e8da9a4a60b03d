"""`assetflow lineage`."""

from __future__ import annotations

import click

from assetflow.catalog.rows import LineageEdge
from assetflow.cli.asking import split_partition
from assetflow.cli.column_text import column_text
from assetflow.cli.lineage_text import lineage_text
from assetflow.cli.options import Command, environment_option
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.project.column_closure import column_closure


@click.command("lineage", cls=Command, short_help=COMMANDS["lineage"])
@click.argument("asset", metavar="ASSET[@PARTITION]")
@click.option("--depth", type=click.IntRange(min=1), metavar="N", help="At most N levels up and down.")
@click.option("--at", metavar="INSTANT|ID", help="Of what was published then (UTC), or of one materialization.")
@click.option(
    "--columns",
    is_flag=False,
    flag_value="*",
    metavar="[COLUMN]",
    help="Of columns: where those of a query come from, or one of them, and what is made from them.",
)
@environment_option
@click.pass_obj
def command(
    session: Session,
    asset: str,
    depth: int | None,
    at: str | None,
    columns: str | None,
    environment: str | None,
) -> None:
    """Show what the published value was made from, and what was made from it, as recorded.

    Who read an equal version has read this value: it counts, whichever materialization it came from.
    """
    key, partition = split_partition(asset)
    if columns is not None:
        _columns(session, key, None if columns == "*" else columns, depth)
        return
    with session.project(session.settings(environment=environment)) as project:
        found = project.lineage(key, partition, depth=depth, at=at)
    screen = session.screen
    if session.json:
        screen.document(
            {
                "asset": key,
                "partition": partition,
                "materialization": found.materialization,
                "upstream": [_edge(edge) for edge in found.upstream],
                "downstream": [_edge(edge) for edge in found.downstream],
            }
        )
        return
    screen.data(lineage_text(screen, found))


def _columns(session: Session, key: str, column: str | None, depth: int | None) -> None:
    with session.project() as project:
        found = column_closure(project, key, column, depth=depth)
    if session.json:
        session.screen.document(found.to_json())
        return
    session.screen.data(column_text(session.screen, found))


def _edge(edge: LineageEdge) -> dict[str, object]:
    return edge._asdict()
