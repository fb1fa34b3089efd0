// What clients asked and were told: a bar from call to return.

function drawClients(parent) {
  for (const group of Layout.clients) {
    group.rows.forEach((row, i) => row.forEach((op, place) => {
      if (!visible(op.call, op.ret)) return;
      const y = group.y + i * Layout.row, next = row[place + 1];
      drawOperation(parent, op, y, next ? xOf(next.call) : Scale.right + 34);
    }));
  }
}

function drawOperation(parent, op, y, until) {
  const x = xOf(op.call), width = Math.max(xOf(op.ret) - x, 3), height = Layout.row - 4;
  const outcome = op.outcome === "never answered" ? "info" : op.outcome;
  const bar = svg("g", {
    class: `operation ${outcome}${op.violates ? " violates" : ""}`, "data-op": op.id,
  }, parent);
  svg("rect", { x, y, width, height, rx: 3 }, bar);
  const text = (op.violates ? "✗ " : "") + operationText(op);
  const left = Math.max(x, Scale.left) + 5, inside = fitting(x + width - left, text);
  if (inside) svg("text", { x: left, y: y + 12, class: "on" }, bar, inside);
  else nameBeside(bar, text, x, width, y, until, op.violates);
  for (const r of op.records) wire(parent, op, r, r.kind === Kind.call ? y : y + 2);
  const at = [x, y + 8, x + width, y + 8];
  remember(bar, ...(op.records.length ? op.records : [null]).map((record) => ({ record, op, at })));
}

// nameBeside names a short bar: to its right, or to its left if it must be named.
function nameBeside(bar, text, x, width, y, until, must) {
  const right = clip(text, until - x - width - 8);
  if (right === text) {
    svg("text", { x: x + width + 4, y: y + 12, class: "halo" }, bar, text);
  } else if (must) {
    svg("text", { x: x - 5, y: y + 12, class: "halo", "text-anchor": "end" }, bar, text);
  }
}

// wire ties a violating operation to the instants at which its member had to do with it.
function wire(parent, op, r, y) {
  if (!op.violates || r.node < 0 || !visible(r.at, r.at)) return;
  const x = xOf(r.at), from = Layout.lanes[r.node] + Layout.band / 2 + 8;
  svg("path", { class: "wire", d: `M${x} ${from} V${y}` }, parent);
}

function operationText(op) {
  const words = [op.kind, op.key];
  if (op.input) words.push(op.input);
  if (op.outcome === "ok" && op.output) words.push("→ " + op.output);
  else if (op.outcome !== "ok") words.push("(" + op.outcome + ")");
  return words.join(" ");
}

function operationDetail(op) {
  const asked = op.node < 0 ? "" : " of " + data.nodes[op.node];
  const error = op.error ? ": " + op.error : "";
  return `operation ${op.id}, client ${op.process}${asked}: ${operationText(op)}${error}, ` +
    `${milliseconds(op.call)} to ${milliseconds(op.ret)}`;
}
