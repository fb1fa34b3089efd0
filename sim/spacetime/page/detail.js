// What an event was, in words, and what it followed from.

function nodeName(node) {
  return node >= 0 ? data.nodes[node] : "";
}

function sentence(r) {
  const node = nodeName(r.node), peer = nodeName(r.peer), op = operationOf.get(r.op);
  const message = messageOf.get(r.n);
  const with_ = (text) => (r.label ? `${text}: ${r.label}` : text);
  const asked = op ? operationText(op) : "operation " + r.op;
  switch (r.kind) {
    case Kind.send: return with_(`${node} sends to ${peer}`);
    case Kind.deliver: return with_(`${node} hears from ${peer}`);
    case Kind.drop: return `${node} does not hear ${peer}: ${message.label} (${r.label})`;
    case Kind.duplicate: return with_("a second copy is put on its way");
    case Kind.timer: return with_(`${node} notices that time passed`);
    case Kind.write: return with_(`${node} begins to write${upTo(r)}`);
    case Kind.synced: return with_(`${node} has on disk what it wrote${upTo(r)}`);
    case Kind.diskError: return with_(`the disk of ${node} fails`);
    case Kind.crash: return with_(`${node} goes down`);
    case Kind.start: return with_(`${node} starts`);
    case Kind.refused: return with_(`${node} refuses its log`);
    case Kind.pause: return with_(`${node} is paused`);
    case Kind.resume: return with_(`${node} continues`);
    case Kind.role: return `${node} is ${r.label} in term ${r.term}`;
    case Kind.snapshot: return with_(`${node} has a snapshot up to entry ${r.index}`);
    case Kind.commit: return `${node} commits up to entry ${r.index}`;
    case Kind.call: return op ? `client ${op.process} asks ${node}: ${asked}` : r.label;
    case Kind.ret: return op ? `${node} answers client ${op.process}: ${asked}` : r.label;
    case Kind.faultStart: return with_(`fault ${r.fault} strikes`);
    case Kind.faultStop: return `fault ${r.fault} is over`;
    case Kind.phase: return `the phase ${r.label} begins`;
  }
  return r.label;
}

// upTo names the last entry of a write; one of the hard state alone has none.
function upTo(r) {
  return r.index ? `, up to entry ${r.index}` : "";
}

function html(name, cls, parent, text) {
  const element = document.createElement(name);
  if (cls) element.className = cls;
  if (text !== undefined) element.textContent = text;
  if (parent) parent.appendChild(element);
  return element;
}

// facts of a record that its sentence does not say.
function facts(r) {
  const list = [`#${r.id}`, milliseconds(r.at)], cause = causeOf(r);
  const took = { [Kind.deliver]: "under way", [Kind.drop]: "under way", [Kind.synced]: "took" }[r.kind];
  if (took && cause) list.push(`${took} ${milliseconds(r.at - cause.at)}`);
  if (r.term && r.kind !== Kind.role) list.push(`term ${r.term}`);
  if (r.fault) list.push(`fault ${r.fault}`);
  const op = operationOf.get(r.op);
  if (op) list.push(operationDetail(op));
  return list;
}

function describe(panel, r) {
  panel.replaceChildren();
  if (!r) return;
  html("b", "", panel, sentence(r));
  html("span", "facts", panel, facts(r).join(" · "));
  links(panel, "because", r.causes.filter((c) => c >= 0).map((c) => records[c]));
  links(panel, "then", effectsOf(r.n));
}

const mostLinks = 5;

function links(panel, word, list) {
  if (!list.length) return;
  const line = html("span", "links", panel, word + " ");
  for (const r of list.slice(0, mostLinks)) {
    const link = html("button", "link", line, sentence(r));
    link.type = "button";
    link.addEventListener("click", () => goTo(r.n));
  }
  if (list.length > mostLinks) html("span", "", line, ` and ${list.length - mostLinks} more`);
}

// tip says beside the pointer what it is over.
const tip = document.getElementById("tip");

function showTip(item, event) {
  tip.hidden = !item;
  if (!item) return;
  const lines = item.record ? [sentence(item.record), ...facts(item.record)] : [operationDetail(item.op)];
  tip.replaceChildren();
  lines.forEach((text, i) => html(i ? "span" : "b", "", tip, text));
  const box = picture.parentNode.getBoundingClientRect();
  const x = event.clientX - box.left, y = event.clientY - box.top;
  const flip = x > box.width - 320;
  tip.style.left = flip ? "auto" : x + 14 + "px";
  tip.style.right = flip ? box.width - x + 14 + "px" : "auto";
  tip.style.top = y + 16 + "px";
}
