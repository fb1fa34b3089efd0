// Moves through the run: zoom, keys, pointer.

let cursor = -1; // the record that the details are about

// redraw draws another part of the run; arrange comes first if what is shown, or the window's
// size, has changed.
function redraw() {
  draw();
  frameShown();
}

function arrange() {
  place();
  drawOverview();
  redraw();
}

// remeasure makes room for what is shown now, and keeps the same time in view.
function remeasure() {
  const from = timeOf(Scale.from), to = timeOf(Scale.to), had = Scale.times.length > 0;
  const instants = records.filter(shown).map((r) => r.at);
  for (const op of operations.filter(shownOperation)) instants.push(op.call, op.ret);
  measure(instants);
  if (had) show(placeOf(from), placeOf(to));
  arrange();
}

// mark lifts the record at the cursor out of the others.
function mark() {
  picture.classList.toggle("past", filter.past !== null);
  for (const element of picture.querySelectorAll(".hot")) element.classList.remove("hot");
  for (const element of drawn.elements.get(cursor) || []) element.classList.add("hot");
}

function select(n) {
  cursor = n;
  describe(document.getElementById("detail"), records[n]);
  mark();
}

function goTo(n) {
  const place = placeOf(records[n].at), half = (Scale.to - Scale.from) / 2;
  if (place < Scale.from + half / 8 || place > Scale.to - half / 8) {
    show(place - half, place + half);
    redraw();
  }
  select(n);
}

function zoom(factor, x) {
  const place = x === undefined ? (Scale.from + Scale.to) / 2 : placeOfX(x);
  show(place - (place - Scale.from) * factor, place + (Scale.to - place) * factor);
  redraw();
}

function move(part) {
  const by = (Scale.to - Scale.from) * part;
  show(Scale.from + by, Scale.to + by);
  redraw();
}

// showFailure shows the last events before the failure, as many as a person can take in; more, if
// a violating operation or the last change of leader lies a little earlier.
function showFailure() {
  const most = 150, focus = records[data.focus];
  if (!focus) return show(0, 1);
  const before = records.filter((r) => r.n <= data.focus && shown(r) && r.at >= data.from);
  const back = (count) => (before.length > count ? before[before.length - count].at : data.from);
  const leads = before.filter((r) => r.kind === Kind.role && r.label === "leader").pop();
  const also = operations.filter((op) => op.violates).map((op) => op.call);
  if (leads) also.push(leads.at);
  const start = placeOf(Math.min(back(most), ...also.filter((at) => at >= back(2 * most))));
  const end = placeOf(focus.at), pad = (end - start) * 0.06;
  show(start - pad, end + pad);
}

function toFailure() {
  showFailure();
  redraw();
  select(data.focus);
}

function lift() {
  togglePast(-1);
  arrange();
}

function choose(n) {
  select(n);
  togglePast(n);
  arrange();
}

// walk selects the next drawn record in a direction of time.
function walk(step) {
  const list = [...drawn.elements.keys()].sort((a, b) => a - b);
  if (!list.length) return;
  const from = cursor < 0 ? data.focus : cursor;
  const next = step > 0 ? list.find((n) => n > from) : list.filter((n) => n < from).pop();
  if (next !== undefined) return goTo(next);
  const beyond = records.filter((r) => shown(r) && (step > 0 ? r.n > from : r.n < from));
  if (beyond.length) goTo((step > 0 ? beyond[0] : beyond[beyond.length - 1]).n);
}

// climb selects the record on another lane that is nearest in time.
function climb(step) {
  const now = records[cursor < 0 ? data.focus : cursor];
  if (!now) return;
  for (let node = now.node + step; node >= 0 && node < data.nodes.length; node += step) {
    const lane = [...drawn.elements.keys()].map((n) => records[n]).filter((r) => r.node === node);
    lane.sort((a, b) => Math.abs(a.at - now.at) - Math.abs(b.at - now.at) || a.n - b.n);
    if (lane.length) return goTo(lane[0].n);
  }
}

