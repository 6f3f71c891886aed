// Numbers as people read them. Times are in microseconds.

const digits = (number) => Number(number.toPrecision(3)).toLocaleString("en");

function showTime(microseconds) {
  if (microseconds == null) return "–";
  if (microseconds >= 1e6) return `${digits(microseconds / 1e6)}s`;
  if (microseconds >= 1e3) return `${digits(microseconds / 1e3)}ms`;
  return `${digits(microseconds)}us`;
}

const showRate = (rate) => (rate == null ? "–" : `${digits(rate)}/s`);

const showCount = (count) => (count == null ? "–" : Math.round(count).toLocaleString("en"));

// 12 s, 1:30, 1:02:00: the shorter form where the whole run allows it.
function showClock(seconds, length) {
  if (length <= 120) return `${digits(seconds)}s`;
  const parts = [Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60].map((part) => String(part).padStart(2, "0"));
  return length < 3600 ? `${Number(parts[0])}:${parts[1]}` : `${Math.floor(seconds / 3600)}:${parts.join(":")}`;
}

// The share of shots at a mark of the percentile curve, x = 1 / (1 - share).
function showShare(x) {
  const nines = Math.max(0, Math.ceil(Math.log10(x)) - 2);
  return `${((1 - 1 / x) * 100).toFixed(nines)}%`;
}

// The marks of a logarithmic axis: decades, and 2 and 5 of each where there are few.
function logMarks(low, high) {
  const decades = Math.log10(high / low);
  const within = decades <= 2 ? [1, 2, 5] : decades <= 4 ? [1, 3] : [1];
  const marks = [];
  for (let decade = 10 ** Math.floor(Math.log10(low)); decade <= high; decade *= 10) {
    for (const step of within) marks.push(decade * step);
  }
  return marks.filter((mark) => mark >= low * 0.999 && mark <= high * 1.001);
}
