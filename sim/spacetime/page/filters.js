// What is shown: sorts of events, and the causal past of one.

// Of some sorts there can be too many: with more than this they are shown when asked for.
const many = 40, manyLost = 150;
const accusedKeys = new Set(operations.filter((op) => op.violates).map((op) => op.key));
const messageOf = new Map();
for (const m of messages) {
  if (m.start && !messageOf.has(m.start.n)) messageOf.set(m.start.n, m);
  if (m.end) messageOf.set(m.end.n, m);
}

const sorts = [
  { name: "heartbeats", id: "heartbeat", most: many },
  { name: "lost heartbeats", id: "lost", most: manyLost },
  { name: "append entries", id: "append" },
  { name: "votes", id: "vote" },
  { name: "other messages", id: "other" },
  { name: "disk", id: "disk" },
  { name: "commits", id: "commit" },
  { name: "timers", id: "timer", most: many },
  { name: "clients", id: "client" },
  { name: "other keys", id: "keys", most: many },
];

const sortOfKind = {
  [Kind.write]: "disk", [Kind.synced]: "disk", [Kind.snapshot]: "disk",
  [Kind.timer]: "timer", [Kind.commit]: "commit",
  [Kind.call]: "client", [Kind.ret]: "client",
};

const filter = { on: new Set(), past: null, of: -1 };

function sortOf(r) {
  const m = messageOf.get(r.n);
  if (m) return sortOfMessage(m);
  const op = operationOf.get(r.op);
  if (op && foreign(op)) return "keys";
  return sortOfKind[r.kind] || "";
}

function sortOfMessage(m) {
  return m.family === "heartbeat" && fateOf(m) === "dropped" ? "lost" : m.family;
}

// foreign reports whether an operation is on a key that the failure is not about.
function foreign(op) {
  return accusedKeys.size > 0 && !accusedKeys.has(op.key);
}

function shown(r) {
  const sort = sortOf(r), op = operationOf.get(r.op);
  if (op && op.violates) return true;
  if (sort && !filter.on.has(sort)) return false;
  if (sort === "keys" && !filter.on.has("client")) return false;
  return !filter.past || filter.past[r.n] === 1;
}

function shownMessage(m) {
  if (!filter.on.has(sortOfMessage(m))) return false;
  if (!filter.past) return true;
  // One that never arrived could not influence anybody, but its sender is part of the story.
  const end = fateOf(m) === "delivered" ? m.end : m.start;
  return Boolean(end) && filter.past[end.n] === 1;
}

function shownOperation(op) {
  if (op.violates) return true;
  if (!filter.on.has("client") || (foreign(op) && !filter.on.has("keys"))) return false;
  return !filter.past || op.records.some((r) => filter.past[r.n]);
}

function buildFilters() {
  const parent = document.getElementById("filters");
  for (const sort of sorts) {
    const count = records.filter((r) => sortOf(r) === sort.id && r.kind !== Kind.send).length;
    if (count > 0 && !(count > sort.most)) filter.on.add(sort.id);
    if (count === 0) continue;
    const label = html("label", "", parent), box = html("input", "", label);
    box.type = "checkbox";
    box.checked = filter.on.has(sort.id);
    box.dataset.sort = sort.id;
    label.append(sort.name);
    html("small", "", label, String(count));
    box.addEventListener("change", () => {
      if (box.checked) filter.on.add(sort.id);
      else filter.on.delete(sort.id);
      remeasure();
    });
  }
}

// togglePast shows only what could have influenced an event; asked twice, everything again.
function togglePast(n) {
  const lift = n < 0 || filter.of === n;
  filter.of = lift ? -1 : n;
  filter.past = lift ? null : pastOf(n);
  sayPast();
}

function sayPast() {
  const status = document.getElementById("status");
  if (!filter.past) {
    status.textContent = "";
    return;
  }
  const count = filter.past.reduce((sum, one) => sum + one, 0) - 1;
  status.textContent = `Only what could have influenced “${clip(sentence(records[filter.of]), 600)}”: ` +
    `${count} of ${records.length} events. Click it again, or press Esc, for all.`;
}
