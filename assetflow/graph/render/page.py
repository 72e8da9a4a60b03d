"""Style and script of the HTML page.

They are text in a module because drawings read no files. The script builds every piece of text with `textContent`:
keys come from definitions and are never read as markup.
"""

from __future__ import annotations

from assetflow.graph.render.palette import PAINTS, PLAIN

_CHIPS = "".join(
    f".chip.{name},#list .of-{name}::before{{background:{color.fill};border-color:{color.line}}}"
    for name, color in (*PAINTS.items(), ("plain", PLAIN))
)
_FAR = "".join(f".far .{name} rect{{fill:{color.line}}}" for name, color in (*PAINTS.items(), ("plain", PLAIN)))
_DARK_FAR = "".join(
    f".far .{name} rect{{fill:{color.dark_line}}}" for name, color in (*PAINTS.items(), ("plain", PLAIN))
)
_DARK_CHIPS = "".join(
    f".chip.{name},#list .of-{name}::before{{background:{color.dark_fill};border-color:{color.dark_line}}}"
    for name, color in (*PAINTS.items(), ("plain", PLAIN))
)

STYLE = (
    """
:root{color-scheme:light dark;--bg:#fff;--fg:#111827;--soft:#4b5563;--rule:#d1d5db;--mark:#1d4ed8}
*{box-sizing:border-box}
html,body{height:100%;margin:0}
body{display:flex;flex-direction:column;background:var(--bg);color:var(--fg);font:14px system-ui,sans-serif}
header{display:flex;flex-wrap:wrap;gap:10px;align-items:center;padding:8px 14px;border-bottom:1px solid var(--rule)}
h1{font-size:16px;margin:0}
.count,#hits{color:var(--soft)}
#search{width:16em;padding:4px 8px;font:inherit;border:1px solid var(--rule);border-radius:6px}
button{font:inherit;color:inherit;padding:3px 10px;border:1px solid var(--rule);border-radius:6px;background:none}
button{cursor:pointer}
.chip{border-radius:999px;margin-right:6px}
.chip[aria-pressed=false]{opacity:.35;text-decoration:line-through}
#toggle{margin-left:auto}
#toggle[aria-pressed=false]{opacity:.5}
main{flex:1;min-height:0;overflow:hidden;display:flex}
#list{width:19em;flex:none;overflow:auto;border-right:1px solid var(--rule);padding:4px 0 12px;content-visibility:auto}
#list[hidden]{display:none}
#list h3{font-size:12px;margin:10px 14px 2px;color:var(--soft)}
#list button{display:block;width:100%;border:0;border-radius:0;padding:2px 14px;text-align:left;overflow:hidden;
  font:12px ui-monospace,monospace;text-overflow:ellipsis;white-space:nowrap}
#list button:hover,#list button.chosen{background:color-mix(in srgb,var(--mark) 14%,transparent)}
#list button::before{content:"";display:inline-block;width:9px;height:9px;margin-right:7px;border-radius:3px;
  border:1px solid var(--soft)}
main svg{flex:1;min-width:0;height:100%;display:block;cursor:grab;touch-action:none;user-select:none}
main svg.dragging{cursor:grabbing}
.node{cursor:pointer}
.node:focus{outline:none}
.node:focus-visible rect,.node.chosen rect{stroke-width:3.5}
.node.hit rect{stroke:var(--mark);stroke-width:3.5}
.dim{opacity:.12}
.far text,.farther .edge{visibility:hidden}
.far .edge{opacity:.35;stroke-width:3}
.far .edge.lit{visibility:visible;opacity:1;stroke-width:12}
.far .edge.dim{opacity:.08}
.far .node rect{stroke-width:6}
.far .node.chosen rect,.far .node.hit rect{stroke:var(--mark);stroke-width:22}
.far .edge{marker-end:none}
.edge.lit{stroke:var(--mark);stroke-width:2.2}
aside{position:fixed;right:14px;bottom:14px;width:20em;max-height:60vh;overflow:auto;padding:12px 14px;
  background:var(--bg);border:1px solid var(--rule);border-radius:8px;box-shadow:0 4px 18px #0003}
aside h2{font:600 13px ui-monospace,monospace;margin:0 0 4px;overflow-wrap:anywhere}
aside p{margin:0 0 8px;color:var(--soft)}
aside dl{display:grid;grid-template-columns:auto 1fr;gap:1px 10px;margin:0 0 8px;font-size:12px}
aside dt{color:var(--soft)}
aside dd{margin:0;overflow-wrap:anywhere;white-space:pre-wrap;max-height:9em;overflow:auto}
aside h3{font-size:12px;margin:8px 0 2px;color:var(--soft)}
aside button{display:block;border:0;padding:1px 0;text-align:left;font:12px ui-monospace,monospace;color:var(--mark);
  overflow-wrap:anywhere}
"""
    + _CHIPS
    + _FAR
    + "@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--soft:#9aa4af;--rule:#30363d;--mark:#79b8ff}"
    + _DARK_CHIPS
    + _DARK_FAR
    + "}\n"
)

