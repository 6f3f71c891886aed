// JSON without loss: a number stays as it is written (JSON.parse rounds beyond 2^53), and keys keep their order.

class Digits {
  constructor(text) { this.text = text; }
}

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;

/** Return the value of a JSON text: objects as Maps, numbers as Digits. */
function readJson(text) {
  const marked = text.replace(TOKEN, (token) => (token[0] === '"' ? `"s${token.slice(1)}` : `"n${token}"`));
  return unmarked(JSON.parse(marked));
}

function unmarked(value) {
  if (typeof value === "string") return value[0] === "n" ? new Digits(value.slice(1)) : value.slice(1);
  if (Array.isArray(value)) return value.map(unmarked);
  if (value === null || typeof value !== "object") return value;
  return new Map(Object.entries(value).map(([key, inner]) => [key.slice(1), unmarked(inner)]));
}

/** Return the JSON text of a value that readJson has read, indented. */
function writeJson(value, indent = "") {
  const deeper = `${indent}  `;
  if (value instanceof Digits) return value.text;
  if (Array.isArray(value)) return enclosed("[]", value.map((inner) => writeJson(inner, deeper)), indent);
  if (!(value instanceof Map)) return JSON.stringify(value);
  const fields = [...value].map(([key, inner]) => `${JSON.stringify(key)}: ${writeJson(inner, deeper)}`);
  return enclosed("{}", fields, indent);
}

function enclosed(brackets, parts, indent) {
  if (parts.length === 0) return brackets;
  const line = `\n${indent}`;
  return `${brackets[0]}${line}  ${parts.join(`,${line}  `)}${line}${brackets[1]}`;
}
