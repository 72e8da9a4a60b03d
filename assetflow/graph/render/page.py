"""Style and script of the HTML page.

They are text in a module because drawings read no files. The script builds every piece of text with `textContent`:
keys come from definitions and are never read as markup.
"""

from __future__ import annotations

from assetflow.graph.render.palette import PAINTS, PLAIN

_CHIPS = "".join(
    f".chip.{name}{{background:{color.fill};border-color:{color.line}}}"
    for name, color in (*PAINTS.items(), ("plain", PLAIN))
)
_DARK_CHIPS = "".join(
    f".chip.{name}{{background:{color.dark_fill};border-color:{color.dark_line}}}"
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
#fit{margin-left:auto}
main{flex:1;min-height:0;overflow:hidden}
main svg{width:100%;height:100%;display:block;cursor:grab;touch-action:none;user-select:none}
main svg.dragging{cursor:grabbing}
.node{cursor:pointer}
.node:focus{outline:none}
.node:focus-visible rect,.node.chosen rect{stroke-width:3.5}
.node.hit rect{stroke:var(--mark);stroke-width:3.5}
.dim{opacity:.12}
.edge.lit{stroke:var(--mark);stroke-width:2.2}
aside{position:fixed;right:14px;bottom:14px;width:20em;max-height:60vh;overflow:auto;padding:12px 14px;
  background:var(--bg);border:1px solid var(--rule);border-radius:8px;box-shadow:0 4px 18px #0003}
aside h2{font:600 13px ui-monospace,monospace;margin:0 0 4px;overflow-wrap:anywhere}
aside p{margin:0 0 8px;color:var(--soft)}
aside h3{font-size:12px;margin:8px 0 2px;color:var(--soft)}
aside button{display:block;border:0;padding:1px 0;text-align:left;font:12px ui-monospace,monospace;color:var(--mark);
  overflow-wrap:anywhere}
"""
    + _CHIPS
    + "@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--soft:#9aa4af;--rule:#30363d;--mark:#79b8ff}"
    + _DARK_CHIPS
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
  const verdict = (at) => [...document.querySelectorAll(".chip")]
    .find((chip) => boxes[at].classList.contains(chip.dataset.verdict))?.dataset.verdict;
  const kinds = data.nodes.map((_, at) => verdict(at));
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
    chosen = at;
    detail.hidden = at === null;
    detail.replaceChildren();
    if (at !== null) {
      const node = data.nodes[at];
      line("h2", node.key);
      line("p", [node.kind, "group " + node.group, node.verdict].filter(Boolean).join(" · "));
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
  for (const chip of document.querySelectorAll(".chip")) {
    chip.addEventListener("click", () => {
      const name = chip.dataset.verdict;
      if (!hidden.delete(name)) hidden.add(name);
      chip.setAttribute("aria-pressed", String(!hidden.has(name)));
      show();
    });
  }
  document.getElementById("fit").addEventListener("click", fit);
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
  fit();
})();
"""
