"""What a user sees, word for word: every file in `transcripts/` is played and compared.

A line that begins with `$ ` is a command, `> ` what it writes to stdout, `! ` to stderr, `= ` its exit code where that
is not 0. `+ path` writes a file of the lines below it that begin with `| `, `- path` deletes one; the rest is comment.
Run ids, times, versions and sizes are replaced by capital letters. To record them anew, set ASSETFLOW_RECORD=1, and
read the difference.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.calling import assetflow, environment, process

TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.txt"))

_CHANGING = (
    (re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}"), "RUN"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z?"), "TIME"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"20[2-9]\d-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?"), "TIME"),
    (re.compile(r"^\d\d:\d\d:\d\d "), "TIME "),
    (re.compile(r"\b([a-z]\d):[0-9a-f]{12,32}\b"), r"\1:VERSION"),
    (re.compile(r"(?<=/)[0-9a-f]{32}\b"), "VERSION"),
    (re.compile(r"\b\d+(\.\d+)? s\b"), "SECONDS"),
    (re.compile(r"\b\d+(\.\d+)? (B|KiB)(?!\w)"), "SIZE"),
    (re.compile(r'(?<="seconds": )[\d.e-]+'), "SECONDS"),
    (re.compile(r"process \d+ on \S+,"), "process PID on HOST,"),
)
_UNDERLINES = re.compile(r" +│ +[~^]+")
"""How a traceback underlines what went wrong differs between Pythons."""


def test_there_are_transcripts() -> None:
    assert TRANSCRIPTS


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path: Path, tmp_path: Path) -> None:
    expected = path.read_text("utf-8")
    seen = "\n".join(_played(expected, tmp_path)) + "\n"
    if os.environ.get("ASSETFLOW_RECORD"):
        path.write_text(seen, "utf-8")
    assert seen == expected


def _played(text: str, root: Path) -> Iterator[str]:
    """The transcript with what the commands write now in place of what they wrote."""
    lines = text.splitlines()
    at = 0
    environ = environment(PYTHONDONTWRITEBYTECODE="1")
    while at < len(lines):
        line = lines[at]
        at += 1
        if line.startswith(("> ", "! ", "= ")) or line in (">", "!"):
            continue
        yield line
        if line.startswith("$ "):
            yield from _answer(line[2:], root, environ)
        elif line.startswith("- "):
            (root / line[2:]).unlink()
        elif line.startswith("+ "):
            body = []
            while at < len(lines) and lines[at].startswith("|"):
                yield lines[at]
                body.append(lines[at][2:])
                at += 1
            target = root / line[2:]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("".join(f"{each}\n" for each in body), "utf-8")


def _answer(command: str, root: Path, environ: dict[str, str]) -> Iterator[str]:
    program, *args = shlex.split(command)
    assert program == "assetflow"
    # a watch ends by a signal, which is to reach nobody else
    ended = (process if args[0] == "watch" else assetflow)(*args, at=root, environ=environ)
    yield from (f"> {line}".rstrip() for line in _steady(ended.out, root))
    yield from (f"! {line}".rstrip() for line in _steady(ended.err, root))
    if ended.code:
        yield f"= {ended.code}"


def _steady(text: str, root: Path) -> Iterator[str]:
    for line in text.replace(str(root), "PROJECT").splitlines():
        if _UNDERLINES.fullmatch(line):
            continue
        changed = line
        for pattern, name in _CHANGING:
            changed = pattern.sub(name, changed)
        if changed != line:
            # the width of what was replaced has moved the columns behind it
            indent = len(changed) - len(changed.lstrip(" │├└─"))
            changed = changed[:indent] + re.sub(r" {2,}", "  ", changed[indent:])
        yield changed
