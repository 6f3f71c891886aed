// The heat map: how many shots took how long, over time. Cells are those of our histograms.

// The lowest and the next cell's lowest value of a cell, in microseconds; each power of two has 2**bits cells.
function edges(cell, bits) {
  const shift = Math.max((cell >> bits) - 1, 0);
  const low = (cell - (shift << bits)) * 2 ** shift;
  return [low / 1e3, (low + 2 ** shift) / 1e3];
}

function heatRange(times, bits) {
  const filled = times.flatMap((time) => time.cells.filter((cells) => cells.length));
  if (!filled.length) return [1e3, 1e6];
  const lowest = Math.min(...filled.map((cells) => cells[0]));
  const highest = Math.max(...filled.map((cells) => cells[0] + cells.length - 2));
  return [Math.max(edges(lowest, bits)[0], 0.5) / 1.15, Math.max(edges(highest, bits)[1], 1) * 1.15];
}

// Colours from few shots to many; `at` is from 0 to 1.
function ramp(at) {
  const stops = ["heat-0", "heat-1", "heat-2", "heat-3"].map((name) => colour(name));
  const shades = stops.map((stop) => stop.match(/[0-9]+/g).map(Number));
  const place = Math.min(at, 0.9999) * (shades.length - 1);
  const [from, to] = [shades[Math.floor(place)], shades[Math.floor(place) + 1]];
  const mixed = from.map((part, i) => Math.round(part + (to[i] - part) * (place % 1)));
  return `rgb(${mixed.join(" ")})`;
}

const mostInACell = (time) => Math.max(1, ...time.cells.map((cells) => Math.max(0, ...cells.slice(1))));

const shade = (count, most) => (most === 1 ? 0.6 : 0.08 + 0.92 * (Math.log(count) / Math.log(most)));

function paintHeat(plot, run, time) {
  const { ctx, bbox } = plot;
  const most = mostInACell(time);
  const shades = Array.from({ length: 33 }, (_, i) => ramp(i / 32));
  const x = (seconds) => Math.round(plot.valToPos(seconds, "x", true));
  const y = (value) => Math.round(plot.valToPos(value, "y", true));
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  time.cells.forEach((cells, column) => {
    const [left, right] = [x(column * run.width), x(column * run.width + run.seconds[column])];
    cells.slice(1).forEach((count, i) => {
      if (!count) return;
      const [low, high] = edges(cells[0] + i, run.bits);
      const [top, bottom] = [y(high), y(Math.max(low, 0.1))];
      ctx.fillStyle = shades[Math.round(shade(count, most) * 32)];
      ctx.fillRect(left, top, Math.max(right - left, 1), Math.max(bottom - top, 1));
    });
  });
  ctx.restore();
}
