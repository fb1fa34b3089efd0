// Time to x and back. Squeezed, a pause between two events takes room by its logarithm once it is
// longer than messages usually take, so that one election timeout does not hide everything else.

const Scale = {
  squeezed: true,
  times: [], // instants that matter, rising
  places: [], // of these instants, from 0 to 1
  from: 0, to: 1, // the part that is shown
  left: 0, right: 1, // in pixels
};

function measure(instants) {
  const times = [...new Set([data.from, ...instants, data.to])]
    .filter((t) => t >= data.from && t <= data.to).sort((a, b) => a - b);
  const room = (gap) => {
    if (!Scale.squeezed || gap <= usual) return gap;
    return usual * (1 + Math.log2(gap / usual) / 2);
  };
  const places = [0];
  for (let i = 1; i < times.length; i++) places.push(places[i - 1] + room(times[i] - times[i - 1]));
  const all = places[places.length - 1] || 1;
  Scale.times = times;
  Scale.places = places.map((p) => p / all);
}

// between maps a value from one rising list to another, straight between two entries.
function between(value, from, to) {
  let lo = 0, hi = from.length - 1;
  if (hi < 1 || value <= from[0]) return to[0];
  if (value >= from[hi]) return to[hi];
  while (hi - lo > 1) {
    const mid = (lo + hi) >> 1;
    if (from[mid] <= value) lo = mid;
    else hi = mid;
  }
  const part = (value - from[lo]) / (from[hi] - from[lo] || 1);
  return to[lo] + part * (to[hi] - to[lo]);
}

function placeOf(at) {
  return between(at, Scale.times, Scale.places);
}

function timeOf(place) {
  return between(place, Scale.places, Scale.times);
}

function xOf(at) {
  return xOfPlace(placeOf(at));
}

function xOfPlace(place) {
  const part = (place - Scale.from) / (Scale.to - Scale.from);
  return Scale.left + part * (Scale.right - Scale.left);
}

function placeOfX(x) {
  const part = (x - Scale.left) / (Scale.right - Scale.left);
  return Scale.from + part * (Scale.to - Scale.from);
}

// show moves the shown part, inside of the run and no smaller than makes sense.
function show(from, to) {
  const width = Math.min(1, Math.max(to - from, 1e-5));
  Scale.from = Math.min(Math.max(0, from), 1 - width);
  Scale.to = Scale.from + width;
}

// ticks are round instants, far enough apart for their labels.
function ticks(apart) {
  const list = [];
  let last = -Infinity;
  for (let x = Scale.left; x <= Scale.right; x += apart / 4) {
    const at = timeOf(placeOfX(x)), next = timeOf(placeOfX(x + apart));
    const step = niceStep(Math.max(next - at, 1));
    const rounded = Math.ceil(at / step) * step, place = xOf(rounded);
    if (place - last < apart || place > Scale.right || rounded > data.to) continue;
    list.push({ x: place, at: rounded, step });
    last = place;
  }
  return list;
}

function niceStep(span) {
  const power = Math.pow(10, Math.floor(Math.log10(span)));
  const step = [1, 2, 5].map((n) => n * power).filter((s) => s <= span).pop();
  return Math.max(1000, step);
}

// Times are virtual and written in milliseconds.
function milliseconds(at, digits) {
  return (at / 1e6).toFixed(digits === undefined ? 3 : digits) + " ms";
}

function tickLabel(tick) {
  return milliseconds(tick.at, tick.step >= 1e6 ? 0 : tick.step >= 1e5 ? 1 : tick.step >= 1e4 ? 2 : 3);
}
