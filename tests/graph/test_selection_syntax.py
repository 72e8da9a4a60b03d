"""The text of selections: every tree prints to text that parses to it, and errors point at the place."""

from __future__ import annotations

import re
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assetflow.errors import AssetflowError, SelectionError
from assetflow.graph.selection import Selection, parse
from assetflow.graph.selection.glob import key_glob, text_glob
from assetflow.graph.selection.tree import (
    And,
    Attribute,
    Change,
    Changed,
    End,
    Ends,
    Field,
    Keys,
    Node,
    Not,
    Or,
    Reach,
    Status,
    StatusName,
    Tag,
)

NASTY = [
    "and",
    "OR",
    "not",
    "key",
    "roots",
    "2",
    "2nd",
    "a b",
    "a@b",
    'q"t',
    "it's",
    "b\\s",
    "a+b",
    "(x)",
    "k=v",
    "é東",
    "a:b",
    "x,y",
    "-x",
    "*",
]
words = st.sampled_from(NASTY) | st.text(min_size=1, max_size=6)
keys = st.builds(lambda pattern: Keys(pattern=pattern), words)
restricted = st.builds(
    lambda pattern, terms: Keys(pattern=pattern, partitions=tuple(terms)),
    words,
    st.lists(
        st.sampled_from(["2013-01-01", "a..b", "a*", '"x*"', '"a b"..c', "x|y", "..z", "it's", '"q""*"']),
        min_size=1,
        max_size=3,
    ),
)


@st.composite
def leaves(draw: st.DrawFn) -> Node:
    node: Node = draw(
        st.one_of(
            keys,
            restricted,
            st.builds(lambda field, pattern: Attribute(field=field, pattern=pattern), st.sampled_from(Field), words),
            st.builds(
                lambda key, value: Tag(key=key.replace("=", "-"), value=value), words, st.none() | words | st.just("")
            ),
            st.builds(lambda name: Status(name=name), st.sampled_from(StatusName)),
            st.builds(lambda change: Changed(change=change), st.none() | st.sampled_from(Change)),
        )
    )
    return node


levels = st.sampled_from([0, 1, 2, 30, 1234, None])


def grow(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(
        st.builds(lambda operand, end: Ends(end=end, operand=operand), inner, st.sampled_from(End)),
        st.builds(lambda operand: Not(operand=operand), inner),
        st.builds(lambda operands: And(operands=operands), several),
        st.builds(lambda operands: Or(operands=operands), several),
        st.tuples(inner, levels, levels)
        .filter(lambda parts: parts[1:] != (0, 0))
        .map(lambda parts: Reach(operand=parts[0], up=parts[1], down=parts[2])),
    )


def parsed_or_error(text: str) -> Selection | SelectionError:
    try:
        return parse(text)
    except SelectionError as error:
        return error


trees = st.recursive(leaves(), grow, max_leaves=8)


@given(trees)
@settings(max_examples=250, deadline=None)
def test_a_tree_prints_to_text_that_parses_to_it(tree: Node) -> None:
    selection = Selection(tree)
    assert parse(selection.to_text()) == selection


@given(st.text(alphabet="ab2*?/+()@.,=:'\"\\ \n-|") | st.text() | st.lists(words).map(" or ".join))
@settings(max_examples=250, deadline=None)
def test_any_text_parses_or_is_an_error_with_its_place(text: str) -> None:
    found = parsed_or_error(text)
    if isinstance(found, SelectionError):
        assert 0 <= found.payload["position"] <= len(text)
        assert found.message.splitlines()[-1].strip() == "^"
    else:
        assert parse(found.to_text()) == found


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("( a )", "a"),
        ("((a or b)) or c", "a or b or c"),
        ("(a and b) or c", "a and b or c"),
        ("a and (b or c)", "a and (b or c)"),
        ("not (a or b)", "not (a or b)"),
        ("not (a and b)", "not (a and b)"),
        ("(not a) and b", "not a and b"),
        ("not(+a)", "not +a"),
        ("+(a)", "+a"),
        ("+(a or b)+2", "+(a or b)+2"),
        ("+(not a)", "+(not a)"),
        ("+(+a)", "+(+a)"),
        ("A Or b AND NOT c", "A or b and not c"),
        ("key:'a'", "a"),
        ("key:and", '"and"'),
        ("'2'+", '"2"+'),
        ("tag:'k'='v'", "tag:k=v"),
        ("tag:'k=v'", "tag:k=v"),
        ("tag:k=", 'tag:k=""'),
        ("roots( a or b )", "roots(a or b)"),
        ("0+a+0", "a"),
        ("x@'a'..'b c'", 'x@"a".."b c"'),
        ("owner:'a@b.c'", 'owner:"a@b.c"'),
        ("changed:", "changed:"),
    ],
)
def test_the_plainest_spelling(text: str, plain: str) -> None:
    assert parse(text).to_text() == plain
    assert str(parse(text)) == plain


