// What the page's data means: records, messages, bands of roles, writes, faults, operations.

const Kind = {
  send: 1, deliver: 2, drop: 3, duplicate: 4, timer: 5, write: 6, synced: 7, diskError: 8,
  crash: 9, start: 10, refused: 11, pause: 12, resume: 13, role: 14, commit: 15, call: 16,
  ret: 17, faultStart: 18, faultStop: 19, violation: 20, phase: 21,
  order: 22, snapshot: 23,
};
const outcomes = ["never answered", "ok", "fail", "info"];

const data = JSON.parse(document.getElementById("data").textContent);
const records = decodeRecords();
const operations = decodeOperations();
const operationOf = new Map(operations.map((op) => [op.id, op]));
const messages = pairMessages();
const writes = pairWrites();
const usual = usualDelay();
data.to += usual; // what happened last needs room to be seen
const bands = roleBands();
const faults = pairFaults();

// A record's causes are places on the page; causes[0] is its Cause, -1 if there is none.
function decodeRecords() {
  let id = -1, at = 0;
  return data.records.map((row, n) => {
    const [did, dt, kind, node, peer, label, term, index, op, fault, ...back] =
      Object.assign(new Array(10).fill(0), row);
    id += did;
    at += dt;
    const causes = back.map((b) => (b ? n - b : -1));
    return {
      n, id, at, kind, node: node - 1, peer: peer - 1, label: data.labels[label],
      term, index, op, fault, causes,
    };
  });
}

function decodeOperations() {
  return data.operations.map((row) => {
    const [id, process, node, call, ret, outcome, kind, key, input, output, error, violates] =
      Object.assign(new Array(12).fill(0), row);
    const text = (i) => data.labels[i];
    return {
      id, process, node: node - 1, call, ret, outcome: outcomes[outcome], kind: text(kind),
      key: text(key), input: text(input), output: text(output), error: text(error),
      violates: violates === 1, records: [],
    };
  });
}

function causeOf(r) {
  return r.causes.length > 0 && r.causes[0] >= 0 ? records[r.causes[0]] : null;
}

// familyOf sorts messages by the first word of their label.
function familyOf(label) {
  const word = label.split(" ")[0].toLowerCase().replace(/[^a-z]/g, "");
  if (word.startsWith("heartbeat")) return "heartbeat";
  if (word.startsWith("append")) return "append";
  if (word.includes("vote")) return "vote";
  return "other";
}

// A message is a send and what became of it. The second delivery of one send is a copy, and so is
// whatever followed from a Duplicate. Without its send it comes from the page's edge.
function pairMessages() {
  const list = [], open = new Map();
  const begin = (r, copy) => {
    const m = {
      start: r, end: null, copy, from: r.node, to: r.peer, family: familyOf(r.label), label: r.label,
    };
    list.push(m);
    open.set(r.n, m);
    return m;
  };
  for (const r of records) {
    if (r.kind === Kind.send) begin(r, false);
    if (r.kind === Kind.duplicate) {
      const first = causeOf(r), m = begin(r, true);
      if (!first) continue;
      m.from = first.node;
      m.to = first.peer;
      m.label = r.label || first.label;
      m.family = familyOf(first.label);
    }
    if (r.kind !== Kind.deliver && r.kind !== Kind.drop) continue;
    const cause = causeOf(r);
    let m = cause && open.get(cause.n);
    if (m && m.end) m = begin(cause, true);
    if (!m) {
      m = { start: null, copy: false, from: r.peer, to: r.node, family: familyOf(r.label), label: r.label };
      list.push(m);
    }
    m.end = r;
  }
  return list;
}

// A band is a stretch of a lane in which the member is the same.
function roleBands() {
  const list = [], state = data.begin.map((c) => ({ ...c, from: data.from, record: null }));
  const close = (node, at) => {
    const s = state[node];
    if (at > s.from || s.record) list.push({ node, to: at, ...s });
    s.from = at;
  };
  for (const r of records) {
    if (r.node < 0 || r.at < data.from) continue;
    const s = state[r.node], changes = {
      [Kind.role]: () => Object.assign(s, { role: r.label, term: r.term }),
      [Kind.crash]: () => Object.assign(s, { role: "follower", down: true, paused: false }),
      [Kind.refused]: () => Object.assign(s, { role: "follower", down: true, paused: false }),
      [Kind.start]: () => Object.assign(s, {
        role: "follower", down: false, paused: false, term: Math.max(r.term, s.term),
      }),
      [Kind.pause]: () => Object.assign(s, { paused: true }),
      [Kind.resume]: () => Object.assign(s, { paused: false }),
    }[r.kind];
    if (!changes) continue;
    close(r.node, r.at);
    changes();
    s.record = r;
  }
  state.forEach((s, node) => close(node, data.to));
  return list;
}

// A write lasts until it is durable or failed, or its process ends.
function pairWrites() {
  const list = [], open = new Map();
  for (const r of records) {
    if (r.kind === Kind.write) {
      const w = { start: r, end: null, node: r.node, failed: false };
      list.push(w);
      open.set(r.n, w);
    } else if (r.kind === Kind.synced || r.kind === Kind.diskError) {
      const cause = causeOf(r), w = cause && open.get(cause.n);
      const found = w || { start: null, end: null, node: r.node, failed: false };
      if (!w) list.push(found);
      found.end = r;
      found.failed = r.kind === Kind.diskError;
      if (cause) open.delete(cause.n);
    } else if (r.kind === Kind.crash) {
      for (const [n, w] of open) {
        if (w.node === r.node) {
          w.lost = r;
          open.delete(n);
        }
      }
    }
  }
  return list;
}

// usualDelay is the median of how long messages and writes take: 1 ms if there are none.
function usualDelay() {
  const delays = [];
  for (const { start, end } of [...messages, ...writes]) {
    if (start && end && end.at > start.at) delays.push(end.at - start.at);
  }
  delays.sort((a, b) => a - b);
  return delays.length ? delays[delays.length >> 1] : 1e6;
}

function pairFaults() {
  const list = [], open = new Map();
  for (const r of records) {
    if (r.kind === Kind.faultStart) {
      const f = { start: r, stop: null, label: r.label };
      list.push(f);
      open.set(r.fault, f);
    } else if (r.kind === Kind.faultStop) {
      const f = open.get(r.fault);
      if (f) f.stop = r;
      else list.push({ start: null, stop: r, label: r.label });
    }
  }
  return list;
}

for (const r of records) {
  const op = r.op && operationOf.get(r.op);
  if (op) op.records.push(r);
}
