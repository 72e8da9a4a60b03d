"""`assetflow accept`."""

from __future__ import annotations

import sys

import click

from assetflow.cli.columns import printable
from assetflow.cli.options import Command, environment_option
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.cli.words import amount
from assetflow.errors import UsageError
from assetflow.model.texts import first_of


@click.command("accept", cls=Command, short_help=COMMANDS["accept"])
@click.argument("selection", nargs=-1, required=True, metavar="SEL...")
@click.option("--reason", metavar="TEXT", help="Why the data stays the same; asked for when left out.")
@click.option("--by", metavar="NAME", help="Who says so; the user of the process when left out.")
@click.option("--partition", "partitions", multiple=True, metavar="KEY", help="Partition key, glob or FIRST..LAST.")
@environment_option
@click.pass_obj
def command(
    session: Session, /, selection: tuple[str, ...], reason: str | None, by: str | None, partitions: tuple[str, ...],
    environment: str | None,
) -> None:  # fmt: skip
    """Record that a change of code does not change the data: what is stale by its code counts as made by the new code.

    Values stay as they are, and so does every other reason to rebuild. Reason, name and time are kept with the
    materialization, for `show`, `history` and `query`. To take it back, rebuild with `materialize --force`.
    """
    if reason is None and not session.json and sys.stdin.isatty():
        reason = click.prompt("Why does the data stay the same?", err=True)
    if not reason:
        raise UsageError("an accepted change needs a reason", hint='say why: --reason "renamed a variable"')
    with session.project(session.settings(environment=environment)) as project:
        done = project.accept(selection, reason=reason, by=by, partitions=partitions)
    if session.json:
        session.screen.document(done.to_json())
        return
    for each in done.accepted:
        keys = [key for key in each.partitions if key is not None]
        which = f" ({amount(len(keys), 'partition')})" if keys else ""
        changed = ", ".join(f"`{name}`" for name in each.components) or "its code"
        session.screen.data(f"accepted `{each.asset}`{which}: {changed}")
    if done.left:
        names = first_of([f"`{name}`" for name in done.left], 5)
        session.screen.talk(f"not stale by code, left alone: {names}")
    session.screen.talk(printable(f"by {done.by}: {done.reason} (run {done.run_id})"))
