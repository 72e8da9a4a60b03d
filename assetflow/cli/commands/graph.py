"""`assetflow graph`."""

from __future__ import annotations

import re
from pathlib import Path

import click

from assetflow.cli.columns import cut
from assetflow.cli.commands.list import note_problems
from assetflow.cli.options import Command, environment_option
from assetflow.cli.screen import VERDICT_STYLES, Screen
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.cli.writing import write_text
from assetflow.errors import UsageError
from assetflow.graph.render import GraphFormat, render
from assetflow.project.graph_facts import graph_facts

_VERDICT = re.compile(r"(?<=  )(fresh|stale|missing|overdue)\b")


@click.command("graph", cls=Command, short_help=COMMANDS["graph"])
@click.argument("selection", nargs=-1, metavar="[SEL]...")
@click.option("--format", "to", type=click.Choice([str(f) for f in GraphFormat]), help="The form, text unless given.")
@click.option("-o", "--output", metavar="FILE", help="Write to a file; its suffix gives the form too.")
@environment_option
@click.pass_obj
def command(
    session: Session, selection: tuple[str, ...], to: str | None, output: str | None, environment: str | None
) -> None:
    """Draw the selected assets, all without a selection, with their verdicts.

    `-o graph.html` writes one page that needs nothing else: a list to search and to filter by verdict, the drawing to
    zoom, and of an asset that is clicked its lineage, its newest value and the facts attached to it.
    """
    form = GraphFormat(to) if to else _form(output, as_json=session.json)
    with session.project(session.settings(environment=environment)) as project:
        listings = project.assets(selection or None)
        verdicts = {
            each.asset: "overdue" if each.overdue else each.verdict for each in listings if each.kind != "source"
        }
        facts = graph_facts(project, listings) if form is GraphFormat.HTML else None
        drawn = render(project.graph, [each.asset for each in listings], to=form, verdicts=verdicts, facts=facts)
    if output is not None:
        write_text(session.cwd / output, drawn)
        session.screen.talk(f"wrote {output}")
        return
    note_problems(session, listings)
    session.screen.data((_painted(session.screen, drawn) if form is GraphFormat.TEXT else drawn).rstrip("\n"))


def _form(output: str | None, *, as_json: bool) -> GraphFormat:
    if as_json:
        return GraphFormat.JSON
    suffixes = {"mmd": "mermaid", "gv": "dot", "txt": "text", "htm": "html"}
    suffix = Path(output or "").suffix.removeprefix(".").lower()
    name = suffixes.get(suffix, suffix)
    if not name:
        return GraphFormat.TEXT
    if name not in list(GraphFormat):
        known = ", ".join(f"`.{each}`" for each in ("txt", "mmd", "dot", "json", "svg", "html"))
        raise UsageError(f"`{output}`: no graph is drawn as {suffix}", hint=f"use one of {known}, or say --format")
    return GraphFormat(name)


def _painted(screen: Screen, drawn: str) -> str:
    if screen.width is not None:  # a line for each asset, also in a narrow terminal
        drawn = "\n".join(cut(line, screen.width) for line in drawn.splitlines())
    return _VERDICT.sub(lambda found: screen.style(found[0], VERDICT_STYLES[found[0]]), drawn)