function listenKeys() {
  const keys = {
    ArrowRight: (e) => (e.shiftKey ? move(0.25) : walk(1)),
    ArrowLeft: (e) => (e.shiftKey ? move(-0.25) : walk(-1)),
    ArrowUp: () => climb(-1), ArrowDown: () => climb(1),
    Enter: () => cursor >= 0 && choose(cursor), " ": () => cursor >= 0 && choose(cursor),
    Escape: lift, "+": () => zoom(1 / 1.5), "=": () => zoom(1 / 1.5), "-": () => zoom(1.5),
    0: () => zoomAll(), f: toFailure, s: toggleSqueeze,
  };
  picture.addEventListener("keydown", (event) => {
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act(event);
  });
}

function zoomAll() {
  show(0, 1);
  redraw();
}

function toggleSqueeze() {
  Scale.squeezed = !Scale.squeezed;
  document.getElementById("squeeze").setAttribute("aria-pressed", String(Scale.squeezed));
  remeasure();
}

// nearest finds what is drawn within a few pixels of the pointer.
function nearest(event) {
  const box = picture.getBoundingClientRect();
  const x = event.clientX - box.left, y = event.clientY - box.top;
  let best = null, least = 9;
  for (const item of drawn.items) {
    const distance = distanceTo(item.at, x, y);
    if (distance < least) [best, least] = [item, distance];
  }
  return best;
}

function distanceTo([x1, y1, x2, y2], x, y) {
  const dx = x2 - x1, dy = y2 - y1, length = dx * dx + dy * dy;
  const part = length ? Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / length)) : 0;
  return Math.hypot(x - x1 - part * dx, y - y1 - part * dy);
}

function listenPointer() {
  let pressed = null;
  picture.addEventListener("pointerdown", (event) => {
    pressed = { x: event.clientX, from: Scale.from, to: Scale.to, moved: false };
  });
  picture.addEventListener("pointermove", (event) => {
    if (!pressed || !event.buttons) return hover(nearest(event), event);
    const by = (event.clientX - pressed.x) / (Scale.right - Scale.left) * (pressed.to - pressed.from);
    if (Math.abs(event.clientX - pressed.x) > 4 && !pressed.moved) {
      pressed.moved = true;
      picture.setPointerCapture(event.pointerId);
    }
    if (!pressed.moved) return;
    hover(null, event);
    show(pressed.from - by, pressed.to - by);
    redraw();
  });
  picture.addEventListener("pointerup", (event) => {
    const item = pressed && !pressed.moved && nearest(event);
    pressed = null;
    if (item && item.record) choose(item.record.n);
  });
  picture.addEventListener("pointerleave", (event) => hover(null, event));
  picture.addEventListener("wheel", (event) => {
    const box = picture.getBoundingClientRect();
    if (event.ctrlKey || event.metaKey) zoom(Math.exp(event.deltaY / 300), event.clientX - box.left);
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      move((event.deltaX || event.deltaY) / (Scale.right - Scale.left));
    } else return;
    event.preventDefault();
  }, { passive: false });
}

function hover(item, event) {
  showTip(item, event);
  for (const element of picture.querySelectorAll(".near")) element.classList.remove("near");
  picture.style.cursor = item && item.record ? "pointer" : "grab";
  if (!item || !item.record) return;
  for (const element of drawn.elements.get(item.record.n) || []) element.classList.add("near");
}

function listen() {
  const press = (id, act) => {
    const button = document.getElementById(id);
    if (button) button.addEventListener("click", act);
  };
  press("in", () => zoom(1 / 1.5));
  press("out", () => zoom(1.5));
  press("fit", zoomAll);
  press("focus", toFailure);
  press("squeeze", toggleSqueeze);
  press("copy", copyReplay);
  for (const button of document.querySelectorAll("[data-go]")) {
    button.addEventListener("click", () => goTo(Number(button.dataset.go)));
  }
  listenKeys();
  listenPointer();
  listenOverview();
  new ResizeObserver(arrange).observe(picture.parentNode);
}

// A page from a file may not be allowed to use the clipboard: then the text is selected.
async function copyReplay() {
  const field = document.getElementById("replay"), button = document.getElementById("copy");
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    button.textContent = "copied";
  } catch {
    button.textContent = document.execCommand("copy") ? "copied" : "press Ctrl+C";
  }
}

buildFilters();
remeasure();
showFailure();
redraw();
if (data.focus >= 0) select(data.focus);
listen();
