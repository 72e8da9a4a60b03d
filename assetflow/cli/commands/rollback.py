"""`assetflow rollback`."""

from __future__ import annotations

from dataclasses import asdict

import click

from assetflow.cli.asking import split_partition
from assetflow.cli.options import Command, environment_option
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.cli.words import amount
from assetflow.model.keys import show


@click.command("rollback", cls=Command, short_help=COMMANDS["rollback"])
@click.argument("asset", metavar="ASSET[@PARTITION]")
@click.option("--to", required=True, metavar="VERSION", help="`previous`, an instant, a materialization's or run's id.")
@environment_option
@click.pass_obj
def command(session: Session, asset: str, to: str, environment: str | None) -> None:
    """Publish an earlier version of a value again, computing nothing.

    Downstream compares with the value that is published then. Where the code or the inputs of the asset are others than
    those of that version, it is stale, and the next `materialize` makes it anew: mend the cause first.
    """
    key, partition = split_partition(asset)
    with session.project(session.settings(environment=environment)) as project:
        done = project.rollback(key, to, partition=partition)
        work = project.plan().work
    if session.json:
        session.screen.document({**asdict(done), "moved": done.moved})
        return
    name = show(done.asset, done.partition)
    if not done.moved:
        session.screen.data(f"`{name}` publishes {done.after} already")
        return
    session.screen.data(f"`{name}` publishes {done.after} again" + (f", not {done.before}" if done.before else ""))
    if work:
        session.screen.talk(f"{amount(work, 'step')} to do now: `assetflow plan` says which, and why")