TOUCHES = "a `+` touches its asset on both sides, as in `2+delays+1`; for both of two write `or`"
OFFSET = "a `+` with four digits after a partition could be part of its key, or levels downstream"
QUOTE_IT = 'quote the partition key: `asset@"2023-10-29-02:00+0100"` or `asset@"2023-10-29"+1000`'
NO_PARTITIONS = "partitions belong to an asset, not to `group:`"
OPERAND = "expected an asset, a predicate such as `tag:daily`, `not`, `+` or `(`"
ERRORS: list[tuple[str, int, str, str | None]] = [
    ("", 1, "the selection is empty", "write an asset key, or `*` for everything"),
    ("a b", 3, "expected `and`, `or` or the end, found `b`", "join two selections with `and` or `or`"),
    ("a,b", 2, "expected `and`, `or` or the end, found `,`", "write `a or b`, or give two selections"),
    ("a & b", 3, "expected `and`, `or` or the end, found `&`", "write `and`"),
    ("a | b", 3, "expected `and`, `or` or the end, found `|`", "write `or`"),
    ("!a", 1, f"{OPERAND}, found `!`", "write `not`"),
    ("a -b", 3, "expected `and`, `or` or the end, found `-b`", "write `and not`"),
    ("a and", 6, f"{OPERAND}, found the end", None),
    ("a and or b", 7, f"{OPERAND}, found `or`", "quote the name if an asset is called so"),
    ("or", 1, f"{OPERAND}, found `or`", "quote the name if an asset is called so"),
    ("not", 4, f"{OPERAND}, found the end", None),
    ("(a or b", 1, "the parenthesis is never closed", "close it with `)`"),
    ("a or (b c)", 9, "expected `and`, `or` or `)`, found `c`", "join two selections with `and` or `or`"),
    ("a)", 2, "expected `and`, `or` or the end, found `)`", None),
    ("()", 2, f"{OPERAND}, found `)`", None),
    ("roots(a", 6, "the parenthesis is never closed", "close it with `)`"),
    ("a + b", 3, "expected `and`, `or` or the end, found `+`", TOUCHES),
    ("++a", 1, f"{OPERAND}, found `+`", TOUCHES),
    ("+not a", 2, "expected an asset, a predicate or `(` after `+`, found `not`", "put what follows in parentheses"),
    ("9999999999+a", 1, "9999999999 levels are more than any graph has", None),
    ("'a", 1, "the quote ' is never closed", "close it with another '"),
    ("''", 1, "a key cannot be empty", None),
    ("grup:x", 1, "there is no predicate `grup:`", "did you mean `group:`?"),
    ("a or Group:x", 6, "there is no predicate `Group:`", "did you mean `group:`?"),
    ("status:stail", 8, "`stail` is none of `stale`, `missing`, `overdue`, `fresh`, `failed`", "did you mean `stale`?"),
    ("changed:cod", 9, "`cod` is none of `code`, `data`, `config`", "did you mean `code`?"),
    ("group: x", 7, "expected a group right after `group:`, found ` `", 'quote it if it is unusual: `key:"2nd"`'),
    ("tag:=v", 5, "expected a tag right after `tag:`, found `=v`", "as in `tag:daily` or `tag:layer=gold`"),
    ("group:a@b", 8, NO_PARTITIONS, "select the assets by key, or quote a value that holds an `@`"),
    ("a@", 3, "expected a partition key, found the end", "as in `asset@2013-01-01` or `asset@2013-01-01..2013-01-31`"),
    ("a@1-02:00+0100", 10, OFFSET, QUOTE_IT),
    ("(" * 41 + "a" + ")" * 41, 42, "the selection is nested more than 40 deep", None),
    ("not " * 41 + "a", 164, "the selection is nested more than 40 deep", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "problem", "hint"), ERRORS, ids=[case[0][:30] for case in ERRORS])
