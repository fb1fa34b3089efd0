// Messages as arrows from lane to lane.

const mostNamed = 70; // with more arrows in view, none has its name beside it

function drawMessages(parent) {
  const list = messages.filter((m) => m.from >= 0 && m.to >= 0 && shownMessage(m) && inView(m));
  for (const m of list) {
    const line = lineOf(m), fate = fateOf(m);
    const copy = m.copy ? " copy" : "";
    const arrow = svg("path", { class: `message ${m.family} ${fate}${copy}`, d: pathOf(line, fate) }, parent);
    const middle = [(line[0] + line[2]) / 2, (line[1] + line[3]) / 2], met = [];
    if (m.start) met.push({ record: m.start, at: [line[0], line[1], ...middle] });
    if (m.end) met.push({ record: m.end, at: [...middle, line[2], line[3]] });
    remember(arrow, ...met);
  }
  const named = list.filter((m) => m.family !== "heartbeat");
  if (named.length <= mostNamed) for (const m of named) nameMessage(parent, m);
}

function fateOf(m) {
  if (!m.end) return "flying";
  return m.end.kind === Kind.drop ? "dropped" : "delivered";
}

function inView(m) {
  const from = (m.start || m.end).at, to = (m.end || m.start).at;
  return visible(from, to);
}

// lineOf is the way of a message on the page. One that was dropped ends on its way; where the page
// does not hold an end, a stub says so.
function lineOf(m) {
  const y1 = edge(m.from, m.to), y2 = edge(m.to, m.from), stub = 24;
  const x1 = m.start ? xOf(m.start.at) : xOf(m.end.at) - stub;
  if (!m.end) return [x1, y1, x1 + stub, y1 + (y2 - y1) * 0.3];
  const x2 = xOf(m.end.at);
  if (m.end.kind === Kind.drop) return [x1, y1, Math.max(x2, x1 + 6), y1 + (y2 - y1) * 0.55];
  return m.start ? [x1, y1, x2, y2] : [x1, y1 + (y2 - y1) * 0.7, x2, y2];
}

function pathOf([x1, y1, x2, y2], fate) {
  const length = Math.hypot(x2 - x1, y2 - y1) || 1, head = 7;
  const ux = (x2 - x1) / length, uy = (y2 - y1) / length;
  const line = `M${x1.toFixed(1)} ${y1.toFixed(1)} L${x2.toFixed(1)} ${y2.toFixed(1)}`;
  const corner = (along, aside) =>
    `${(x2 + ux * along - uy * aside).toFixed(1)} ${(y2 + uy * along + ux * aside).toFixed(1)}`;
  if (fate === "dropped") {
    return `${line} M${corner(-5, -5)} L${corner(5, 5)} M${corner(-5, 5)} L${corner(5, -5)}`;
  }
  if (fate === "flying") return line;
  return `${line} M${corner(-head, head * 0.45)} L${x2.toFixed(1)} ${y2.toFixed(1)} L${corner(-head, -head * 0.45)}`;
}

// nameMessage writes what a message says beside its arrow, unless another label is there.
function nameMessage(parent, m) {
  const [x1, y1, x2, y2] = lineOf(m), text = clip(shortName(m.label), 150);
  for (const part of [0.35, 0.55, 0.2]) {
    const x = x1 + (x2 - x1) * part + 5, y = y1 + (y2 - y1) * part + 3;
    const box = [x, y - 9, x + text.length * letter, y + 3];
    if (!text || box[2] > Scale.right + 36 || x < Scale.left || taken(box)) continue;
    drawn.labels.push(box);
    const name = svg("text", { class: `name ${fateOf(m)}`, x, y }, parent, text);
    name.setAttribute("data-of", (m.end || m.start).n);
    return;
  }
}

// shortName leaves out what stands elsewhere: the term on the sender's lane, its commit index above.
function shortName(label) {
  return label.replace(/ (term|commit|after) \S+/g, "").replace(/\b(\d+)\.\.\1\b/, "$1");
}

// taken reports whether a box meets another label or a member's lane.
function taken([left, top, right, bottom]) {
  const meets = ([l, t, r, b]) => left < r && right > l && top < b && bottom > t;
  const half = Layout.band / 2;
  const onLane = Layout.lanes.some((y) => top < y + half + 8 && bottom > y - half);
  return onLane || drawn.labels.some(meets);
}
