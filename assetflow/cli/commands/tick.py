"""`assetflow tick`: a tick that writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click

from assetflow.cli.options import Command, environment_option
from assetflow.cli.screen import Screen
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.cli.words import moment
from assetflow.define.settings import Settings
from assetflow.errors import UsageError
from assetflow.model.clock import FixedClock
from assetflow.scheduler.memory import read_memory
from assetflow.scheduler.sensors import SensorResult, ask_sensors
from assetflow.scheduler.tick import Tick, tick


@click.command("tick", cls=Command, short_help=COMMANDS["tick"])
@click.option("--explain", is_flag=True, help="Show each condition as a tree with the result at each node.")
@click.option("--at", metavar="TIME", help="As if it were that instant (ISO text; UTC without an offset).")
@click.option("--sensors", is_flag=True, help="Ask the sensors too, which run code of yours.")
@environment_option
@click.pass_obj
def command(session: Session, explain: bool, at: str | None, sensors: bool, environment: str | None) -> None:
    """Say what `assetflow up` would request now, and why. Nothing is written and nothing runs.

    `assetflow up --once` does it.
    """
    settings = session.settings(environment=environment)
    with session.project(settings) as project:
        if at is not None:
            project.clock = FixedClock(_instant(at))
        memory = read_memory(project)
        found = tick(project, memory, ask_sensors(project, memory) if sensors else SensorResult())
    if session.json:
        session.screen.document(found.to_json())
        return
    session.screen.data("\n".join(_lines(session.screen, found, settings, explain=explain)))


def _instant(text: str) -> datetime:
    # only with --at
    from assetflow.model.clock import from_text

    try:
        return from_text(text)
    except ValueError:
        raise UsageError(f"--at {text!r} is no instant", hint="write ISO text, like 2026-01-31T06:00+01:00") from None


def _lines(screen: Screen, found: Tick, settings: Settings, *, explain: bool) -> Iterator[str]:
    for request in found.requests:
        yield f"{screen.style('request', 'yellow')}  {' '.join(request.selection)}  by {request.by}"
    for where, message in found.errors:
        yield f"{screen.style('error', 'red')}    {where}: {message}"
    if not found.requests:
        yield "nothing would be requested"
    if found.next is not None:
        yield f"next look at {moment(found.to_json()['next'], settings.timezone)}"
    if explain:
        for each in found.evaluations:
            yield ""
            yield from tree_lines(screen, each.tree.to_json(), title=each.asset)


def tree_lines(screen: Screen, tree: dict[str, Any], *, title: str) -> Iterator[str]:
    """An evaluated condition, a node per line: what is true is marked, and where."""
    stack = [(tree, 0, "")]
    while stack:
        node, depth, asset = stack.pop()
        if node["error"]:
            mark, style = f"error: {node['error']}", "red"
        elif node["true"]:
            mark, style = (f"true for {node['partitions']}" if node["partitions"] else "true"), "green"
        else:
            mark, style = "false", "dim"
        of = f" for {node['asset']}" if asset and node["asset"] != asset else ""
        head = f"{title}: " if not depth else "  " * depth
        yield f"{head}{node['condition']}{of}  {screen.style(mark, style)}"
        stack += [(child, depth + 1, node["asset"]) for child in reversed(node["children"])]
