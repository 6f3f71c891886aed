// The search: what stands behind the # of the address is what is shown, so that links and the back button work.

const LONGEST_UID = 200;
const SLOW_MS = 300;

let looking = new AbortController();
let failedAway = false;

function addressOf(uid) {
  return `#/orders/${encodeURIComponent(uid.toWellFormed())}`;
}

/** Return the address for what somebody has typed: digits are a number, and in quotation marks an order_uid. */
function addressFor(typed) {
  const text = typed.trim();
  const quoted = /^"(.*)"$/s.exec(text);
  const number = /^#?\s*(\d{1,18})$/.exec(text);
  if (quoted) return addressOf(quoted[1]);
  if (number) return `#/number/${number[1]}`;
  return text ? addressOf(text) : "#/";
}

/** Return what somebody would type to get there. */
function typedFor(kind, text) {
  if (kind === "nothing") return "";
  return kind === "orders" && addressFor(text) !== addressOf(text) ? `"${text}"` : text;
}

/** Return what an address asks for: [kind, text], with the kinds start, orders, number and nothing. */
function wantedBy(hash) {
  const [, kind, rest] = /^#\/(orders|number)\/(.+)$/s.exec(hash) ?? [];
  if (kind === undefined) return hash.length > 2 ? ["nothing", hash] : ["start", ""];
  try {
    return [kind, decodeURIComponent(rest)];
  } catch {
    return ["nothing", hash];
  }
}

/** Return why there can be no such order, null when there can. */
function refusal(kind, text) {
  if (kind === "nothing") return `No order has the address ${text}`;
  if (kind === "orders" && [...text].length > LONGEST_UID) {
    return `An order_uid has at most ${LONGEST_UID} characters, this one has ${GROUPED.format([...text].length)}`;
  }
  if (kind === "number" && !/^\d+$/.test(text)) return `${text} is not a number of an order: 1, 2, 3 and so on are`;
  if (kind === "number" && BigInt(text) === 0n) return "The first order has the number 1";
  return null;
}

/** Show what the address asks for. */
async function showWanted(byReader) {
  looking.abort();
  looking = new AbortController();
  failedAway = false;
  const mine = looking.signal;
  const [kind, text] = wantedBy(window.location.hash);
  if (byReader || !byId("wanted").value) byId("wanted").value = typedFor(kind, text);
  const slow = setTimeout(() => tellSlow(text), SLOW_MS);
  try {
    const made = await madeFor(kind, text, mine);
    if (!mine.aborted) show(made, byReader);
  } catch (error) {
    if (mine.aborted) return;
    show(notice("This order cannot be shown", error.message), byReader);
    throw error;
  } finally {
    clearTimeout(slow);
  }
}

async function madeFor(kind, text, signal) {
  if (kind === "start") return startNotice();
  const refused = refusal(kind, text);
  if (refused !== null) return notice("There is no such order", refused);
  try {
    return await found(kind, text, signal);
  } catch (error) {
    if (!(error instanceof Away)) throw error;
    failedAway = true;
    lookAtServer();
    return awayNotice(error.message);
  }
}

async function found(kind, text, signal) {
  const byNumber = `/orders?number=${encodeURIComponent(text)}`;
  const byUid = `/orders?order_uid=${encodeURIComponent(text)}`;
  const answer = await ask(kind === "number" ? byNumber : byUid, PATIENCE_SECONDS, signal);
  if (answer.status === 404 && kind === "number") return digitsAsUid(text, byUid, signal);
  if (answer.status === 200) return orderArticle(readJson(answer.text), numberOf(kind, text));
  if (answer.status === 404) return missing(["No order has the order_uid ", value(text, "mono"), "."]);
  if (answer.status === 400 || answer.status === 414) return notice("There is no such order", detailOf(answer));
  if (answer.status >= 500) throw new Away(detailOf(answer));
  return notice("This order cannot be shown", detailOf(answer));
}

/** Digits that are the number of no order can be an order_uid. */
async function digitsAsUid(text, byUid, signal) {
  const answer = await ask(byUid, PATIENCE_SECONDS, signal);
  if (answer.status === 200) return orderArticle(readJson(answer.text), numberOf("orders", text));
  return missing(["No order has the number ", value(text, "mono"), ", and none has it as its order_uid."]);
}

function numberOf(kind, text) {
  if (kind === "number") return text;
  const listed = [...byId("newest").children].find((row) => row.dataset.uid === text);
  return listed?.dataset.number ?? null;
}

/** Return why the server refused: what its problem document says, or the status. */
function detailOf({ status, text }) {
  try {
    const detail = readJson(text).get("detail");
    if (typeof detail === "string") return detail;
  } catch {
    // no problem document: a proxy between us has answered
  }
  return `the server answered ${status}`;
}

function missing(text) {
  return notice(
    "There is no such order", text,
    "Is it typed as it was sent? Capital and small letters differ. "
      + "An order sent a moment ago may still wait in the queue.",
  );
}

function awayNotice(reason) {
  const again = element("button", { type: "button" }, "Try again");
  again.addEventListener("click", () => {
    window.dispatchEvent(new Event(LOOK));
    showWanted(true);
  });
  const made = notice("The server did not answer", `Why: ${reason}. Whether there is such an order is not known.`);
  made.append(again);
  return made;
}

function notice(heading, ...paragraphs) {
  const told = paragraphs.map((text) => element("p", {}, typeof text === "string" ? value(text) : text));
  return element("section", { class: "notice" }, element("h2", { tabindex: "-1" }, heading), told);
}

function startNotice() {
  const made = notice(
    "Find an order",
    "By its order_uid, or by its number: the first order that was kept is 1. "
      + "Digits are taken as a number; in quotation marks they are an order_uid.",
  );
  made.classList.add("start");
  made.prepend(element("img", { src: "/icon.svg", alt: "", width: "64", height: "64" }));
  return made;
}

function show(made, byReader) {
  const heading = made.querySelector("h2");
  byId("shown").replaceChildren(made);
  byId("shown").removeAttribute("aria-busy");
  const start = made.classList.contains("start");
  document.title = start ? "Order store" : `${heading.textContent} - Order store`;
  byId("told").textContent = byReader || start ? "" : heading.textContent;
  if (byReader && !start) heading.focus();
  markCurrent();
}

function tellSlow(text) {
  byId("shown").setAttribute("aria-busy", "true");
  byId("told").textContent = `Looking for ${text}`;
}

/** Mark the order that is shown among the newest. */
function markCurrent() {
  const uid = document.querySelector("#order-heading")?.textContent;
  for (const row of byId("newest").children) {
    if (row.dataset.uid === uid) row.firstChild.setAttribute("aria-current", "page");
    else row.firstChild.removeAttribute("aria-current");
  }
}

function startSearch() {
  byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const address = addressFor(byId("wanted").value);
    if (address === window.location.hash) showWanted(true);
    else window.location.hash = address;
  });
  window.addEventListener("hashchange", () => showWanted(true));
  window.addEventListener(BACK, () => failedAway && showWanted(false));
  showWanted(false);
}

startSearch();
startNewest();
watchServer();
window.addEventListener("online", () => window.dispatchEvent(new Event(LOOK)));
