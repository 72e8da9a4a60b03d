"""Errors as the user sees them: what is wrong, what to do next, and the exit code."""

from __future__ import annotations

import traceback
from collections.abc import Sequence

import click

from assetflow.cli.session import Session
from assetflow.errors import AssetflowError, InternalError, UsageError, did_you_mean

REPORT = "this is a bug in assetflow; please report it with the traceback"


def report(error: Exception, session: Session, args: Sequence[str]) -> int:
    """Write an error to stderr, with `--json` also to stdout, and return the exit code."""
    if isinstance(error, click.ClickException):
        shown: AssetflowError = _from_click(error)
    elif isinstance(error, AssetflowError):
        shown = error
    else:
        shown = _unexpected(error, session)
    screen = session.screen
    if session.json or "--json" in args:
        screen.document({"error": shown.to_json()})
    screen.urgent(f"{screen.talk_style('error:', 'red', 'bold')} {shown.message}")
    if shown.hint:
        screen.urgent(f"\n{screen.talk_style('hint:', 'cyan')} {shown.hint}")
    if isinstance(error, AssetflowError) and error.exit_code != 70:
        return error.exit_code
    if isinstance(shown, InternalError) and _wants_traceback(session):
        screen.urgent("\n" + "".join(traceback.format_exception(error)).rstrip())
    return shown.exit_code


def _wants_traceback(session: Session) -> bool:
    return session.verbose or bool(session.environ.get("ASSETFLOW_DEBUG"))


def _unexpected(error: Exception, session: Session) -> InternalError:
    text = " ".join(str(error).split())
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    hint = REPORT if _wants_traceback(session) else f"{REPORT} that `-v` shows"
    return InternalError(f"something went wrong inside assetflow: {what}", hint=hint)


def _from_click(error: click.ClickException) -> UsageError:
    """click's errors of usage in our words."""
    ctx = getattr(error, "ctx", None)
    path = "assetflow" if ctx is None else ctx.command_path
    hint = f"`{path} --help` shows how it is used"
    match error:
        case click.NoSuchOption():
            known = [] if ctx is None else [name for param in ctx.command.params for name in param.opts]
            return UsageError(
                f"`{path}` has no option `{error.option_name}`", hint=did_you_mean(error.option_name, known) or hint
            )
        case click.MissingParameter() if isinstance(error.param, click.Argument):
            return UsageError(
                f"`{path}` needs the argument {error.param.metavar or error.param.human_readable_name}", hint=hint
            )
        case click.MissingParameter() if isinstance(error.param, click.Option):
            words = f"{error.param.opts[-1]} {error.param.metavar or ''}".rstrip()
            return UsageError(f"`{path}` needs `{words}`", hint=hint)
        case click.BadParameter() if error.param is not None:
            name = error.param.opts[-1] if isinstance(error.param, click.Option) else error.param.human_readable_name
            return UsageError(f"`{name}`: {_clause(error.message)}", hint=hint)
        case _:
            return UsageError(f"`{path}`: {_clause(error.format_message())}", hint=hint)


def _clause(text: str) -> str:
    """click's sentence as a clause: small first letter, no full stop."""
    text = text.strip().rstrip(".")
    return text[:1].lower() + text[1:]
