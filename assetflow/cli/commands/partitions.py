"""`assetflow partitions`."""

from __future__ import annotations

import click

from assetflow.cli.columns import Cell, columns
from assetflow.cli.options import Command, Group
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.cli.words import amount
from assetflow.project.dynamic import DynamicListing, change_keys, list_dynamic


@click.group("partitions", cls=Group, short_help=COMMANDS["partitions"])
def command() -> None:
    """Look after dynamic partitions, whose keys are added and removed while the project lives."""


@command.command("list", cls=Command, short_help="List dynamic partitions, or the keys of one.")
@click.argument("name", required=False, metavar="[NAME]")
@click.pass_obj
def list_partitions(session: Session, name: str | None) -> None:
    """List dynamic partitions by name, or the keys of one in the order they were added, one a line."""
    screen = session.screen
    with session.project() as project:
        if name is not None:
            keys = project.partitions(name)
            if session.json:
                screen.document({"name": name, "keys": list(keys)})
            elif keys:
                screen.data("\n".join(keys))
            else:
                screen.talk(f"partitions `{name}` have no key yet")
            return
        listings = list_dynamic(project)
    if session.json:
        screen.document([listing.to_json() for listing in listings])
    elif listings:
        header = ("name", "keys", "assets", "added by")
        screen.data(columns(screen, [_row(listing) for listing in listings], header=header, right={1}))
    else:
        screen.talk("no asset has dynamic partitions")


def _row(listing: DynamicListing) -> list[Cell]:
    return [listing.name, f"{len(listing.keys):,}", ", ".join(listing.assets), (", ".join(listing.added_by), "dim")]


@command.command("add", cls=Command, short_help="Add keys to dynamic partitions.")
@click.argument("name", metavar="NAME")
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@click.pass_obj
def add(session: Session, name: str, keys: tuple[str, ...]) -> None:
    """Add keys to dynamic partitions, after those that are there; a key that is there stays in its place."""
    with session.project() as project:
        added, _ = change_keys(project, name, add=keys)
    there = tuple(key for key in dict.fromkeys(keys) if key not in added)
    if session.json:
        session.screen.document({"name": name, "added": list(added), "there": list(there)})
        return
    parts = [f"added {amount(len(added), 'key')} to `{name}`" if added else f"nothing to add to `{name}`"]
    parts += [f"{len(there):,} there already"] if there else []
    session.screen.data(", ".join(parts))


@command.command("remove", cls=Command, short_help="Remove keys from dynamic partitions.")
@click.argument("name", metavar="NAME")
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@click.pass_obj
def remove(session: Session, name: str, keys: tuple[str, ...]) -> None:
    """Remove keys from dynamic partitions. What was made for them stays in the store and in history."""
    with session.project() as project:
        _, removed = change_keys(project, name, remove=keys)
    if session.json:
        session.screen.document({"name": name, "removed": list(removed)})
        return
    session.screen.data(f"removed {amount(len(removed), 'key')} from `{name}`; what was made for them is kept")
