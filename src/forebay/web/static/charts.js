// Which charts there are, and what each draws of a run.

const SHARES = ["p50", "p90", "p99", "p99.9", "max"];
const SHARE_COLOURS = ["heat-p50", "heat-p90", "heat-p99", "heat-p999", "heat-max"];
const RUN_COLOURS = ["work", "wait", "green", "purple", "lost", "slate"];
const STATUS_COLOURS = {
  2: ["green", "green-2", "green-3"],
  3: ["work", "work-2"],
  4: ["wait", "wait-2", "wait-3"],
  5: ["lost", "lost-2", "lost-3"],
};
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];

const starts = (run) => run.seconds.map((_, i) => i * run.width);

const middles = (run) => run.seconds.map((seconds, i) => i * run.width + seconds / 2);

const length = (run) => run.seconds.reduce((sum, seconds) => sum + seconds, 0);

const thin = (run, width) => (run.seconds.length > 240 ? width * 0.6 : width);

const perSecond = (run, counts) => counts.map((count, i) => count / run.seconds[i]);

function clockAxis(run) {
  const all = length(run);
  const marks = (low, high) => {
    const step = STEPS.find((step) => (high - low) / step <= 12) ?? 86400 * Math.ceil((high - low) / 86400 / 12);
    const first = Math.ceil(low / step) * step;
    return Array.from({ length: Math.max(0, Math.floor((high - first) / step) + 1) }, (_, i) => first + i * step);
  };
  return { name: "time", range: [0, all], marks, show: (seconds) => showClock(seconds, all) };
}

const timeAxis = (range) => ({ log: true, range, marks: logMarks, show: showTime });

const countAxis = { show: showCount, whole: true };

function rateChart(run) {
  const line = (name, counts, look) => ({ name, values: perSecond(run, counts), show: showRate, ...look });
  return {
    x: starts(run), across: clockAxis(run), up: countAxis, stepped: true, overTime: true,
    lines: [
      line("planned", run.planned, { colour: colour("slate"), fill: colour("slate-soft"), width: 1 }),
      line("sent", run.sent, { colour: colour("work-soft"), width: thin(run, 5) }),
      line("answered", run.answered, { colour: colour("work"), width: thin(run, 1.75) }),
      line("failed", run.failed, { colour: colour("lost"), fill: colour("lost-soft"), width: 1.75 }),
    ],
  };
}

function statusChart(run) {
  const used = {};
  const look = (name) => {
    if (name === "unknown") return colour("purple");
    const shades = STATUS_COLOURS[name[0]];
    if (!shades || name === "other" || name === "refused") return colour("slate");
    used[name[0]] = (used[name[0]] ?? -1) + 1;
    return colour(shades[used[name[0]] % shades.length]);
  };
  const line = ({ name, counts }) => {
    const fill = look(name);
    return { name, values: perSecond(run, counts), show: showRate, colour: fill, fill, width: 1 };
  };
  return {
    x: starts(run), across: clockAxis(run), up: countAxis, stepped: true, overTime: true, stacked: true,
    lines: run.statuses.map(line),
  };
}

function latencyChart(run, time) {
  const chosen = run[time];
  const line = (name, i) => ({
    name, values: chosen.percentiles[i], show: showTime, colour: colour(SHARE_COLOURS[i]), width: thin(run, 1.75),
    dash: name === "max" ? [3, 3] : undefined,
  });
  return {
    x: middles(run), across: clockAxis(run), overTime: true,
    up: timeAxis(heatRange([run.response, run.service], run.bits)),
    lines: SHARES.map(line).reverse(), paint: (plot) => paintHeat(plot, run, chosen),
    most: mostInACell(chosen),
  };
}

// Lines that share no x: all x of all of them in one list, and each line empty where it has none.
function together(lines) {
  const points = lines.flatMap((line, i) => line.points.map(([x, y]) => ({ x, y, i })));
  points.sort((a, b) => a.x - b.x);
  const made = lines.map((line, i) => ({ ...line, values: points.map((point) => (point.i === i ? point.y : null)) }));
  return { x: points.map((point) => point.x), lines: made };
}

function spread(lines) {
  const values = lines.flatMap((line) => line.points.map(([, y]) => y)).filter((y) => y > 0);
  return values.length ? [Math.min(...values) / 1.3, Math.max(...values) * 1.3] : [1e3, 1e6];
}

function curveChart(run, time, runs) {
  const lines = runs.flatMap((each, i) => ["response", "service"].map((name) => ({
    name: runs.length > 1 ? `${each.name} ${name}` : name,
    points: each.curve[name][0].map((x, j) => [x, each.curve[name][1][j]]),
    show: showTime, carried: true, width: 2,
    colour: colour(runs.length === 1 && name === "service" ? "wait" : RUN_COLOURS[i % RUN_COLOURS.length]),
    dash: name === "service" ? [6, 4] : undefined,
  })));
  const most = Math.max(10, ...lines.flatMap((line) => line.points.map(([x]) => x)));
  const isDecade = (mark) => Number.isInteger(Math.round(Math.log10(mark) * 1e6) / 1e6);
  const decades = (low, high) => logMarks(low, high).filter(isDecade);
  return {
    ...together(lines), up: timeAxis(spread(lines)),
    across: { name: "share of shots", log: true, range: [1, most], marks: decades, show: showShare },
  };
}

function unfinishedChart(run) {
  const line = (name, values, look) => ({
    name, values, show: showCount, colour: colour(look), fill: colour(look), width: 1,
  });
  return {
    x: starts(run), across: clockAxis(run), up: countAxis, stepped: true, overTime: true, stacked: true,
    lines: [line("sent, no answer yet", run.awaited, "work"), line("not sent yet", run.waiting, "wait")],
  };
}

function againstChart(run) {
  const rates = perSecond(run, run.planned);
  const points = (i) => run.response.percentiles[i].map((y, j) => [rates[j], y]).filter(([, y]) => y != null);
  const lines = [
    { name: "p50", points: points(0), show: showTime, colour: colour("work"), marks: thin(run, 6) },
    { name: "p99", points: points(2), show: showTime, colour: colour("wait"), marks: thin(run, 6) },
  ];
  return {
    ...together(lines), up: timeAxis(spread(lines)),
    across: { name: "planned rate", range: [0, Math.max(1, ...rates) * 1.03], show: showRate },
  };
}

function generatorChart(run) {
  const line = (name, values, look, dash) => ({
    name, values, show: showTime, colour: colour(look), width: thin(run, 1.75), dash,
  });
  const lines = [
    line("late p50", run.late[0], "green"), line("late p99", run.late[1], "green", [6, 4]),
    line("lag p50", run.lag[0], "wait"), line("lag p99", run.lag[1], "wait", [6, 4]),
  ];
  const range = spread(lines.map((each) => ({ points: each.values.map((y) => [0, y]) })));
  return { x: middles(run), across: clockAxis(run), up: timeAxis(range), overTime: true, lines };
}

const CHARTS = {
  rate: rateChart, statuses: statusChart, latency: latencyChart, curve: curveChart,
  unfinished: unfinishedChart, against: againstChart, generator: generatorChart,
};
