"""`assetflow plan`."""

from __future__ import annotations

from typing import Any

import click

from assetflow.cli.asking import ask_of
from assetflow.cli.options import Command, planning
from assetflow.cli.planning import PlanView, show_plan
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS

_TARGETS = "*targets*"  # no selection parses like this


@click.command("plan", cls=Command, short_help=COMMANDS["plan"])
@planning
@click.option(
    "--explain", is_flag=False, flag_value=_TARGETS, metavar="[ASSET]",
    help="The tree of why and why not, of an asset or of what is selected.",
)  # fmt: skip
@click.option("--diff", is_flag=True, help="With the explanation, the changes of code as a diff.")
@click.option("--check", is_flag=True, help="Exit with 5 when there is work.")
@click.option("--expand", is_flag=True, help="In JSON, name every partition key.")
@click.pass_obj
def command(session: Session, /, explain: str | None, diff: bool, check: bool, expand: bool, **given: Any) -> int:
    """Say what `materialize` with the same arguments would run, and why. Nothing is written.

    SEL is a selection: keys, globs, `+asset` with everything upstream, `asset+` downstream, `tag:k=v`, `group:`,
    `status:stale`, `and`, `or`, `not`, `asset@partition`. Nothing selected is everything.
    """
    named: tuple[str, ...] | None = None
    if diff and explain is None:
        explain = _TARGETS
    if explain == _TARGETS:
        named = ()
    elif explain is not None:
        # without another selection, only what the asset needs is looked at
        named = (explain,) if given["selection"] else ()
        given["selection"] = given["selection"] or (explain,)
    settings = session.settings(environment=given.pop("environment"))
    return show_plan(session, settings, ask_of(given), PlanView(explain=named, diff=diff, check=check, expand=expand))
