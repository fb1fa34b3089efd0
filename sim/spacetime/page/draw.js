// Draws the shown part of the run. Texts are only ever set as text, never as markup.

const picture = document.getElementById("picture");
const drawn = { items: [], elements: new Map(), labels: [] };

function svg(name, attributes, parent, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text !== undefined) element.textContent = text;
  if (parent) parent.appendChild(element);
  return element;
}

// remember ties an element to the records that it shows, and to where they are met: a line
// [x1, y1, x2, y2] for each, or a point.
function remember(element, ...met) {
  element.setAttribute("data-r", met.filter((m) => m.record).map((m) => m.record.n).join(" "));
  for (const m of met) {
    drawn.items.push(m);
    if (!m.record) continue;
    const list = drawn.elements.get(m.record.n) || [];
    drawn.elements.set(m.record.n, [...list, element]);
  }
}

function draw() {
  drawn.items = [];
  drawn.elements = new Map();
  drawn.labels = [];
  const width = Math.max(picture.parentNode.clientWidth, 560);
  Scale.left = Layout.gutter;
  Scale.right = width - 40;
  const next = document.createDocumentFragment();
  defineClip(next, width);
  drawGrid(next);
  const inside = svg("g", { "clip-path": "url(#shown)" }, next);
  for (const part of [drawFaults, drawBands, drawWrites, drawMessages, drawMarks, drawClients]) {
    part(svg("g", { class: part.name.slice(4).toLowerCase() }, inside));
  }
  drawNames(next);
  drawViolation(svg("g", { class: "violations" }, next));
  picture.setAttribute("width", width);
  picture.setAttribute("height", Layout.height);
  picture.replaceChildren(next);
  mark();
}

function defineClip(parent, width) {
  const clip = svg("clipPath", { id: "shown" }, svg("defs", {}, parent));
  svg("rect", { x: Scale.left - 1, y: 0, width: width - Scale.left + 1, height: Layout.height }, clip);
  const stripes = svg("pattern", {
    id: "stripes", width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)",
  }, parent.firstChild);
  svg("rect", { width: 3, height: 7, class: "stripe" }, stripes);
}

function drawGrid(parent) {
  const grid = svg("g", { class: "grid" }, parent);
  for (const tick of ticks(96)) {
    svg("line", { x1: tick.x, x2: tick.x, y1: Layout.axis, y2: Layout.bottom }, grid);
    svg("text", { x: tick.x, y: Layout.axis - 5, "text-anchor": "middle" }, grid, tickLabel(tick));
  }
  for (const r of records.filter((r) => r.kind === Kind.phase && visible(r.at, r.at))) {
    const x = xOf(r.at);
    const mark = svg("path", { class: "phase", d: `M${x} ${Layout.axis} v${Layout.bottom - Layout.axis}` }, grid);
    remember(mark, { record: r, at: [x, Layout.axis, x, Layout.axis + 14] });
    svg("text", { x: x + 4, y: Layout.axis + 11, class: "phase" }, grid, r.label);
  }
}

function drawNames(parent) {
  const names = svg("g", { class: "names" }, parent);
  data.nodes.forEach((name, i) => {
    svg("text", { x: 0, y: Layout.lanes[i] + 4, class: "member" }, names, clip(name, 90));
  });
  if (faults.length) svg("text", { x: 0, y: Layout.faultTop + 14 }, names, "faults");
  for (const group of Layout.clients) {
    const whose = group.node < 0 ? "clients" : "clients of " + data.nodes[group.node];
    svg("text", { x: 0, y: group.y + 13 }, names, clip(whose, 98));
  }
}

// visible reports whether a stretch of time is in the shown part.
function visible(from, to) {
  return placeOf(to) >= Scale.from && placeOf(from) <= Scale.to;
}

const letter = 6.1; // the width of one, about, at 11 pixels

// clip cuts a text to a width; "" if nothing worth reading is left.
function clip(text, width) {
  const most = Math.floor(width / letter);
  if (text.length <= most) return text;
  return most < 4 ? "" : text.slice(0, most - 1) + "…";
}

// fitting is the first of some texts, from long to short, that fits.
function fitting(width, ...texts) {
  return texts.find((text) => text.length * letter + 3 <= width) || "";
}

function drawFaults(parent) {
  Layout.faultRows.forEach((row, i) => row.forEach((f, place) => {
    const from = f.start ? f.start.at : data.from, to = f.stop ? f.stop.at : data.to;
    if (!visible(from, to)) return;
    const y = Layout.faultTop + i * Layout.row, x = Math.max(xOf(from), Scale.left);
    const width = Math.max(Math.min(xOf(to), Scale.right + 40) - x, 3);
    const top = y + Layout.row - 3;
    svg("rect", { class: "shade", x, y: top, width, height: Layout.clientTop - top - 22 }, parent);
    const bar = svg("rect", { class: "fault", x, y, width, height: Layout.row - 3, rx: 4 }, parent);
    remember(bar, ...[f.start, f.stop].filter(Boolean).map((record) => (
      { record, at: [record === f.stop ? x + width : x, y + 8, x + width / 2, y + 8] })));
    const name = `${(f.start || f.stop).fault} ${f.label}`, next = row[place + 1];
    const inside = clip(name, width - 10);
    if (inside === name || (inside && !next && width > 200)) {
      svg("text", { x: x + 6, y: y + 12.5, class: "on" }, parent, inside);
      return;
    }
    const room = (next ? xOf((next.start || next.stop).at) : Scale.right) - x - width - 8;
    svg("text", { x: x + width + 4, y: y + 12.5, class: "halo" }, parent, clip(name, room));
  }));
}

