"""What selections mean: one small project, a table of selections, and the assets each one names."""

from __future__ import annotations

import pytest

from assetflow.errors import InternalError, SelectionError, UnknownAssetError
from assetflow.graph.graph import AssetGraph
from assetflow.graph.selection import Resolved, needs_status, parse, resolve
from assetflow.model.asset import AssetKind, AssetSpec, InputSpec
from assetflow.model.partitions import StaticPartitions

DAYS = StaticPartitions(["2013-01-01", "2013-01-02", "a*b"])


def spec(key: str, *upstreams: str, **fields: object) -> AssetSpec:
    inputs = tuple(InputSpec(upstream=upstream) for upstream in upstreams)
    return AssetSpec(key=key, inputs=inputs, **fields)  # type: ignore[arg-type]


# raw/flights ──┬─> clean ──> marts/delays ──> marts/by/hour ──> report
# raw/weather ──┘                 │
# planes ─────────────────────────┴─> 2nd        and, wetter/größe and 東京 stand alone
GRAPH = AssetGraph(
    [
        spec("raw/flights", kind=AssetKind.SOURCE, group="raw", tags=(("layer", "bronze"),)),
        spec("raw/weather", kind=AssetKind.SOURCE, group="raw", tags=(("layer", "bronze"), ("slow", ""))),
        spec("planes", kind=AssetKind.SQL, tags=(("layer", "silver"),), owners=("ana@example.com",)),
        spec("clean", "raw/flights", "raw/weather", tags=(("layer", "silver"),), partitions=DAYS),
        spec("marts/delays", "clean", group="marts", owners=("team:data", "ana@example.com"), partitions=DAYS),
        spec("marts/by/hour", "marts/delays", group="marts", tags=(("layer", "gold"), ("note", "a b"))),
        spec("report", "marts/by/hour", group="out box"),
        spec("2nd", "marts/delays", "planes", tags=(("formula", "x=y"),)),
        spec("and"),
        spec("key"),
        spec("wetter/größe"),
        spec("東京"),
    ]
)
ALL = set(GRAPH.keys)
RAW = {"raw/flights", "raw/weather"}
MARTS = {"marts/delays", "marts/by/hour"}


class KnownFacts:
    """`clean` is stale, its code and data changed; `planes` is missing and failed; the rest is fresh."""

    def status(self, asset: str) -> set[str]:
        return {"clean": {"stale"}, "planes": {"missing", "failed"}}.get(asset, {"fresh"})

    def changed(self, asset: str) -> set[str]:
        return {"clean": {"code", "data"}}.get(asset, set())


def resolved(*texts: str) -> Resolved:
    return resolve([parse(text) for text in texts], GRAPH, KnownFacts())


