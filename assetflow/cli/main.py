"""The entry of the command line: from arguments to an exit code, with every way to end in one place."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from assetflow import __version__
from assetflow.cli.options import Group
from assetflow.cli.screen import Screen, let_go
from assetflow.cli.session import Session
from assetflow.cli.table import ANSWERS, COMMANDS, SECTIONS
from assetflow.values import dataclass

FAILED = 1
CANCELED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an invocation ended; `threads_left` says that steps still run in threads that nobody waits for."""

    code: int
    threads_left: bool = False


class Program(Group):
    """The group of all commands, each imported when it is used."""

    alone = False

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        from assetflow.garbage import spare, uncollected  # not at the top: help and version need it not

        with uncollected():
            module = import_module(f"assetflow.cli.commands.{cmd_name}")
            if self.alone:
                spare()
        if self.alone and cmd_name in ANSWERS:
            gc.disable()  # all that is made stays until the answer is given, and then the process ends
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(11), text) for name, text in commands.items()])


def program(*, alone: bool = False) -> Program:
    """The root command; `alone` says that this process does nothing else."""
    root = Program(
        name="assetflow",
        params=[
            click.Option(
                ["--version"], is_flag=True, expose_value=False, is_eager=True, callback=_version,
                help="Print the version.",
            ),
        ],
        help="Keep tables, files and models up to date.",
        epilog="Begin with `assetflow init`, then `assetflow materialize`.",
    )  # fmt: skip
    root.alone = alone
    return root


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"assetflow {__version__}")
        ctx.exit()


def run(args: Sequence[str], *, environ: Mapping[str, str] | None = None, alone: bool = False) -> Ended:
    """Carry out one invocation; writes to `sys.stdout` and `sys.stderr`, raises nothing.

    `alone` says that the process was started for it: what it imports is then never looked through for garbage.
    """
    environ = os.environ if environ is None else environ
    session = Session(screen=Screen(sys.stdout, sys.stderr, environ), environ=environ, cwd=_here(environ))
    code = _invoke(args, session, alone=alone)
    screen = session.screen
    screen.flush()
    if screen.lost is not None:
        screen.urgent(f"error: the output cannot be written: {screen.lost.strerror}")
        code = code or FAILED
    return Ended(code=code, threads_left=session.threads_left)


def _here(environ: Mapping[str, str]) -> Path:
    """The working folder; what its name was, when it was removed."""
    try:
        return Path.cwd()
    except OSError:
        return Path(environ.get("PWD") or os.sep)


def _invoke(args: Sequence[str], session: Session, *, alone: bool) -> int:
    root = program(alone=alone)
    try:
        code: Any = root.main(args=list(args), prog_name="assetflow", standalone_mode=False, obj=session)
        return code if isinstance(code, int) else 0
    except (KeyboardInterrupt, click.Abort):
        session.screen.urgent("canceled")
        return CANCELED
    except SystemExit:  # how click ends when it prints help and the reader of the pipe has left
        for stream in (sys.stdout, sys.stderr):
            let_go(stream)
        return 0
    except Exception as error:
        from assetflow.cli.failures import report  # only when something is wrong

        return report(error, session, args)
