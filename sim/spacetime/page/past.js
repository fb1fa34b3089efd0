// What could have influenced an event: all that can be reached through causes, which the page's
// data has already found. What follows from an event always stands after it.

function pastOf(n) {
  const past = new Uint8Array(records.length);
  past[n] = 1;
  for (let i = n; i >= 0; i--) {
    if (!past[i]) continue;
    for (const cause of records[i].causes) {
      if (cause >= 0) past[cause] = 1;
    }
  }
  return past;
}

function effectsOf(n) {
  return records.filter((r) => r.n > n && r.causes.includes(n));
}