CASES: dict[str, set[str]] = {
    # keys
    "clean": {"clean"},
    "  clean  ": {"clean"},
    "marts/delays": {"marts/delays"},
    "key:clean": {"clean"},
    "key:marts/delays": {"marts/delays"},
    "'clean'": {"clean"},
    '"marts/delays"': {"marts/delays"},
    'key:"clean"': {"clean"},
    "2nd": {"2nd"},
    "key:2nd": {"2nd"},
    "key": {"key"},
    "key:key": {"key"},
    '"and"': {"and"},
    "key:and": {"and"},
    "wetter/größe": {"wetter/größe"},
    "東京": {"東京"},
    # globs
    "*": ALL,
    "**": ALL,
    "key:*": ALL,
    "marts/*": {"marts/delays"},
    "key:marts/*": {"marts/delays"},
    "marts/**": MARTS,
    "**/hour": {"marts/by/hour"},
    "**/delays": {"marts/delays"},
    "**/clean": {"clean"},
    "raw/?lights": {"raw/flights"},
    "'raw/*'": RAW,
    "*/*": RAW | {"marts/delays", "wetter/größe"},
    "m*/**/h*r": {"marts/by/hour"},
    "pl*es": {"planes"},
    "wetter/gr?ße": {"wetter/größe"},
    # upstream and downstream
    "+clean": RAW | {"clean"},
    "clean+": {"clean", "2nd", "report"} | MARTS,
    "+clean+": RAW | {"clean", "2nd", "report"} | MARTS,
    "1+marts/delays": {"clean", "marts/delays"},
    "2+marts/delays": {"clean", "marts/delays"} | RAW,
    "marts/delays+1": {"marts/delays", "marts/by/hour", "2nd"},
    "1+marts/delays+1": {"clean", "marts/delays", "marts/by/hour", "2nd"},
    "0+marts/delays+0": {"marts/delays"},
    "99+clean": RAW | {"clean"},
    "+2nd": RAW | {"clean", "marts/delays", "planes", "2nd"},
    "1+2nd": {"marts/delays", "planes", "2nd"},
    '"2nd"+': {"2nd"},
    "+raw/*+1": RAW | {"clean"},
    "raw/*+2": RAW | {"clean", "marts/delays"},
    "+(clean or planes)": RAW | {"clean", "planes"},
    "(clean or planes)+1": {"clean", "planes", "marts/delays", "2nd"},
    "+(+clean)": RAW | {"clean"},
    "(1+report)+": {"marts/by/hour", "report"},
    "+東京+": {"東京"},
    # attributes
    "tag:layer": RAW | {"planes", "clean", "marts/by/hour"},
    "tag:layer=silver": {"planes", "clean"},
    "tag:layer=*e*": RAW | {"planes", "clean"},
    "tag:lay*=gold": {"marts/by/hour"},
    "tag:slow": {"raw/weather"},
    "tag:slow=": {"raw/weather"},
    'tag:note="a b"': {"marts/by/hour"},
    'tag:"note=a b"': {"marts/by/hour"},
    "tag:'note'='a b'": {"marts/by/hour"},
    "tag:formula=x=y": {"2nd"},
    "group:raw": RAW,
    "group:'out box'": {"report"},
    "group:ma*": MARTS,
    "kind:source": RAW,
    "kind:sql": {"planes"},
    "kind:s*": RAW | {"planes"},
    "owner:ana@example.com": {"planes", "marts/delays"},
    "owner:team:data": {"marts/delays"},
    "owner:*@example.com": {"planes", "marts/delays"},
    "group:raw+1": RAW | {"clean"},
    "+group:marts": RAW | {"clean"} | MARTS,
    "1+tag:layer=gold+1": {"marts/delays", "marts/by/hour", "report"},
    # facts
    "status:stale": {"clean"},
    "status:missing": {"planes"},
    "status:failed": {"planes"},
    "status:overdue": set(),
    "status:stale or status:missing": {"clean", "planes"},
    "status:stale+1": {"clean", "marts/delays"},
    "changed:": {"clean"},
    "changed:code": {"clean"},
    "changed:config": set(),
    "changed: or planes": {"clean", "planes"},
    "+changed:data": RAW | {"clean"},
    "marts/* and status:stale": set(),
    "not status:fresh": {"clean", "planes"},
    # roots and sinks
    "roots(*)": {"2nd", "and", "key", "planes", "wetter/größe", "東京"} - {"2nd"} | RAW,
    "sinks(+2nd or report)": {"2nd", "report"},
    "roots(clean+)": {"clean"},
    "sinks(clean+)": {"2nd", "report"},
    "roots(clean or report)": {"clean"},
    "sinks ( clean or report )": {"report"},
    "+roots(group:marts)": RAW | {"clean", "marts/delays"},
    "roots(+clean)+1": RAW | {"clean"},
    # and, or, not
    "clean or planes": {"clean", "planes"},
    "clean OR planes": {"clean", "planes"},
    "clean Or planes or report": {"clean", "planes", "report"},
    "clean+ and group:marts": MARTS,
    "clean+ AND group:marts": MARTS,
    "not clean": ALL - {"clean"},
    "NOT clean": ALL - {"clean"},
    "not not clean": {"clean"},
    "not (clean or group:marts)": ALL - {"clean"} - MARTS,
    "not clean and not group:marts": ALL - {"clean"} - MARTS,
    "not clean or clean": ALL,
    "planes or clean+ and group:marts": {"planes"} | MARTS,
    "(planes or clean+) and group:marts": MARTS,
    "not clean and group:raw or planes": RAW | {"planes"},
    "clean+ and not (tag:layer=gold or group:'out box')": {"clean", "marts/delays", "2nd"},
    "not(clean)": ALL - {"clean"},
    "(clean)or(planes)": {"clean", "planes"},
    "((clean))": {"clean"},
    "report or group:raw and group:marts": {"report"},
}


@pytest.mark.parametrize(("text", "expected"), CASES.items(), ids=CASES)
def test_selection(text: str, expected: set[str]) -> None:
    found = resolved(text)
    assert set(found.assets) == expected
    assert set(found.assets.values()) <= {None}


