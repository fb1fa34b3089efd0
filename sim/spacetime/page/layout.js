// Where things stand from top to bottom: the axis, faults, members, clients.

const Layout = {
  flag: 4, axis: 40, gutter: 104, band: 24, row: 20,
  faultRows: [], // of faults
  lanes: [], // y of the middle of each member's band
  clients: [], // {y, node, rows: [[operation]]}
  bottom: 0, height: 0,
};

function place() {
  const hasClients = operations.some(shownOperation);
  let y = Layout.axis + 14;
  Layout.faultRows = pack(faults, (f) => [f.start ? f.start.at : data.from, f.stop ? f.stop.at : data.to]);
  Layout.faultTop = y;
  y += Layout.faultRows.length * Layout.row + 22;
  const apart = Math.max(68, Math.min(108, 420 / Math.max(1, data.nodes.length)));
  Layout.lanes = data.nodes.map((name, i) => y + Layout.band / 2 + i * apart);
  y += (data.nodes.length - 1) * apart + Layout.band + 40;
  Layout.clientTop = y;
  Layout.clients = [];
  for (let node = -1; hasClients && node < data.nodes.length; node++) {
    const own = operations.filter((op) => op.node === node && shownOperation(op));
    if (!own.length) continue;
    const rows = pack(own, (op) => [op.call, op.ret]);
    Layout.clients.push({ y, node, rows });
    y += rows.length * Layout.row + 8;
  }
  Layout.bottom = y;
  Layout.height = y + 8;
}

// pack puts each stretch of time into the first row that has room.
function pack(list, stretch) {
  const rows = [], ends = [];
  for (const item of [...list].sort((a, b) => stretch(a)[0] - stretch(b)[0])) {
    const [from, to] = stretch(item);
    let row = ends.findIndex((end) => end < from);
    if (row < 0) row = rows.push([]) - 1;
    rows[row].push(item);
    ends[row] = to;
  }
  return rows;
}

// edge is where a message leaves or reaches a lane, on the side of the other lane.
function edge(lane, other) {
  return Layout.lanes[lane] + (other > lane ? 1 : -1) * (Layout.band / 2 + 1);
}
