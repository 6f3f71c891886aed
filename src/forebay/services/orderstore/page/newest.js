// The newest orders, arriving live by long polls: each is answered with them when one is above the highest known.

const SHOWN_ORDERS = 40;
const POLL_SECONDS = 90;
const BETWEEN_POLLS_MS = 500;
const BETWEEN_WORDS_MS = 10_000;

const newest = { after: null, paused: false, held: [], spoken: 0 };

async function followNewest() {
  for (let failures = 0; ; ) {
    await visible();
    const gone = new AbortController();
    const leave = () => document.hidden && gone.abort();
    document.addEventListener("visibilitychange", leave);
    try {
      const { status, text } = await ask(newestPath(), POLL_SECONDS, gone.signal);
      if (status !== 200) throw new Away(`it answered ${status}`);
      takeNewest(readJson(text));
      failures = 0;
    } catch (error) {
      if (!gone.signal.aborted) await afterFailure(error, (failures += 1));
    }
    document.removeEventListener("visibilitychange", leave);
    await waited(BETWEEN_POLLS_MS, BACK);
  }
}

/** Ask for what is there, at once, and from then on for what comes after it. */
function newestPath() {
  return `/orders/newest?limit=${SHOWN_ORDERS}${newest.after === null ? "" : `&after=${newest.after}`}`;
}

/** Wait until the server is back; it may be another one by then, so everything is asked anew. */
async function afterFailure(error, failures) {
  tellNewest("off", "Waiting for the server");
  if (!(error instanceof Away)) console.error(error);
  newest.after = null;
  lookAtServer();
  await waited(pauseAfter(failures), BACK);
  while (serverState === "away") await waited(LONGEST_PAUSE_MS, BACK);
}

function orderNumber(order) {
  return whole(order.get("number")) ?? 0n;
}

function downwards(orders) {
  return orders.sort((a, b) => (orderNumber(a) < orderNumber(b) ? 1 : -1));
}

function rowNumber(row) {
  return BigInt(row.dataset.number);
}

/** Take what was heard: mostly known already, and perhaps an order that was kept after one of a higher number. */
function takeNewest(heard) {
  const orders = heard.get("orders");
  const before = newest.after;
  newest.after = whole(heard.get("newest"));
  byId("pause").hidden = false;
  if (before === null || newest.after < before) {
    newest.held = [];
    byId("newest").replaceChildren(...downwards(orders).map((order) => newestRow(order)));
  } else {
    const known = new Set([...[...byId("newest").children].map(rowNumber), ...newest.held.map(orderNumber)]);
    const arrived = orders.filter((order) => !known.has(orderNumber(order)));
    newest.held = downwards([...arrived, ...newest.held]).slice(0, SHOWN_ORDERS);
    if (arrived.length) speak(arrived);
  }
  showHeld();
}

/** Show what has arrived, unless the reader holds the list: a row must not move away under a finger. */
function showHeld() {
  const list = byId("newest");
  const pointed = window.matchMedia("(hover: hover)").matches && list.matches(":hover");
  if (!(newest.paused || pointed || list.matches(":focus-within"))) {
    for (const order of newest.held) {
      const below = [...list.children].find((row) => rowNumber(row) < orderNumber(order));
      list.insertBefore(newestRow(order, "arrived"), below ?? null);
    }
    while (list.children.length > SHOWN_ORDERS) list.lastChild.remove();
    newest.held = [];
    markCurrent();
  }
  const waiting = newest.held.length ? `, ${GROUPED.format(newest.held.length)} waiting` : "";
  if (newest.after === null) return;
  if (newest.paused) tellNewest("paused", `Paused${waiting}`);
  else if (newest.after === 0n) tellNewest("live", "No order yet: they appear here as they arrive");
  else tellNewest("live", `The newest is number ${GROUPED.format(newest.after)}${waiting}`);
}

function tellNewest(state, text) {
  const told = byId("newest-state");
  told.dataset.state = state;
  if (told.textContent !== text) told.textContent = text;
}

/** Tell those who listen to the page, and not at every order. */
function speak(orders) {
  if (newest.paused || Date.now() - newest.spoken < BETWEEN_WORDS_MS) return;
  newest.spoken = Date.now();
  const arrived = counted(orders.length, "new order", "new orders");
  byId("newest-told").textContent = `${arrived}, the newest is number ${newest.after}`;
}

function newestRow(order, kind = "") {
  const uid = written(order.get("order_uid"));
  const amount = whole(order.get("amount"));
  const created = written(order.get("date_created") ?? "");
  const sum = amount === null ? "" : moneyOf(written(order.get("currency") ?? ""))(amount);
  const place = `${grouped(order.get("number"))} · ${counted(whole(order.get("items")) ?? 0n, "item", "items")} · `;
  const link = element(
    "a", { href: addressOf(uid) },
    element("span", { class: "uid" }, value(uid, "mono")),
    element("span", { class: "sum" }, value(sum)),
    element("span", { class: "where" }, place, value(written(order.get("city") ?? ""))),
    element("span", { class: "when" }, time(momentOf(created), created, short)),
  );
  const row = element("li", kind ? { class: kind } : {}, link);
  row.dataset.uid = uid;
  row.dataset.number = String(orderNumber(order));
  return row;
}

function startNewest() {
  const list = byId("newest");
  for (const end of ["pointerleave", "focusout"]) list.addEventListener(end, () => setTimeout(showHeld, 0));
  byId("pause").addEventListener("click", () => {
    newest.paused = !newest.paused;
    byId("pause").setAttribute("aria-pressed", String(newest.paused));
    showHeld();
  });
  followNewest();
}