function drawBands(parent) {
  const half = Layout.band / 2;
  for (const band of bands) {
    if (!visible(band.from, band.to)) continue;
    const y = Layout.lanes[band.node], x = Math.max(xOf(band.from), Scale.left);
    const width = Math.max(Math.min(xOf(band.to), Scale.right) - x, 1.5);
    const state = band.down ? "down" : band.role;
    const group = svg("g", { class: "band " + state, "data-term": band.term }, parent);
    svg("rect", { x, y: y - half, width, height: Layout.band }, group);
    if (band.paused) svg("rect", { class: "paused", x, y: y - half, width, height: Layout.band }, group);
    const term = " · term " + band.term, said = band.paused ? "paused" : state;
    const texts = band.down ? ["down"] : [said + term, said[0].toUpperCase() + " " + band.term];
    const indent = band.record && band.record.kind !== Kind.role && xOf(band.from) === x ? 14 : 6;
    svg("text", { x: x + indent, y: y + 4 }, group, fitting(width - indent, ...texts, String(band.term)));
    if (!band.record) continue;
    const start = svg("path", { class: "change", d: `M${x} ${y - half} v${Layout.band}` }, group);
    remember(start, { record: band.record, at: [x, y - half, x, y + half] });
  }
}

function drawWrites(parent) {
  for (const w of writes) {
    const end = w.end || w.lost, from = (w.start || end).at, to = end ? end.at : data.to;
    const seen = [w.start, w.end].filter(Boolean);
    if (!visible(from, to) || !seen.some(shown)) continue;
    const y = Layout.lanes[w.node] + Layout.band / 2 + 3;
    const x = xOf(from), width = Math.max(xOf(to) - x, 2);
    const state = w.failed ? "failed" : w.end ? "durable" : "pending";
    const bar = svg("rect", { class: "sync " + state, x, y, width, height: 5, rx: 1 }, parent);
    if (w.failed) cross(parent, x + width, y + 2.5, 5, "mark bad");
    remember(bar, ...seen.map((record) => (
      { record, at: [xOf(record.at), y + 2, x + width / 2, y + 2] })));
  }
}

function cross(parent, x, y, size, cls) {
  const d = `M${x - size} ${y - size} L${x + size} ${y + size} M${x - size} ${y + size} L${x + size} ${y - size}`;
  return svg("path", { class: cls, d }, parent);
}

function drawMarks(parent) {
  const half = Layout.band / 2, seen = new Map();
  const shapes = {
    [Kind.crash]: (x, y) => cross(parent, x, y, 7, "mark bad"),
    [Kind.refused]: (x, y) => cross(parent, x, y, 7, "mark bad"),
    [Kind.start]: (x, y) => svg("path", { class: "mark start", d: `M${x} ${y - 7} v14 l9 -7 z` }, parent),
    [Kind.pause]: (x, y) => svg("path", { class: "mark", d: `M${x - 3} ${y - 6} v12 M${x + 3} ${y - 6} v12` }, parent),
    [Kind.resume]: (x, y) => svg("path", { class: "mark start", d: `M${x} ${y - 6} v12 l8 -6 z` }, parent),
    [Kind.timer]: (x, y) => svg("path", { class: "mark timer", d: `M${x} ${y - half} v-4` }, parent),
    [Kind.call]: (x, y) => svg("path", { class: "mark client", d: `M${x} ${y + half} l-4 8 h8 z` }, parent),
    [Kind.ret]: (x, y) => svg("path", { class: "mark client", d: `M${x - 4} ${y + half} h8 l-4 8 z` }, parent),
    [Kind.commit]: (x, y, r) => commitMark(parent, x, y - half, r, seen),
  };
  for (const r of records) {
    if (!shapes[r.kind] || r.node < 0 || !shown(r) || !visible(r.at, r.at)) continue;
    const x = xOf(r.at), y = Layout.lanes[r.node];
    const off = { [Kind.timer]: -half, [Kind.commit]: -half - 6, [Kind.call]: half + 4, [Kind.ret]: half + 4 };
    const at = y + (off[r.kind] || 0);
    remember(shapes[r.kind](x, y, r), { record: r, at: [x, at, x, at] });
  }
}

// A commit is a step above the lane, with its index wherever there is room for it.
function commitMark(parent, x, y, r, seen) {
  const group = svg("g", { class: "commit" }, parent);
  svg("path", { d: `M${x} ${y} v-6 h5` }, group);
  const label = String(r.index);
  if (x - (seen.get(r.node) || -Infinity) > label.length * letter + 8) {
    svg("text", { x: x + 7, y: y - 3 }, group, label);
    seen.set(r.node, x);
  }
  return group;
}

function drawViolation(parent) {
  for (const r of records) {
    if (r.kind !== Kind.violation || !visible(r.at, r.at)) continue;
    const x = xOf(r.at);
    const line = svg("path", { class: "violation", d: `M${x} ${Layout.flag} V${Layout.bottom}` }, parent);
    remember(line, { record: r, at: [x, Layout.flag, x, Layout.bottom] });
    const text = clip(r.label, Math.max(Scale.right - Scale.left - 60, 60));
    const width = text.length * letter + 16;
    const left = Math.max(Scale.left, Math.min(x - width / 2, Scale.right + 34 - width));
    svg("rect", { class: "flag", x: left, y: Layout.flag, width, height: 18, rx: 4 }, parent);
    svg("text", { class: "on", x: left + width / 2, y: Layout.flag + 13, "text-anchor": "middle" }, parent, text);
    if (r.n !== data.focus) continue;
    for (const node of data.accused) {
      svg("circle", { class: "accused", cx: x, cy: Layout.lanes[node], r: 7 }, parent);
    }
  }
}