@pytest.mark.parametrize("text", CASES, ids=CASES)
def test_the_printed_selection_is_the_same_selection(text: str) -> None:
    selection = parse(text)
    assert parse(selection.to_text()) == selection


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("clean@2013-01-01", {"clean": ("2013-01-01",)}),
        ("key:clean@2013-01-01", {"clean": ("2013-01-01",)}),
        ("clean@2013-01-01..2013-01-02", {"clean": ("2013-01-01..2013-01-02",)}),
        ("clean@2013-01-01..", {"clean": ("2013-01-01..",)}),
        ("clean@2013-*", {"clean": ("2013-*",)}),
        ("clean@2013-01-01,2013-01-02", {"clean": ("2013-01-01", "2013-01-02")}),
        ("clean@'2013-01-01'", {"clean": ("2013-01-01",)}),
        ('clean@"a*b"', {"clean": ('"a*b"',)}),
        ('clean@"2023-10-29-02:00+0100"', {"clean": ("2023-10-29-02:00+0100",)}),
        ("clean@2013-01-01|eu", {"clean": ("2013-01-01|eu",)}),
        ("c*n@2013-01-01", {"clean": ("2013-01-01",)}),
        ("+clean@2013-01-01", {"clean": ("2013-01-01",), "raw/flights": None, "raw/weather": None}),
        ("clean@2013-01-01+1", {"clean": ("2013-01-01",), "marts/delays": None}),
        ("+(clean@2013-01-01)", {"clean": ("2013-01-01",), "raw/flights": None, "raw/weather": None}),
        ("clean@2013-01-01 or clean@2013-01-02", {"clean": ("2013-01-01", "2013-01-02")}),
        ("clean@2013-01-01 or clean", {"clean": None}),
        ("clean or clean@2013-01-01", {"clean": None}),
        ("clean@2013-01-01 or planes", {"clean": ("2013-01-01",), "planes": None}),
        ("clean@2013-01-01 and tag:layer", {"clean": ("2013-01-01",)}),
        ("tag:layer and clean@2013-01-01", {"clean": ("2013-01-01",)}),
        ("clean@2013-01-01 and clean@2013-01-01", {"clean": ("2013-01-01",)}),
        ("roots(clean@2013-01-01 or marts/delays)", {"clean": ("2013-01-01",)}),
        ("+(clean@2013-01-01 or marts/delays@2013-01-02)", {
            "clean": None, "marts/delays": ("2013-01-02",), "raw/flights": None, "raw/weather": None,
        }),
    ],
)  # fmt: skip
def test_partitions(text: str, expected: dict[str, tuple[str, ...] | None]) -> None:
    assert dict(resolved(text).assets) == expected
    assert parse(parse(text).to_text()) == parse(text)


def test_several_selections_are_united_and_all_partitions_win() -> None:
    assert dict(resolved("clean@2013-01-01", "clean@2013-01-02", "report").assets) == {
        "clean": ("2013-01-01", "2013-01-02"),
        "report": None,
    }
    assert dict(resolved("clean@2013-01-01", "clean").assets) == {"clean": None}


def test_assets_come_sorted_by_key() -> None:
    assert list(resolved("report", "clean", "2nd").assets) == ["2nd", "clean", "report"]


def test_terms_for_partitions_are_texts_the_definition_reads() -> None:
    for text, keys in [('clean@"a*b"', ["a*b"]), ("clean@2013-*", ["2013-01-01", "2013-01-02"])]:
        (terms,) = [terms for terms in resolved(text).assets.values() if terms is not None]
        assert list(DAYS.parse(terms)) == keys


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("status:stale", True),
        ("+(not changed:) or x", True),
        ("roots(status:failed)", True),
        ("+a and tag:status", False),
    ],
)
def test_which_selections_ask_for_facts(text: str, expected: bool) -> None:
    assert needs_status(parse(text)) is expected


def test_only_facts_may_leave_a_selection_empty_and_the_answer_says_so() -> None:
    assert (dict(resolved("status:overdue").assets), resolved("status:overdue").by_facts) == ({}, True)
    assert resolved("status:stale").by_facts
    assert not resolved("clean").by_facts


def test_facts_are_not_asked_for_where_no_predicate_needs_them() -> None:
    assert set(resolve([parse("+clean")], GRAPH).assets) == RAW | {"clean"}
    with pytest.raises(InternalError):
        resolve([parse("status:stale")], GRAPH)


