// The read-out under the pointer: the values of a chart at the nearest time.
(() => {
  const plain = v => String(+v.toPrecision(5));
  const text = (unit, v) => {
    if (v === null) return "none";
    if (unit === "percent") return (100 * v).toFixed(1) + " %";
    if (unit === "count") return Math.round(v).toLocaleString("en");
    if (unit === "bytes") {
      for (const name of ["B", "KiB", "MiB", "GiB"]) { if (v < 1024) return plain(v) + " " + name; v /= 1024; }
      return plain(v) + " TiB";
    }
    return plain(v);
  };
  const time = t => t >= 86400 ? plain(t / 3600) + " h" : t >= 120 ? plain(t / 60) + " min" : t >= 1 ? plain(t) + " s" : plain(1000 * t) + " ms";
  const nearest = t => {
    let lo = 0, hi = data.x.length - 1;
    while (hi - lo > 1) { const mid = (lo + hi) >> 1; if (data.x[mid] <= t) lo = mid; else hi = mid; }
    return t - data.x[lo] < data.x[hi] - t ? lo : hi;
  };
  for (const figure of document.querySelectorAll(".chart")) {
    const chart = data.charts[figure.dataset.chart], plot = figure.querySelector(".plot");
    const cursor = figure.querySelector(".cursor"), readout = figure.querySelector(".readout"), note = readout.textContent;
    if (!data.x.length) continue;
    const first = data.x[0], last = data.x[data.x.length - 1];
    plot.addEventListener("pointermove", e => {
      const box = plot.getBoundingClientRect(), at = nearest(first + (e.clientX - box.left) / box.width * (last - first));
      cursor.hidden = false;
      cursor.style.left = 100 * (data.x[at] - first) / (last - first || 1) + "%";
      readout.textContent = "at " + time(data.x[at]);
      for (const line of chart.lines) {
        const value = document.createElement("b");
        value.textContent = text(chart.unit, line.values[at]);
        readout.append(" · " + line.name + " ", value);
      }
    });
    plot.addEventListener("pointerleave", () => { cursor.hidden = true; readout.textContent = note; });
  }
})();
