"""`assetflow validate`."""

from __future__ import annotations

import click

from assetflow.cli.options import Command
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.cli.words import amount
from assetflow.errors import DefinitionError
from assetflow.project.query_check import check_queries
from assetflow.project.request import Ask


@click.command("validate", cls=Command, short_help=COMMANDS["validate"])
@click.pass_obj
def command(session: Session) -> None:
    """Load the definitions without running anything, and report every problem. Exits with 3 when there is one."""
    with session.project() as project:
        loaded = project.loaded
        versions = loaded.versions(loaded.configs({}))
        assets = len(versions)
        sources = len(loaded.graph) - assets
        found = check_queries(project, project.planned(Ask()), loaded.graph.keys)
        if found.problems:
            raise DefinitionError(found.problems)
        unsure = {key: list(each.code.problems) for key, each in sorted(versions.items()) if each.code.version is None}
    screen = session.screen
    for key, _, why in found.unchecked:
        screen.note(f"the columns that `{key}` names are checked when it runs: {why}")
    if session.json:
        unchecked = [{"asset": key, "input": unknown, "reason": why} for key, unknown, why in found.unchecked]
        screen.document(
            {"ok": True, "assets": assets, "sources": sources, "unverifiable": unsure, "unchecked": unchecked}
        )
        return
    for key, problems in unsure.items():
        screen.note(f"`{key}` is always stale: {'; '.join(problems) or 'its code has no version'}")
    screen.data(f"the definitions are good: {amount(assets, 'asset')}, {amount(sources, 'source')}")
