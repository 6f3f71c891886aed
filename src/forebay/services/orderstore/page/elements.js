// Elements of the page. Values of orders become text and nothing else: no markup, no address, no attribute.

// Characters that show nothing or turn the text around them: they are made visible. Joiners and variation selectors,
// which letters and emoji are made of, are left in peace. Behind an @ a line may end.
const MARKED =
  /@|(?![\t\n\u200c\u200d\ufe00-\ufe0f\u{e0020}-\u{e007f}\u{e0100}-\u{e01ef}])[\p{Cc}\p{Cs}\p{DI}\p{Zl}\p{Zp}]/gu;

function byId(id) {
  return document.getElementById(id);
}

/** Return a new element; children that are strings become text, null is left out. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.flat().filter((child) => child !== null));
  return made;
}

/** Return a value of an order as an element of its own direction, told as text. */
function value(text, kind = "") {
  const made = element("bdi", kind ? { class: kind } : {});
  let shown = 0;
  for (const { 0: character, index } of text.matchAll(MARKED)) {
    made.append(text.slice(shown, index), ...(character === "@" ? ["@", element("wbr")] : [visibly(character)]));
    shown = index + character.length;
  }
  made.append(text.slice(shown));
  return made;
}

function visibly(character) {
  const code = character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
  return element("span", { class: "unseen", "data-code": `U+${code}` }, character);
}

/** Return a value of any kind: text as it is, what has parts as JSON, an empty text as a dash. */
function anyValue(any, kind = "") {
  if (any === "") return element("span", { class: "none", title: "empty" }, "–");
  if (any instanceof Map || Array.isArray(any)) return element("pre", {}, value(writeJson(any)));
  return value(written(any), typeof any === "string" ? kind : "mono");
}

/** Return a moment in the reader's time zone, or the text as it came. */
function time(moment, text, format = (one) => MOMENT.format(one)) {
  if (moment === null) return value(text);
  return element("time", { datetime: moment.toISOString(), title: text }, format(moment));
}

/** Return a list of labels with their values, from pairs of text and element. */
function facts(pairs, kind = "") {
  const rows = pairs.map(([label, shown]) => element("div", {}, element("dt", {}, label), element("dd", {}, shown)));
  return element("dl", { class: `facts ${kind}`.trim() }, rows);
}

function card(heading, kind, ...content) {
  return element("section", { class: `card ${kind}` }, element("h3", {}, heading), ...content);
}

/** Return the pairs of what is not among the known fields, by their own names. */
function furtherPairs(fields, known) {
  const further = [...fields].filter(([name]) => !known.includes(name));
  return further.map(([name, any]) => [value(name, "mono"), anyValue(any)]);
}