SCRIPT = r"""
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const svg = document.querySelector("main svg");
  const world = document.getElementById("world");
  const detail = document.getElementById("detail");
  const search = document.getElementById("search");
  const hits = document.getElementById("hits");
  const index = document.getElementById("list");
  const boxes = data.nodes.map((_, at) => document.getElementById("n" + at));
  const edges = [...svg.querySelectorAll(".edge")];
  const up = data.nodes.map(() => []), down = data.nodes.map(() => []);
  for (const [a, b] of data.edges) { down[a].push(b); up[b].push(a); }
  const whole = svg.viewBox.baseVal;
  const full = { width: whole.width, height: whole.height };
  const margin = { x: 24, y: 24 };
  let view = { x: margin.x, y: margin.y, scale: 1 };
  let chosen = null, found = [], next = -1;
  const hidden = new Set();

  svg.removeAttribute("viewBox");
  const draw = () => {
    svg.classList.toggle("far", view.scale < 0.3);
    svg.classList.toggle("farther", view.scale < 0.08);
    world.setAttribute("transform", `translate(${view.x} ${view.y}) scale(${view.scale})`);
  };
  const fit = () => {
    const room = svg.getBoundingClientRect();
    const scale = Math.min(room.width / full.width, room.height / full.height, 1.5);
    view = {
      x: (room.width - (full.width - 2 * margin.x) * scale) / 2,
      y: (room.height - (full.height - 2 * margin.y) * scale) / 2,
      scale,
    };
    draw();
  };
  const begin = () => {
    fit();
    if (view.scale < 0.3) {  // too small to read: begin at the top left instead
      const room = svg.getBoundingClientRect();
      const scale = Math.min(0.7, Math.max(0.45, room.width / full.width));
      view = { x: margin.x, y: margin.y, scale };
      draw();
    }
  };
  const frame = (places) => {
    let left = Infinity, top = Infinity, right = -Infinity, bottom = -Infinity;
    for (const at of places) {
      const place = boxes[at].transform.baseVal.getItem(0).matrix;
      const width = boxes[at].querySelector("rect").width.baseVal.value;
      left = Math.min(left, place.e); right = Math.max(right, place.e + width);
      top = Math.min(top, place.f); bottom = Math.max(bottom, place.f + 40);
    }
    const room = svg.getBoundingClientRect();
    const scale = Math.min((room.width - 60) / (right - left), (room.height - 60) / (bottom - top), 1.2);
    view = { x: (room.width - (left + right) * scale) / 2, y: (room.height - (top + bottom) * scale) / 2, scale };
    draw();
  };
  const zoom = (factor, x, y) => {
    const scale = Math.min(8, Math.max(0.01, view.scale * factor));
    const ratio = scale / view.scale;
    view = { x: x - (x - view.x) * ratio, y: y - (y - view.y) * ratio, scale };
    draw();
  };
  const center = (at) => {
    const room = svg.getBoundingClientRect();
    const place = boxes[at].transform.baseVal.getItem(0).matrix;
    const scale = Math.max(view.scale, 0.8);
    view = { x: room.width / 2 - (place.e + 60) * scale, y: room.height / 2 - (place.f + 20) * scale, scale };
    draw();
  };
  const reach = (start, next) => {
    const seen = new Set([start]), stack = [start];
    while (stack.length) {
      for (const other of next[stack.pop()]) {
        if (!seen.has(other)) { seen.add(other); stack.push(other); }
      }
    }
    return seen;
  };
  const chips = [...document.querySelectorAll(".chip")];
  const verdict = (at) => chips
    .find((chip) => boxes[at].classList.contains(chip.dataset.verdict))?.dataset.verdict;
  const kinds = data.nodes.map((_, at) => verdict(at));
  let rows = new Map();
  const fill = () => {
    const text = search.value.trim();
    const shown = (text ? found : data.nodes.map((_, at) => at)).filter((at) => !hidden.has(kinds[at]));
    const groups = new Map();
    for (const at of shown) {
      const name = data.nodes[at].group;
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(at);
    }
    index.replaceChildren();
    rows = new Map();
    for (const name of [...groups.keys()].sort()) {
      const title = document.createElement("h3");
      title.textContent = `${name} (${groups.get(name).length})`;
      index.append(title);
      for (const at of groups.get(name).sort((a, b) => (data.nodes[a].key < data.nodes[b].key ? -1 : 1))) {
        const row = document.createElement("button");
        row.type = "button";
        row.className = kinds[at] ? "of-" + kinds[at] : "";
        row.textContent = row.title = data.nodes[at].key;
        row.addEventListener("click", () => { choose(at); center(at); });
        rows.set(at, row);
        index.append(row);
      }
    }
    rows.get(chosen)?.classList.add("chosen");
  };
  const show = () => {
    const above = chosen === null ? null : reach(chosen, up);
    const below = chosen === null ? null : reach(chosen, down);
    const dim = (at) => hidden.has(kinds[at]) || (above !== null && !above.has(at) && !below.has(at));
    boxes.forEach((box, at) => {
      box.classList.toggle("dim", dim(at));
      box.classList.toggle("chosen", at === chosen);
    });
    for (const edge of edges) {
      const a = Number(edge.dataset.a), b = Number(edge.dataset.b);
      const lit = above !== null && ((above.has(a) && above.has(b)) || (below.has(a) && below.has(b)));
      edge.classList.toggle("lit", lit);
      edge.classList.toggle("dim", (above !== null && !lit) || dim(a) || dim(b));
    }
  };
  const line = (name, text) => {
    const element = document.createElement(name);
    element.textContent = text;
    detail.append(element);
    return element;
  };
  const list = (title, places) => {
    line("h3", `${title} (${places.length})`);
    for (const at of places) {
      line("button", data.nodes[at].key).addEventListener("click", () => { choose(at); center(at); });
    }
  };
  const choose = (at) => {
    rows.get(chosen)?.classList.remove("chosen");
    chosen = at;
    rows.get(chosen)?.classList.add("chosen");
    detail.hidden = at === null;
    detail.replaceChildren();
    if (at !== null) {
      const node = data.nodes[at];
      line("h2", node.key);
      line("p", [node.kind, "group " + node.group, node.verdict].filter(Boolean).join(" · "));
      if (node.description) line("p", node.description);
      if (node.facts?.length) {
        const facts = line("dl", "");
        for (const [name, text] of node.facts) {
          const term = document.createElement("dt"), value = document.createElement("dd");
          term.textContent = name;
          value.textContent = text;
          facts.append(term, value);
        }
      }
      const both = [...new Set([...reach(at, up), ...reach(at, down)])];
      line("button", `Zoom to its lineage (${both.length})`).addEventListener("click", () => frame(both));
      list("Reads", up[at]);
      list("Read by", down[at]);
    }
    show();
  };
  const look = () => {
    const text = search.value.trim().toLowerCase();
    found = text ? data.nodes.flatMap((node, at) => (node.key.toLowerCase().includes(text) ? [at] : [])) : [];
    next = -1;
    boxes.forEach((box) => box.classList.remove("hit"));
    for (const at of found) boxes[at].classList.add("hit");
    hits.textContent = text ? (found.length === 1 ? "1 match" : `${found.length} matches`) : "";
    if (found.length) center(found[0]);
    fill();
  };

  boxes.forEach((box, at) => {
    box.setAttribute("tabindex", "0");
    box.setAttribute("role", "button");
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(at); }
    });
  });
  let drag = null;
  svg.addEventListener("pointerdown", (event) => {
    drag = { x: event.clientX, y: event.clientY, from: { ...view }, moved: false, target: event.target };
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const dx = event.clientX - drag.x, dy = event.clientY - drag.y;
    if (Math.abs(dx) + Math.abs(dy) > 4) { drag.moved = true; svg.classList.add("dragging"); }
    if (drag.moved) { view = { ...drag.from, x: drag.from.x + dx, y: drag.from.y + dy }; draw(); }
  });
  svg.addEventListener("pointerup", () => {
    if (drag && !drag.moved) {
      const box = drag.target.closest(".node");
      choose(box ? boxes.indexOf(box) : null);
    }
    drag = null;
    svg.classList.remove("dragging");
  });
  svg.addEventListener("pointercancel", () => { drag = null; svg.classList.remove("dragging"); });
  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    const room = svg.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY * 0.0015), event.clientX - room.left, event.clientY - room.top);
  }, { passive: false });
  search.addEventListener("input", look);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && found.length) {
      next = event.shiftKey ? (next > 0 ? next : found.length) - 1 : (next + 1) % found.length;
      center(found[next]);
      choose(found[next]);
    }
  });
  for (const chip of chips) {
    chip.addEventListener("click", () => {
      const name = chip.dataset.verdict;
      if (!hidden.delete(name)) hidden.add(name);
      chip.setAttribute("aria-pressed", String(!hidden.has(name)));
      show();
      fill();
    });
  }
  document.getElementById("fit").addEventListener("click", fit);
  const toggle = document.getElementById("toggle");
  toggle.addEventListener("click", () => {
    index.hidden = !index.hidden;
    toggle.setAttribute("aria-pressed", String(!index.hidden));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { search.value = ""; look(); search.blur(); choose(null); }
    if (event.target === search) return;
    if (event.key === "/") { event.preventDefault(); search.focus(); }
    if (event.key === "0") fit();
    if (event.key === "+" || event.key === "-") {
      const room = svg.getBoundingClientRect();
      zoom(event.key === "+" ? 1.25 : 0.8, room.width / 2, room.height / 2);
    }
  });
  if (data.nodes.length < 12) toggle.click();
  fill();
  begin();
})();
"""
