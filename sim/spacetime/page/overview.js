// The whole run in a strip, with the part that the picture shows.

const overview = document.getElementById("overview");

function drawOverview() {
  const width = Math.max(overview.parentNode.clientWidth - 40, 520), thin = 5;
  const height = data.nodes.length * (thin + 1) + 10, next = document.createDocumentFragment();
  const x = (place) => Layout.gutter + place * (width - Layout.gutter);
  for (const f of faults) {
    const from = x(placeOf(f.start ? f.start.at : data.from)), to = x(placeOf(f.stop ? f.stop.at : data.to));
    svg("rect", { class: "fault", x: from, y: 0, width: Math.max(to - from, 2), height: 3 }, next);
  }
  for (const band of bands) {
    const from = x(placeOf(band.from)), to = x(placeOf(band.to));
    svg("rect", {
      class: "band " + (band.down ? "down" : band.role), x: from, y: 5 + band.node * (thin + 1),
      width: Math.max(to - from, 0.5), height: thin,
    }, next);
  }
  for (const r of records) {
    if (r.kind !== Kind.violation) continue;
    const at = x(placeOf(r.at));
    svg("path", { class: "violation", d: `M${at} 0 V${height}` }, next);
  }
  svg("rect", { class: "shown", y: 1, height: height - 2, rx: 3 }, next);
  overview.setAttribute("width", width + 1);
  overview.setAttribute("height", height);
  overview.replaceChildren(next);
  frameShown();
}

// frameShown frames the part that the picture shows.
function frameShown() {
  const frame = overview.querySelector(".shown");
  const room = overview.getAttribute("width") - 1 - Layout.gutter;
  frame.setAttribute("x", Layout.gutter + Scale.from * room);
  frame.setAttribute("width", Math.max((Scale.to - Scale.from) * room, 3));
}

// A press or a drag on the strip brings that place to the middle of the picture.
function listenOverview() {
  const go = (event) => {
    const box = overview.getBoundingClientRect();
    const place = (event.clientX - box.left - Layout.gutter) / (box.width - 1 - Layout.gutter);
    const half = (Scale.to - Scale.from) / 2;
    show(place - half, place + half);
    redraw();
  };
  overview.addEventListener("pointerdown", (event) => {
    overview.setPointerCapture(event.pointerId);
    go(event);
  });
  overview.addEventListener("pointermove", (event) => {
    if (event.buttons) go(event);
  });
}
