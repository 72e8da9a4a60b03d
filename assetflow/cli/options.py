"""The command and group classes of the command line, and the options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from assetflow.cli.session import Session

F = TypeVar("F", bound=Callable[..., Any])

NAMES = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def _store(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value in (None, False):
        return  # not given here; perhaps before the command
    session: Session = ctx.find_object(Session)  # type: ignore[assignment]
    match param.name:
        case "project_folder":
            session.directory = value
        case "as_json":
            session.json = True
        case "quiet":
            session.screen.quiet = True
        case "verbose":
            session.verbose = True
        case "no_color":
            session.screen.no_color()


def everywhere() -> list[click.Parameter]:
    """The options of every command, which may also stand before it."""
    return [
        click.Option(
            ["-C", "--project", "project_folder"], metavar="DIR", expose_value=False, callback=_store,
            help="The project's folder, or one below it.",
        ),
        click.Option(
            ["--json", "as_json"], is_flag=True, expose_value=False, callback=_store,
            help="Print one JSON document on stdout.",
        ),
        click.Option(
            ["-q", "--quiet"], is_flag=True, expose_value=False, callback=_store, help="Say less: data and errors only."
        ),
        click.Option(
            ["-v", "--verbose"], is_flag=True, expose_value=False, callback=_store,
            help="Say more; with an internal error its traceback.",
        ),
        click.Option(
            ["--no-color"], is_flag=True, expose_value=False, callback=_store, help="No colors (also NO_COLOR=1)."
        ),
    ]  # fmt: skip


class Command(click.Command):
    """A command with the options that every command has."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("context_settings", NAMES)
        super().__init__(*args, **kwargs)
        self._own = len(self.params)
        self.params.extend(everywhere())

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        shared = {id(param) for param in self.params[self._own :]}
        own: list[tuple[str, str]] = []
        other: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                (other if id(param) in shared or "--help" in param.opts else own).append(record)
        for title, records in (("Options", own), ("With every command", other)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


@click.pass_context
def _help_without_command(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


class Group(click.Group):
    """A group with the options that every command has; without a command it prints its help."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("context_settings", NAMES)
        kwargs["callback"] = _help_without_command
        super().__init__(*args, **kwargs)
        self.invoke_without_command, self.no_args_is_help = True, False
        self.params.extend(everywhere())

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of that name; UsageError with the nearest one."""
        name, known = args[0], self.list_commands(ctx)
        if not ctx.resilient_parsing and name not in known and not name.startswith("-"):
            from assetflow.errors import UsageError, did_you_mean  # only when something is wrong

            path = ctx.command_path
            raise UsageError(
                f"`{path}` has no command `{name}`",
                hint=did_you_mean(name, known) or f"`{path} --help` lists the commands",
            )
        return super().resolve_command(ctx, args)


def planning(function: F) -> F:
    """The argument and options of commands that plan."""
    decorators = (
        click.argument("selection", nargs=-1, metavar="[SEL]..."),
        click.option(
            "--partition", "partitions", multiple=True, metavar="KEY",
            help="Partition key, glob or FIRST..LAST; may be repeated.",
        ),
        click.option("--from", "first", metavar="KEY", help="First partition."),
        click.option("--to", "last", metavar="KEY", help="Last partition, included."),
        click.option("--only", is_flag=True, help="Leave upstreams alone."),
        click.option("--force", is_flag=True, help="Rebuild what is selected, whatever its verdict."),
        click.option(
            "-p", "config", multiple=True, metavar="ASSET.FIELD=VALUE", help="A config value; may be repeated."
        ),
        click.option("--env", "environment", metavar="NAME", help="The environment to work on."),
        click.option("--no-freshness", is_flag=True, help="Leave freshness policies out."),
    )  # fmt: skip
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


environment_option = click.option("--env", "environment", metavar="NAME", help="The environment to look at.")
