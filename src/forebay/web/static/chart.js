// One chart in its frame: drawn by uPlot, with keys that show and hide its lines, a reading at the cursor, and a table.
//
// A specification has `x` (shared by all lines), `lines` ({name, colour, values, and how to draw}), `across` and `up`
// (the axes: {range, show, marks, log}), and where it applies `stacked`, `stepped`, `overTime`, `paint`, and
// `most`, what the strongest colour stands for.

const hidden = new Set();
const overTime = new Set();

class Chart {
  constructor(name, specification) {
    this.name = name;
    this.frame = document.getElementById(name);
    this.box = this.frame.querySelector(".plot");
    this.told = this.frame.querySelector(".told");
    this.use(specification);
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.frame.querySelector("details").addEventListener("toggle", () => this.fillTable());
    new ResizeObserver(() => this.plot.setSize(this.size())).observe(this.box);
  }

  use(specification) {
    if (this.plot) this.plot.destroy();
    overTime.delete(this.plot);
    this.specification = specification;
    this.at = null;
    this.plot = new uPlot(this.options(), this.data(), this.box);
    if (specification.overTime) overTime.add(this.plot);
    this.makeKeys();
    this.fillTable();
  }

  get lines() { return this.specification.lines; }

  isShown(line) { return !hidden.has(`${this.name}/${line.name}`); }

  size() { return { width: Math.max(this.box.clientWidth, 200), height: this.box.clientHeight }; }

  // Of a stack the sums from below are drawn, the highest first, so that each covers what is under it.
  data() {
    const { x, lines, stacked } = this.specification;
    if (!stacked) return [x, ...lines.map((line) => line.values)];
    const sum = new Array(x.length).fill(0);
    const sums = lines.map((line) => {
      if (this.isShown(line)) line.values.forEach((value, i) => { sum[i] += value; });
      return [...sum];
    });
    return [x, ...sums.reverse()];
  }

  drawn() { return this.specification.stacked ? [...this.lines].reverse() : this.lines; }

  options() {
    const { across, up, stepped, paint } = this.specification;
    return {
      ...this.size(),
      padding: [12, 16, 0, 0],
      legend: { show: false },
      scales: {
        x: { time: false, distr: across.log ? 3 : 1, range: (plot, ...seen) => this.range(seen) },
        y: scale(up),
      },
      axes: [axis(across, 32, 90), axis(up, 64, 32)],
      series: [{}, ...this.drawn().map((line) => series(line, stepped, this.isShown(line)))],
      cursor: this.cursor(),
      hooks: {
        drawAxes: paint ? [paint] : [],
        setCursor: [(plot) => this.read(this.under(plot))],
        setScale: [(plot, key) => this.follow(plot, key)],
      },
    };
  }

  // All of it when nothing was chosen, else what was.
  range([low, high]) {
    const { x, across } = this.specification;
    return low == null || (low <= x[0] && high >= x.at(-1)) ? across.range : [low, high];
  }

  cursor() {
    const { stepped, overTime } = this.specification;
    return {
      y: false,
      points: { show: !stepped, size: 7 },
      ...(overTime ? { sync: { key: "time", scales: ["x", null], filters: { pub: isMove } } } : {}),
    };
  }

  // The number of the value under the cursor: the nearest, of steps the one whose step it is.
  under({ cursor, posToVal }) {
    const { stepped, x } = this.specification;
    const before = stepped && cursor.idx > 0 && x[cursor.idx] > posToVal(cursor.left, "x");
    return before ? cursor.idx - 1 : cursor.idx;
  }

  // What is chosen in one chart over time is chosen in all.
  follow(plot, key) {
    if (key !== "x" || !overTime.has(plot)) return;
    const { min, max } = plot.scales.x;
    for (const other of overTime) {
      const seen = other.scales.x;
      if (other !== plot && (seen.min !== min || seen.max !== max)) other.setScale("x", { min, max });
    }
  }

  makeKeys() {
    const keys = this.lines.map((line) => {
      const [key, swatch, value] = [make("button", "key"), make("i"), make("b")];
      key.type = "button";
      key.setAttribute("aria-pressed", this.isShown(line));
      swatch.className = line.marks ? "mark" : line.fill ? "area" : line.dash ? "dashed" : "line";
      swatch.style.color = line.fill ?? line.colour;
      key.append(swatch, make("span", "", line.name), value);
      key.addEventListener("click", () => this.toggle(line, key));
      return key;
    });
    const { most } = this.specification;
    const ramp = most ? [make("span", "ramp"), make("span", "note", `1 to ${showCount(most)} shots in a cell`)] : [];
    this.frame.querySelector(".keys").replaceChildren(...keys, ...ramp);
    this.values = keys.map((key) => key.querySelector("b"));
  }