def test_a_syntax_error_shows_the_place(text: str, place: int, problem: str, hint: str | None) -> None:
    with pytest.raises(SelectionError) as caught:
        parse(text)
    error = caught.value
    head, _, pointer = error.message.split("\n")
    assert head == f"the selection does not parse at character {place}: {problem}"
    assert error.hint == hint
    assert (error.payload["selection"], error.payload["position"]) == (text, place - 1)
    if len(text) < 60:
        assert pointer == " " * (place + 1) + "^"


def test_the_caret_stands_under_wide_characters() -> None:
    with pytest.raises(SelectionError) as caught:
        parse("東京 x")
    assert caught.value.message.split("\n")[1:] == ["  東京 x", "       ^"]


def test_a_long_selection_is_shown_around_the_place() -> None:
    with pytest.raises(SelectionError) as caught:
        parse("x" * 500 + " y " + "z" * 500)
    _, shown, pointer = caught.value.message.split("\n")
    assert len(shown) < 130
    assert shown[pointer.index("^")] == "y"


def test_ten_thousand_alternatives_parse() -> None:
    text = " or ".join(f"a{n}" for n in range(10_000))
    assert parse(text).to_text() == text


def test_a_tag_key_with_an_equals_sign_needs_a_value() -> None:
    with pytest.raises(AssetflowError):
        Tag(key="a=b")
    assert parse(Selection(Tag(key="a=b", value="c")).to_text()).tree == Tag(key="a=b", value="c")


def matches(pattern: str, text: str, *, segments: bool) -> bool:
    """The meaning of a glob, one character at a time."""
    tokens = re.findall(r"\*\*+/|\*\*+|\*|\?|.", pattern, re.DOTALL)

    @cache
    def rest(token: int, at: int) -> bool:
        if token == len(tokens):
            return at == len(text)
        sign = tokens[token]
        if sign.startswith("**"):
            starts = range(at, len(text) + 1)
            if sign.endswith("/"):
                return any(rest(token + 1, start) for start in starts if start == 0 or text[start - 1] == "/")
            return any(rest(token + 1, start) for start in starts)
        if sign == "*":
            end = text.find("/", at) if segments and "/" in text[at:] else len(text)
            return any(rest(token + 1, start) for start in range(at, end + 1))
        if at == len(text):
            return False
        same = text[at] == sign or (sign == "?" and not (segments and text[at] == "/"))
        return same and rest(token + 1, at + 1)

    return rest(0, 0)


@given(st.text(alphabet="ab/*?", min_size=1, max_size=9), st.text(alphabet="ab/", max_size=10))
@settings(max_examples=1500, deadline=None)
def test_globs_mean_what_they_say(pattern: str, text: str) -> None:
    if pattern != "*":
        assert (key_glob(pattern).match(text) is not None) == matches(pattern, text, segments=True)


@given(st.text(alphabet="ab*?", min_size=1, max_size=9), st.text(alphabet="ab/\n", max_size=10))
@settings(max_examples=500, deadline=None)
def test_globs_over_names_have_no_segments(pattern: str, text: str) -> None:
    assert (text_glob(pattern).match(text) is not None) == matches(pattern.replace("*", "**"), text, segments=False)


def test_a_hostile_glob_is_answered() -> None:
    assert key_glob("*a" * 60 + "b").match("a" * 200) is None
    assert key_glob("**a*" * 60 + "b").match("a" * 200) is None
