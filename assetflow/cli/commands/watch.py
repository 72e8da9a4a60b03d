"""`assetflow watch`."""

from __future__ import annotations

from typing import Any

import click

from assetflow.cli.asking import ask_of
from assetflow.cli.options import Command
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.cli.watching import follow
from assetflow.watch.library import WatchWay


@click.command("watch", cls=Command, short_help=COMMANDS["watch"])
@click.argument("selection", nargs=-1, metavar="[SEL]...")
@click.option(
    "--partition",
    "partitions",
    multiple=True,
    metavar="KEY",
    help="Partition key, glob or FIRST..LAST; may be repeated.",
)
@click.option("--from", "first", metavar="KEY", help="First partition.")
@click.option("--to", "last", metavar="KEY", help="Last partition, included.")
@click.option("--only", is_flag=True, help="Leave upstreams alone.")
@click.option("-p", "config", multiple=True, metavar="ASSET.FIELD=VALUE", help="A config value; may be repeated.")
@click.option("--env", "environment", metavar="NAME", help="The environment to work on.")
@click.option("--no-freshness", is_flag=True, help="Leave freshness policies out.")
@click.option("--check", is_flag=True, help="Plan only; run nothing.")
@click.option("--exec", "hook", metavar="CMD", help="A shell command after each tick, with the tick as JSON on stdin.")
@click.option("--fail-fast", is_flag=True, help="Cancel the rest of a run when a step fails.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Steps that run at once.")
@click.option(
    "--debounce",
    type=click.IntRange(0, 60_000),
    default=50,
    show_default=True,
    metavar="MS",
    help="Answer changes when none came for so long.",
)
@click.option("--poll", is_flag=True, help="Look at files instead of being notified, for network file systems.")
@click.pass_obj
def command(session: Session, /, **given: Any) -> int:
    """Bring what is selected up to date, and again at every change.

    Code, SQL files, settings and declared source files are watched; a change is loaded anew and planned, and only what
    is stale runs. Without SEL that is everything. On a terminal: r looks again, R rebuilds, e explains, p pauses, q
    quits. With `--json` every event is one line of JSON.
    """
    settings = session.settings(environment=given["environment"])
    way = WatchWay(
        workers=given["workers"],
        fail_fast=given["fail_fast"],
        check=given["check"],
        debounce=given["debounce"] / 1000,
        poll=given["poll"],
    )
    return follow(session, settings, ask_of({**given, "force": False}), way, hook=given["hook"])
