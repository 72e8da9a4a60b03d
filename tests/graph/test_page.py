"""The HTML page in a real browser: search, click, verdicts, zoom, and nothing that definitions say runs as code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from assetflow.graph.graph import AssetGraph
from assetflow.graph.render import render_html
from assetflow.model.asset import AssetKind, AssetSpec, InputSpec

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium or Chrome")

EVIL = "</script><script>window.bad=1</script><img src=x onerror=window.bad=1>"


def spec(key: str, *upstreams: str, kind: AssetKind = AssetKind.PYTHON) -> AssetSpec:
    inputs = tuple(InputSpec(upstream=each) for each in upstreams)
    return AssetSpec(key=key, kind=kind, group=EVIL, inputs=inputs, description=EVIL)


def wide(count: int) -> AssetGraph:
    """A source, `count` assets that read it, one after the other in pairs, and one with a name that is markup."""
    assets = [spec(f"a{n:04}", *(["raw"] if n % 2 == 0 else [f"a{n - 1:04}"])) for n in range(count)]
    return AssetGraph([spec("raw", kind=AssetKind.SOURCE), *assets, spec(EVIL, "raw")])


def seen(folder: Path, graph: AssetGraph, script: str) -> Any:
    """What `script` returns when it runs in the page."""
    verdicts = {key: "stale" if key.endswith("7") else "fresh" for key in graph.keys if key != "raw"}
    facts = {key: [("note", f"of {key}"), (EVIL, EVIL)] for key in graph.keys}
    page = render_html(graph, graph.keys, verdicts=verdicts, facts=facts, title=EVIL)
    probe = """<script>
    const $ = (what) => [...document.querySelectorAll(what)];
    const type = (text) => { const box = $("#search")[0]; box.value = text; box.dispatchEvent(new Event("input")); };
    const enter = (on) => on.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    const scale = () => Number(/scale\\(([^)]+)\\)/.exec($("#world")[0].getAttribute("transform"))[1]);
    const answer = (() => { %s })();
    document.documentElement.dataset.answer = JSON.stringify({ answer, bad: window.bad ?? null });
    </script></body>"""
    path = folder / "page.html"
    path.write_text(page.replace("</body>", probe % script), "utf-8")
    assert BROWSER is not None
    done = subprocess.run(
        [
            BROWSER, "--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--window-size=1400,900",
            f"--user-data-dir={folder / 'profile'}", "--dump-dom", path.as_uri(),
        ],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    found = re.search(r'<html[^>]* data-answer="([^"]*)"', done.stdout)
    assert found is not None, done.stdout[:2000] + done.stderr[-2000:]
    document = json.loads(unescape(found[1]))
    assert document["bad"] is None
    return document["answer"]


def test_a_page_is_searched_clicked_and_filtered(tmp_path: Path) -> None:
    found = seen(
        tmp_path,
        wide(20),
        """
        const out = { listed: $("#list button").length, boxes: $(".node").length };
        type("A0007");
        out.hits = [$("#hits")[0].textContent, $("#list button").map((row) => row.textContent)];
        enter($("#search")[0]);
        out.shown = [$("aside h2")[0].textContent, $("aside p").map((each) => each.textContent),
            $("aside dd").map((each) => each.textContent), $("aside button").map((each) => each.textContent)];
        out.bright = $(".node:not(.dim) title").map((each) => each.textContent.split("\\n")[0]).sort();
        out.lit = $(".edge.lit").length;
        $("aside button")[0].click();
        out.framed = scale();
        document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
        out.after = [$(".dim").length, $("aside")[0].hidden, $("#list button").length];
        $(".chip.stale")[0].click();
        out.filtered = [$("#list button").length, $(".node.dim").length];
        return out;
        """,
    )
    assert (found["listed"], found["boxes"]) == (22, 22)
    assert found["hits"] == ["1 match", ["a0007"]]
    title, words, facts, buttons = found["shown"]
    assert (title, words[-1], facts) == ("a0007", EVIL, ["of a0007", EVIL])
    assert buttons == ["Zoom to its lineage (3)", "a0006"]
    assert (found["bright"], found["lit"]) == (["a0006", "a0007", "raw"], 2)
    assert 0.5 < found["framed"] <= 1.2
    assert found["after"] == [0, True, 22]
    assert found["filtered"] == [20, 2]


def test_three_thousand_assets_can_be_read_at_once_and_overlooked(tmp_path: Path) -> None:
    found = seen(
        tmp_path,
        wide(3000),
        """
        const out = { begin: scale(), text: getComputedStyle($(".node text")[0]).visibility };
        $("#fit")[0].click();
        out.whole = scale();
        out.far = getComputedStyle($(".node text")[0]).visibility;
        type("a2999");
        enter($("#search")[0]);
        out.found = [scale(), getComputedStyle($(".node.chosen text")[0]).visibility];
        const box = $(".node.chosen")[0].getBoundingClientRect();
        out.inside = box.left > 300 && box.right < 1400 && box.top > 40 && box.bottom < 900;
        return out;
        """,
    )
    assert (found["begin"] >= 0.45, found["text"]) == (True, "visible")
    assert (found["whole"] < 0.3, found["far"]) == (True, "hidden")
    assert found["found"] == [0.8, "visible"]
    assert found["inside"]
