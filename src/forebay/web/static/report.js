// The page comes to life: its data is read, its charts are drawn, and drawn anew when something else is chosen.

const { runs } = JSON.parse(document.getElementById("data").textContent);
const chosen = { run: 0, time: "response" };
const specification = (name) => CHARTS[name](runs[chosen.run], chosen.time, runs);
const charts = Object.keys(CHARTS).map((name) => new Chart(name, specification(name)));

function redraw() {
  for (const chart of charts) chart.use(specification(chart.name));
}

for (const choice of document.querySelectorAll("input[type=radio]")) {
  choice.addEventListener("change", () => {
    chosen[choice.name] = choice.name === "run" ? Number(choice.value) : choice.value;
    redraw();
  });
}

followTheme(redraw);
document.documentElement.dataset.ready = String(charts.length);