  toggle(line, key) {
    const id = `${this.name}/${line.name}`;
    if (!hidden.delete(id)) hidden.add(id);
    key.setAttribute("aria-pressed", this.isShown(line));
    this.plot.setData(this.data(), false);
    this.plot.setSeries(this.drawn().indexOf(line) + 1, { show: this.isShown(line) });
  }

  read(at) {
    this.at = at ?? this.at;
    const { x, across } = this.specification;
    this.told.textContent = at == null ? "" : `at ${across.show(x[at])}`;
    this.lines.forEach((line, i) => { this.values[i].textContent = at == null ? "" : line.show(valueAt(line, at)); });
  }

  // Arrows move by a column, with Shift by ten; Home and End go to the ends; Escape shows all again.
  key(event) {
    const { x, stepped } = this.specification;
    const last = x.length - 1;
    const step = (event.shiftKey ? 10 : 1) * (event.key === "ArrowLeft" ? -1 : 1);
    if (event.key === "Escape") return this.plot.setScale("x", { min: x[0], max: x[last] });
    const aims = { ArrowLeft: (this.at ?? 1) + step, ArrowRight: (this.at ?? -1) + step, Home: 0, End: last };
    if (!(event.key in aims)) return undefined;
    event.preventDefault();
    this.at = Math.min(Math.max(aims[event.key], 0), last);
    const left = this.plot.valToPos(x[this.at], "x") + (stepped ? 0.5 : 0);
    this.plot.setCursor({ left, top: this.plot.over.clientHeight / 2 });
    const shown = this.lines.filter((line) => this.isShown(line));
    this.told.textContent += `: ${shown.map((line) => `${line.name} ${line.show(valueAt(line, this.at))}`).join(", ")}`;
    return undefined;
  }

  fillTable() {
    const details = this.frame.querySelector("details");
    const table = make("table");
    if (details.open) {
      const { x, across } = this.specification;
      const values = (i) => this.lines.map((line) => line.show(line.values[i]));
      table.append(row("th", [across.name, ...this.lines.map((line) => line.name)]));
      x.forEach((value, i) => table.append(row("td", [across.show(value), ...values(i)])));
    }
    details.querySelector("div").replaceChildren(table);
  }
}

const isMove = (type) => type === "mousemove" || type === "mouseleave";

function make(name, kind = "", text = "") {
  return Object.assign(document.createElement(name), { className: kind, textContent: text });
}

function row(cell, texts) {
  const made = make("tr");
  made.append(...texts.map((text) => make(cell, "", text)));
  return made;
}

// A line with its own marks says nothing between them; others have the value of the last one that is there.
function valueAt(line, at) {
  if (!line.carried) return line.values[at];
  while (at > 0 && line.values[at] == null) at -= 1;
  return line.values[at];
}

const WHOLE = Array.from({ length: 40 }, (_, i) => [1, 2, 5][i % 3] * 10 ** Math.floor(i / 3));

const fromZero = (plot, low, high) => [0, high > 0 ? high * 1.06 : 1];

const scale = (up) => ({ distr: up.log ? 3 : 1, range: up.range ?? fromZero });

function axis({ show, marks, whole }, size, space) {
  const own = marks ? { splits: (plot, i, low, high) => marks(low, high), filter: (plot, splits) => splits } : {};
  return {
    ...own,
    ...(whole ? { incrs: WHOLE } : {}),
    size,
    space,
    stroke: colour("muted"),
    font: "12px system-ui, sans-serif",
    grid: { stroke: colour("grid"), width: 1, ...(own.filter ? { filter: own.filter } : {}) },
    ticks: { stroke: colour("grid"), width: 1, size: 5, ...(own.filter ? { filter: own.filter } : {}) },
    values: (plot, splits) => splits.map((split) => (split == null ? "" : show(split))),
  };
}

// The numbers of the values that no line would show: those without neighbours, and all where there are few.
function lonely(plot, at) {
  const values = plot.data[at];
  const numbers = values.map((_, i) => i).filter((i) => values[i] != null);
  return values.length <= 12 ? numbers : numbers.filter((i) => values[i - 1] == null && values[i + 1] == null);
}

function series(line, stepped, show) {
  return {
    show,
    stroke: line.colour,
    fill: line.fill,
    width: line.width ?? 1.5,
    dash: line.dash,
    spanGaps: Boolean(line.carried),
    points: line.carried ? { show: false } : { show: true, filter: lonely, size: 5, fill: line.colour },
    ...(stepped ? { paths: uPlot.paths.stepped({ align: 1, extend: true }), points: { show: false } } : {}),
    ...(line.marks ? { paths: () => null, points: { show: true, size: line.marks, fill: line.colour, width: 0 } } : {}),
  };
}
