"""The leading comments of a `.sql` file: its options as TOML behind `@asset`, and its description."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from assetflow.define.sql.text import Token, spot, tokens
from assetflow.values import dataclass

_MARK = re.compile(r"@asset\b[ \t]*")
_PLACE = re.compile(r"\s*\(at line (\d+), column (\d+)\)|\s*\(at end of document\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the comments before the query say: option values as TOML gives them, with the line each stands in."""

    values: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    description: str = ""
    problem: tuple[str, int] | None = None


def read_header(text: str) -> Header:
    """The header of a file; a block that is no TOML is told as a problem with its line."""
    options: list[tuple[int, str]] = []
    described: list[str] = []
    taking = False
    last = 0
    for token in tokens(text):
        if token.kind != "comment":
            break
        line = spot(text, token.start).line
        if token.text.startswith("/*"):
            taking = False
            content = list(_block(token, line))
            if content and (found := _MARK.match(content[0][1].lstrip())):
                options += [(content[0][0], content[0][1].lstrip()[found.end() :]), *content[1:]]
            else:
                described += [part for _, part in content]
        else:
            content_text = token.text[2:].removeprefix(" ").rstrip()
            found = _MARK.match(content_text)
            if found is not None:
                taking = True
                options.append((line, content_text[found.end() :]))
            elif taking and line == last + 1:
                options.append((line, content_text))
            else:
                taking = False
                described.append(content_text)
        last = line + token.text.count("\n")
    return _parsed(options, "\n".join(described).strip())


def _block(token: Token, line: int) -> list[tuple[int, str]]:
    inner = token.text[2:].removesuffix("*/")
    lines = [re.sub(r"^\s*\*(?:\s|$)", "", part).rstrip() for part in inner.split("\n")]
    found = [(line + number, part) for number, part in enumerate(lines)]
    while found and not found[0][1].strip():
        found.pop(0)
    return found


def _parsed(options: list[tuple[int, str]], description: str) -> Header:
    if not options:
        return Header(description=description)
    source = "\n".join(part for _, part in options)
    try:
        values = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        found = _PLACE.search(message)
        number = int(found[1]) if found and found[1] else len(options)
        line = options[min(number, len(options)) - 1][0]
        return Header(description=description, problem=(_PLACE.sub("", message), line))
    lines: dict[str, int] = {}
    for line, part in options:
        named = re.match(r"\s*\[*\s*\"?([\w-]+)", part)
        if named is not None and named[1] in values:
            lines.setdefault(named[1], line)
    return Header(values=values, lines=lines, description=description)
