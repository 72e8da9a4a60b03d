"""Writes `docs/cli.md`, the reference of the command line, from the commands themselves.

python docs/generate.py            writes it
python docs/generate.py --check    exits with 1 when it is not current
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from assetflow.cli.main import program
from assetflow.cli.options import everywhere
from assetflow.cli.table import SECTIONS
from assetflow.define.settings import DESCRIPTIONS, PREFIX, Settings

TARGET = Path(__file__).with_name("cli.md")

HEAD = """\
# The command line

<!-- Written by docs/generate.py; change the commands, then run it again. -->

`assetflow COMMAND`, or `python -m assetflow COMMAND`. Data goes to stdout, talk to stderr; `--json` prints exactly one
JSON document on stdout. The project is the one at or above the working directory, unless `-C DIR` names another.
"""

EXIT_CODES = """\
## Exit codes

| code | means |
|---|---|
| 0 | done |
| 1 | a step failed |
| 2 | usage, selection or project settings are wrong |
| 3 | the definitions are wrong |
| 4 | the catalog or the store cannot be used |
| 5 | `plan --check` has work, `diff --check` found a difference |
| 70 | an internal error: a bug of assetflow |
| 130 | canceled |

An error is `error: …` on stderr, an empty line, and `hint: …` with what to do next; with `--json` also
`{"error": {"slug", "message", "hint", …}}` on stdout. [errors.md](errors.md) has an entry for every slug.
"""


def reference() -> str:
    """The whole page."""
    root = program()
    ctx = click.Context(root, info_name="assetflow")
    parts = [HEAD, _contents()]
    for section, names in SECTIONS.items():
        parts.append(f"## {section}\n")
        for name in names:
            command = root.get_command(ctx, name)
            assert command is not None
            parts += _command(command, click.Context(command, info_name=name, parent=ctx))
    parts += [_shared(), EXIT_CODES, _settings()]
    return "\n".join(parts).rstrip() + "\n"


def _contents() -> str:
    lines = ["| command | does |", "|---|---|"]
    for names in SECTIONS.values():
        lines += [f"| [`{name}`](#assetflow-{name}) | {text} |" for name, text in names.items()]
    return "\n".join(lines) + "\n"


def _command(command: click.Command, ctx: click.Context) -> Iterator[str]:
    usage = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
    yield f"### {ctx.command_path}\n\n```\n{usage}\n```\n\n{inspect.cleandoc(command.help or '')}\n"
    shared = {param.name for param in everywhere()}
    records = [
        _option(param)
        for param in command.params
        if isinstance(param, click.Option) and param.name not in shared and not param.hidden
    ]
    if records:
        yield _table(records)
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            assert inner is not None
            yield from _command(inner, click.Context(inner, info_name=name, parent=ctx))


def _shared() -> str:
    records = [_option(param) for param in everywhere() if isinstance(param, click.Option)]
    return "## With every command\n\nBefore the command or after it.\n\n" + _table(records)


def _option(param: click.Option) -> tuple[str, str]:
    """The option and what it does; not by click's own help, which reads differently from version to version."""
    if isinstance(param.type, click.Choice):
        value = "|".join(str(choice) for choice in param.type.choices)
    else:
        value = "" if param.is_flag else param.metavar or ""
    return f"{', '.join(param.opts)} {value}".strip(), param.help or ""


def _table(records: list[tuple[str, str]]) -> str:
    rows = "\n".join(f"| `{option.replace('|', chr(92) + '|')}` | {text} |" for option, text in records)
    return f"| option | does |\n|---|---|\n{rows}\n"


def _settings() -> str:
    defaults = Settings(root=Path())
    rows = []
    for name, text in DESCRIPTIONS.items():
        value = getattr(defaults, name)
        shown = list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value
        rows.append(f"| `{name}` | `{PREFIX}{name.upper()}` | `{shown}` | {text} |")
    table = "\n".join(rows)
    return f"""\
## Settings

In `pyproject.toml` under `[tool.assetflow]`; a variable of the environment wins over it. Parts of tables are joined by
`__`, as in `{PREFIX}CONFIG__REPORT__TOP=5`. `assetflow config --show-origin` says where each value comes from.

| setting | variable | default | meaning |
|---|---|---|---|
{table}

Of the command line alone: `{PREFIX}PROJECT` names the project's folder as `-C` does, `{PREFIX}COLOR` is `always` or
`never`, `{PREFIX}WIDTH` the columns of the screen, `{PREFIX}DEBUG=1` shows the traceback of an internal error.
"""


def main(args: list[str]) -> int:
    """Write the page, or check it."""
    text = reference()
    if "--check" in args:
        current = TARGET.is_file() and TARGET.read_text("utf-8") == text
        if not current:
            print(f"{TARGET.name} is not current: run `python docs/generate.py`", file=sys.stderr)
        return 0 if current else 1
    TARGET.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
