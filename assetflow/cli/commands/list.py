"""`assetflow list`."""

from __future__ import annotations

from collections.abc import Iterable

import click

from assetflow.cli.columns import Cell, columns
from assetflow.cli.options import Command, environment_option
from assetflow.cli.screen import VERDICT_STYLES
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.model.freshness import FreshnessState
from assetflow.project.listing import AssetListing
from assetflow.project.project import Project


@click.command("list", cls=Command, short_help=COMMANDS["list"])
@click.argument("selection", nargs=-1, metavar="[SEL]...")
@environment_option
@click.pass_obj
def command(session: Session, selection: tuple[str, ...], environment: str | None) -> None:
    """List the selected assets, all without a selection, with their verdicts."""
    with session.project(session.settings(environment=environment)) as project:
        listings = project.assets(selection or None)
        known = _determinism(project) if project.settings.catalog_root.is_dir() else {}
    screen = session.screen
    if session.json:
        screen.document([{**listing.to_json(), "deterministic": known.get(listing.asset)} for listing in listings])
    elif listings:
        header = ("asset", "verdict", "partitions", "group", "description")
        rows = [_row(listing, known.get(listing.asset)) for listing in listings]
        screen.data(columns(screen, rows, header=header, right={2}))
    else:
        screen.talk("no asset is selected" if selection else "the project declares no asset yet")
    note_problems(session, listings)


def note_problems(session: Session, listings: Iterable[AssetListing]) -> None:
    """Name the assets that cannot be planned, beside a screen that shows the others."""
    for listing in listings:
        if listing.problem is not None:
            session.screen.note(f"`{listing.asset}` cannot be planned: {listing.problem}")


def _determinism(project: Project) -> dict[str, bool]:
    """Of assets that were ever called twice, whether every partition last came out equal."""
    found: dict[str, bool] = {}
    for finding in project.determinism():
        found[finding["asset"]] = found.get(finding["asset"], True) and finding["deterministic"]
    return found


def _row(listing: AssetListing, deterministic: bool | None) -> list[Cell]:
    partitions = "" if listing.partitions is None else f"{listing.partitions[1]:,} of {listing.partitions[0]:,}"
    if listing.outside:
        partitions = ", ".join(part for part in (partitions, f"{listing.outside:,} outside") if part)
    description = listing.description.strip().partition("\n")[0]
    if deterministic is False:
        description = f"not deterministic; {description}" if description else "not deterministic"
    return [listing.asset, verdict_cell(listing), partitions, (listing.group, "dim"), (description, "dim")]


def verdict_cell(listing: AssetListing) -> Cell:
    """The verdict of a listing as a cell; a source is no more than there or not."""
    if listing.kind == "source":
        return ("source", "dim") if listing.verdict == "fresh" else ("source missing", "red")
    if listing.freshness is not None and listing.freshness.state is FreshnessState.WARNING and not listing.overdue:
        return (f"{listing.verdict}, warning", VERDICT_STYLES["stale"])
    if listing.overdue:
        return (f"{listing.verdict}, overdue" if listing.verdict != "stale" else "overdue", VERDICT_STYLES["overdue"])
    return (listing.verdict, VERDICT_STYLES[listing.verdict])
