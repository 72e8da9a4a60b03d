"""Drawings hold every asset and dependency once, whatever the keys look like, in every form."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assetflow.errors import UnknownAssetError
from assetflow.graph.graph import AssetGraph
from assetflow.graph.render import (
    GraphFormat,
    render,
    render_dot,
    render_html,
    render_json,
    render_mermaid,
    render_svg,
    render_tree,
)
from assetflow.graph.render.layout import layered
from assetflow.model.asset import AssetKind, AssetSpec, InputSpec
from assetflow.model.mapping import TimeWindowMapping
from assetflow.model.partitions import DailyPartitions

SVG = "{http://www.w3.org/2000/svg}"
NASTY = ["a b", 'q"uote', "it's", "<script>alert(1)</script>", "&amp;", "back\\slash", "new\nline", "#35;", "`code`"]
NASTY += ["end", "subgraph", "東京", "größe", "</script>", "[x](y)", "x" * 120, "\x00\x1b[31m", "]]>", "-->", "%%"]

DAYS = DailyPartitions("2024-01-01", "2024-02-01")
DAY_BEFORE = TimeWindowMapping(-1, -1)


def spec(key: str, *upstreams: str, kind: AssetKind = AssetKind.PYTHON, group: str = "default") -> AssetSpec:
    inputs = tuple(InputSpec(upstream=each, mapping=DAY_BEFORE if each == key else None) for each in upstreams)
    return AssetSpec(key=key, kind=kind, group=group, inputs=inputs, partitions=DAYS if key in upstreams else None)


FLIGHTS = AssetGraph(
    [
        spec("raw", kind=AssetKind.SOURCE, group="in"),
        spec("airports", kind=AssetKind.SOURCE, group="in"),
        spec("clean", "raw"),
        spec("delays", "airports", "clean"),
        spec("daily", "clean", "daily"),
    ]
)
VERDICTS = {"raw": "fresh", "clean": "stale", "delays": "missing"}
CROSSED = AssetGraph([*(spec(key) for key in NASTY), spec("zz", *NASTY)])


def test_a_tree_has_one_line_for_each_asset_below_its_upstreams() -> None:
    assert render_tree(FLIGHTS, FLIGHTS.keys, verdicts=VERDICTS) == (
        "airports (source)\n"
        "raw (source)  fresh\n"
        "└─ clean  stale\n"
        "   ├─ daily  ↻ itself\n"
        "   └─ delays  missing  ← also airports\n"
    )


def test_a_tree_of_a_part_leaves_out_what_is_not_in_it() -> None:
    assert render_tree(FLIGHTS, ["delays", "airports"]) == "airports (source)\n└─ delays\n"
    assert render_tree(FLIGHTS, []) == ""


def test_many_other_upstreams_are_counted() -> None:
    graph = AssetGraph([*(spec(f"a{n}") for n in range(7)), spec("z", *(f"a{n}" for n in range(7)))])
    assert render_tree(graph, graph.keys).splitlines()[-1] == "└─ z  ← also a0, a1, a2, a3 and 2 more"


def test_a_deep_branch_goes_on_at_the_left_margin() -> None:
    chain = AssetGraph(spec(f"a{n:02}", *([f"a{n - 1:02}"] if n else [])) for n in range(60))
    lines = render_tree(chain, chain.keys).splitlines()
    assert [line for line in lines if line.endswith(" …") and not line.startswith(" ")] == ["a24 …", "a48 …"]
    assert max(map(len, lines)) < 90
    assert [n for n in range(60) if sum(f"─ a{n:02}" in line for line in lines) != 1] == [0]


@given(st.integers(1, 14), st.data())
@settings(max_examples=80, deadline=None)
def test_every_asset_stands_in_the_tree_once_and_after_its_upstreams(count: int, data: st.DataObject) -> None:
    keys = [f"k{n:02}" for n in range(count)]
    graph = AssetGraph(
        spec(key, *sorted(data.draw(st.sets(st.sampled_from(keys[:at]))) if at else ())) for at, key in enumerate(keys)
    )
    lines = render_tree(graph, graph.keys).splitlines()
    drawn = [re.sub(r"[│├└─ ]", "", line.split("  ←")[0]) for line in lines]
    assert sorted(drawn) == keys
    for upstream, downstream in graph.edges:
        assert drawn.index(upstream) < drawn.index(downstream)


def test_json_is_the_documented_shape() -> None:
    document = json.loads(render_json(FLIGHTS, ["clean", "raw", "daily"], verdicts=VERDICTS))
    assert document == {
        "nodes": [
            {"asset": "raw", "kind": "source", "group": "in", "verdict": "fresh"},
            {"asset": "clean", "kind": "python", "group": "default", "verdict": "stale"},
            {"asset": "daily", "kind": "python", "group": "default", "verdict": None},
        ],
        "edges": [
            {"upstream": "clean", "downstream": "daily"},
            {"upstream": "daily", "downstream": "daily"},
            {"upstream": "raw", "downstream": "clean"},
        ],
    }


def test_mermaid_names_nodes_by_number_and_escapes_labels() -> None:
    text = render_mermaid(FLIGHTS, FLIGHTS.keys, verdicts=VERDICTS)
    assert text.splitlines()[:4] == [
        "flowchart LR",
        '    n0[("airports")]',
        '    n1[("raw<br/>fresh")]:::fresh',
        '    n2["clean<br/>stale"]:::stale',
    ]
    assert "    n3 -.-> n3" in text.splitlines()
    for line in render_mermaid(CROSSED, CROSSED.keys).splitlines()[1 : len(CROSSED) + 1]:
        label = re.fullmatch(r'    n\d+\["([^"]*)"\]', line)
        assert label is not None, line
        assert not re.search(r"[<>`]", label[1])


def unescape_dot(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def test_dot_quotes_every_key() -> None:
    text = render_dot(CROSSED, CROSSED.keys)
    quoted = r'"((?:[^"\\]|\\.)*)"'
    nodes = re.findall(rf"^  {quoted} \[label=", text, re.MULTILINE)
    edges = re.findall(rf"^  {quoted} -> {quoted};$", text, re.MULTILINE)
    shown = {key.replace("\n", "\\n").replace("\x00", "\\x00").replace("\x1b", "\\x1b") for key in NASTY}
    assert {unescape_dot(node) for node in nodes} == shown | {"zz"}
    assert {unescape_dot(a) for a, _ in edges} == shown
    assert len(text.splitlines()) == 5 + len(nodes) + len(edges)


def test_svg_is_well_formed_and_holds_every_asset_and_edge() -> None:
    root = ElementTree.fromstring(render_svg(CROSSED, CROSSED.keys, verdicts={"end": "fresh", "a b": "<odd>"}))
    boxes = root.findall(f".//{SVG}g[@id]/{SVG}g")
    assert len(boxes) == len(CROSSED)
    tips = {(box.findtext(f"{SVG}title") or "").rsplit("\n", 1)[0] for box in boxes}
    assert "<script>alert(1)</script>" in tips
    assert "x" * 120 in tips
    assert sum("fresh" in (box.get("class") or "") for box in boxes) == 1
    assert len(root.findall(f".//{SVG}path[@data-a]")) == len(NASTY)


def test_svg_boxes_do_not_overlap() -> None:
    keys = [f"k{n:02}" for n in range(40)]
    graph = AssetGraph(
        spec(key, *{keys[(at * 7 + step) % at] for step in (0, 3)} if at > 4 else set()) for at, key in enumerate(keys)
    )
    root = ElementTree.fromstring(render_svg(graph, keys))
    boxes = []
    for box in root.findall(f".//{SVG}g[@transform]/{SVG}g"):
        x, y = map(float, re.findall(r"[-\d.]+", box.get("transform") or ""))
        rect = box.find(f"{SVG}rect")
        assert rect is not None
        boxes.append((x, y, x + float(rect.get("width") or 0), y + float(rect.get("height") or 0)))
    assert len(boxes) == 40
    for at, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[at + 1 :]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top


@given(st.integers(2, 16), st.data())
@settings(max_examples=80, deadline=None)
def test_edges_run_from_left_to_right_through_points_in_order(count: int, data: st.DataObject) -> None:
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda pair: pair[0] < pair[1])
    edges = sorted(data.draw(st.sets(pairs, max_size=30)))
    widths = [50.0 + 10 * (node % 5) for node in range(count)]
    layout = layered(widths, 40.0, edges)
    for (a, b), path in zip(edges, layout.paths, strict=True):
        assert path[0] == pytest.approx((layout.corners[a][0] + widths[a], layout.corners[a][1] + 20))
        assert path[-1] == pytest.approx((layout.corners[b][0], layout.corners[b][1] + 20))
        assert all(x <= to_x for (x, _), (to_x, _) in pairwise(path))
    assert all(0 <= x <= layout.width and -0.001 <= y <= layout.height for x, y in layout.corners)


def test_a_layout_undoes_crossings_that_need_not_be() -> None:
    layout = layered([10.0] * 6, 10.0, [(0, 5), (1, 4), (2, 3)])
    heights = [corner[1] for corner in layout.corners]
    assert heights[0] == pytest.approx(heights[5])
    assert heights[1] == pytest.approx(heights[4])


def test_html_stands_alone_and_no_key_breaks_out() -> None:
    page = render_html(CROSSED, CROSSED.keys, title="<Flights>")
    assert page.count("<script") == 2
    assert page.count("</script>") == 2
    assert "<title>&lt;Flights&gt;</title>" in page
    links = re.findall(r"(?:https?:)?//[\w.]+", page)
    assert set(links) == {"http://www.w3.org"}
    data = re.search(r'<script id="data" type="application/json">(.*?)</script>', page)
    assert data is not None
    assert {node["key"] for node in json.loads(data[1])["nodes"]} == set(CROSSED.keys)


def test_the_legend_counts_verdicts() -> None:
    page = render_html(FLIGHTS, FLIGHTS.keys, verdicts=VERDICTS)
    assert re.findall(r'data-verdict="\w+" aria-pressed="true">([^<]*)<', page) == [
        "fresh 1",
        "stale 1",
        "missing 1",
        "other 2",
    ]


@pytest.mark.parametrize("to", GraphFormat)
def test_every_form_draws_nothing_one_and_nasty_keys(to: GraphFormat) -> None:
    assert isinstance(render(FLIGHTS, [], to=to), str)
    assert "daily" in render(FLIGHTS, ["daily"], to=to)
    text = render(CROSSED, CROSSED.keys, to=to, verdicts={"end": "fresh"})
    assert text == render(CROSSED, CROSSED.keys[::-1], to=to, verdicts={"end": "fresh"})
    assert "\x1b" not in text
    assert "\x00" not in text


@pytest.mark.parametrize("to", GraphFormat)
def test_an_unknown_key_is_an_error(to: GraphFormat) -> None:
    with pytest.raises(UnknownAssetError):
        render(FLIGHTS, ["nowhere"], to=to)


@pytest.mark.parametrize("to", GraphFormat)
def test_a_long_chain_is_drawn(to: GraphFormat) -> None:
    count = 5_000
    chain = AssetGraph(spec(f"a{n:05}", *([f"a{n - 1:05}"] if n else [])) for n in range(count))
    text = render(chain, chain.keys, to=to)
    assert text.count("a04999") >= 1
    assert len(text) < count * 1000