NOTHING: list[tuple[str, type[SelectionError], str, str]] = [
    ("cleen", UnknownAssetError, "no asset has the key `cleen`", "did you mean `clean`?"),
    ("key:cleen", UnknownAssetError, "no asset has the key `cleen`", "did you mean `clean`?"),
    ("Clean", UnknownAssetError, "no asset has the key `Clean`", "did you mean `clean`?"),
    ("delays", UnknownAssetError, "no asset has the key `delays`", "did you mean `marts/delays`?"),
    ("marts", UnknownAssetError, "no asset has the key `marts`", "it is a folder: `marts/**` selects what is in it"),
    ("silver or slow", UnknownAssetError, "no asset has the key `silver`", "`assetflow list` shows all keys"),
    ("slow", UnknownAssetError, "no asset has the key `slow`", "it is a tag: `tag:slow` selects the assets with it"),
    ("out", UnknownAssetError, "no asset has the key `out`", "`assetflow list` shows all keys"),
    ("mart/*", UnknownAssetError, "no asset key matches `mart/*`", "did you mean `marts/*`?"),
    (
        "*/hour",
        UnknownAssetError,
        "no asset key matches `*/hour`",
        "`*` stays within one segment of a key; `**/hour` reaches across and matches 1",
    ),
    ("group:mart", SelectionError, "no asset has the group `mart`", "did you mean `marts`?"),
    (
        "group:zzz",
        SelectionError,
        "no asset has the group `zzz`",
        "the groups are `default`, `marts`, `out box`, `raw`",
    ),
    ("kind:sorce", SelectionError, "no asset has the kind `sorce`", "did you mean `source`?"),
    ("kind:shell", SelectionError, "no asset has the kind `shell`", "the kinds are `python`, `source`, `sql`"),
    (
        "owner:anna@example.com",
        SelectionError,
        "no asset has the owner `anna@example.com`",
        "did you mean `ana@example.com`?",
    ),
    ("tag:leyer", SelectionError, "no asset matches `tag:leyer`", "did you mean `layer`?"),
    ("tag:layer=golden", SelectionError, "no asset matches `tag:layer=golden`", "did you mean `gold`?"),
    (
        "tag:layer=zzz",
        SelectionError,
        "no asset matches `tag:layer=zzz`",
        "the values of `layer` are `bronze`, `gold`, `silver`",
    ),
    ("not cleen", UnknownAssetError, "no asset has the key `cleen`", "did you mean `clean`?"),
    ("clean or cleen", UnknownAssetError, "no asset has the key `cleen`", "did you mean `clean`?"),
    ("status:stale and cleen", UnknownAssetError, "no asset has the key `cleen`", "did you mean `clean`?"),
    (
        "clean and planes",
        SelectionError,
        "the selection `clean and planes` matches no asset",
        "each part of it matches something, but nothing is in all of them",
    ),
    (
        "not *",
        SelectionError,
        "the selection `not *` matches no asset",
        "each part of it matches something, but nothing is in all of them",
    ),
    (
        "planes@2013-01-01",
        SelectionError,
        "`planes@2013-01-01` asks for partitions, but `planes` has no partitions",
        "leave out the `@`: `planes`",
    ),
    (
        "raw/*@x",
        SelectionError,
        "`raw/*@x` asks for partitions, but `raw/flights`, `raw/weather` have no partitions",
        "leave out the `@`: `raw/*`",
    ),
    (
        "not clean@2013-01-01",
        SelectionError,
        "`not clean@2013-01-01` takes partitions of `clean` away, which a selection cannot say",
        "leave out the `@` after `not`, or select the partitions that are wanted",
    ),
    (
        "clean@2013-01-01 and clean@2013-*",
        SelectionError,
        "`clean@2013-01-01 and clean@2013-*` takes two different sets of partitions of `clean` together with `and`",
        "write the wanted partitions once, or join the sets with `or`",
    ),
]


@pytest.mark.parametrize(("text", "error", "message", "hint"), NOTHING, ids=[case[0] for case in NOTHING])
def test_what_matches_nothing_is_an_error_with_the_nearest_name(
    text: str, error: type[SelectionError], message: str, hint: str
) -> None:
    with pytest.raises(SelectionError) as caught:
        resolved(text)
    assert type(caught.value) is error
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_one_selection_that_matches_nothing_fails_all() -> None:
    with pytest.raises(UnknownAssetError):
        resolved("clean", "cleen")


def test_no_selection_at_all_is_not_everything() -> None:
    with pytest.raises(SelectionError, match="no selection is given"):
        resolve([], GRAPH)


def test_everything_of_nothing_is_an_error() -> None:
    with pytest.raises(SelectionError) as caught:
        resolve([parse("*")], AssetGraph([]))
    assert caught.value.hint == "the project has no assets"


def test_upstream_of_a_chain_of_fifty_thousand() -> None:
    count = 50_000
    chain = AssetGraph(spec(f"a{n:05}", *([f"a{n - 1:05}"] if n else [])) for n in range(count))
    assert len(resolve([parse("+a49999")], chain).assets) == count
    assert list(resolve([parse("sinks(roots(*)+)")], chain).assets) == ["a49999"]
