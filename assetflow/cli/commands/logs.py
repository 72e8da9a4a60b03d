"""`assetflow logs`."""

from __future__ import annotations

import json
import logging
from typing import Any

import click

from assetflow.cli.asking import split_partition
from assetflow.cli.options import Command
from assetflow.cli.screen import Screen
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.cli.words import moment
from assetflow.model.keys import show
from assetflow.project.past_runs import check_step, find_run, run_output

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_LEVEL_STYLES = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red", "DEBUG": "dim"}


@click.command("logs", cls=Command, short_help=COMMANDS["logs"])
@click.argument("run_id", metavar="RUN")
@click.argument("asset", required=False, metavar="[ASSET[@PARTITION]]")
@click.option(
    "--level", type=click.Choice(_LEVELS, case_sensitive=False), help="Log records of that level and above only."
)
@click.option("-f", "--follow", is_flag=True, help="Wait for more until the run ends.")
@click.pass_obj
def command(session: Session, run_id: str, asset: str | None, level: str | None, follow: bool) -> None:
    """Show what the steps of a run printed and logged, and how they failed, also while it goes on.

    RUN is a run id, the beginning of one, or `last`. With --json each line is an object of one array.
    """
    name, partition = split_partition(asset) if asset else (None, None)
    least = None if level is None else logging.getLevelNamesMapping()[level.upper()]
    with session.project() as project:
        row = find_run(project, run_id)
        zone, screen = project.settings.timezone, session.screen
        lines = []
        for line in run_output(project, row, name, partition, follow=follow):
            if _is_wanted(line, least):
                lines.append(line)
                if follow and not session.json:
                    screen.data(_text(screen, line, zone))
                    screen.flush()
                    if screen.reader_left:
                        return
        if name is not None and not lines:
            check_step(project, row, name, partition)
    if session.json:
        # one line of text a captured line: long outputs stay readable
        body = ",\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
        screen.data(f"[\n{body}\n]" if body else "[]")
    elif lines and follow:
        return
    elif lines:
        for line in lines:
            screen.data(_text(screen, line, zone))
    else:
        screen.talk(f"no step of run {row.run_id} wrote anything" + (f" as {asset}" if asset else ""))


def _is_wanted(line: dict[str, Any], least: int | None) -> bool:
    if least is None:
        return True
    number = logging.getLevelNamesMapping().get(line["level"] or "")
    return number is not None and number >= least


def _text(screen: Screen, line: dict[str, Any], zone: str) -> str:
    level = line["level"]
    mark = f"{screen.style(level, _LEVEL_STYLES.get(level, ''))} " if level else ""
    again = f" attempt {line['attempt']}" if line["attempt"] > 1 else ""
    head = f"{moment(line['at'], zone)[11:]} {show(line['asset'], line['partition'])}{again} │"
    first, *more = line["text"].split("\n")
    lines = [f"{screen.style(head, 'dim')} {mark}{first}"]
    bar = screen.style(" " * (len(head) - 1) + "│", "dim")
    return "\n".join([*lines, *(f"{bar} {text}".rstrip() for text in more)])
