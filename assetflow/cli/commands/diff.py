"""`assetflow diff`."""

from __future__ import annotations

from typing import Any

import click

from assetflow.cli.asking import split_partition
from assetflow.cli.diff_text import diff_text
from assetflow.cli.options import Command, environment_option
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.cli.values import plain
from assetflow.errors import UsageError

DIFFERENT = 5


def _key_columns(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names) or len(set(names)) < len(names):
        raise UsageError(f"`--key` is {text!r}", hint="name the columns, each once: --key day,id")
    return names


@click.command("diff", cls=Command, short_help=COMMANDS["diff"])
@click.argument("asset", metavar="ASSET[@PARTITION]")
@click.argument("before", default="previous", metavar="[A]")
@click.argument("after", default="latest", metavar="[B]")
@click.option("--key", metavar="COLUMN,…", help="The columns that tell rows apart; else one that is unique in both.")
@click.option(
    "-n", "--limit", type=click.IntRange(min=0), default=10, metavar="N", help="Rows to show of each kind; 10."
)
@click.option("--check", is_flag=True, help=f"Exit {DIFFERENT} when they differ.")
@environment_option
@click.pass_obj
def command(session: Session, /, asset: str, **given: Any) -> int:
    """Show what differs between two versions of a value: A, the previous one unless given, and B, the latest.

    A version is `latest`, `previous`, `env:NAME`, an instant (what was published then, in UTC), or the id of a
    materialization or a run. Of a partitioned asset without a partition, all partitions are compared together.
    """
    key, partition = split_partition(asset)
    columns = None if given["key"] is None else _key_columns(given["key"])
    with session.project(session.settings(environment=given["environment"])) as project:
        found = project.diff(
            key, given["before"], given["after"], partition=partition, key=columns,
            samples=given["limit"],
        )  # fmt: skip
    if session.json:
        session.screen.document(plain(found.to_json()))
    else:
        session.screen.data(diff_text(session.screen, found))
    return DIFFERENT if given["check"] and not found.same else 0
