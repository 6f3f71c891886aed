// The server: what is asked of it, whether it is there, and whether it is ready.

const PATIENCE_SECONDS = 10;
const LOOK_MS = { ready: 10_000, restoring: 1_000, troubled: 2_000 };
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const BACK = "server-back";
const LOOK = "look-at-server";

class Away extends Error {}

let serverState = "connecting";

/** Return status and text of an answer; `signal` gives up early. Throws Away when there is none. */
async function ask(path, seconds = PATIENCE_SECONDS, signal = null) {
  const signals = [AbortSignal.timeout(seconds * 1000), ...(signal ? [signal] : [])];
  try {
    const answer = await fetch(path, { signal: AbortSignal.any(signals), cache: "no-cache" });
    return { status: answer.status, text: await answer.text() };
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Away(error.name === "TimeoutError" ? `no answer within ${seconds} s` : "it cannot be reached");
  }
}

/** Wait some milliseconds, or until an event of the window. */
function waited(milliseconds, event) {
  return new Promise((done) => {
    const finish = () => {
      clearTimeout(timer);
      window.removeEventListener(event, finish);
      done();
    };
    const timer = setTimeout(finish, milliseconds);
    window.addEventListener(event, finish);
  });
}

/** Return how long to wait after so many failures in a row: doubled each time, and never the same for everybody. */
function pauseAfter(failures) {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures) * (0.75 + Math.random() / 4);
}

/** Wait until somebody can see the page. */
async function visible() {
  while (document.hidden) {
    await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
  }
}

/** Ask again and again whether the server is ready, and tell it at the top of the page. */
async function watchServer() {
  for (let failures = 0; ; ) {
    await visible();
    const [state, text] = await readiness();
    failures = state === "away" ? failures + 1 : 0;
    tellState(state, text);
    if (state === "away") await countedDown(pauseAfter(failures));
    else await waited(LOOK_MS[state], LOOK);
  }
}

async function readiness() {
  try {
    const heard = readJson((await ask("/readyz")).text);
    if (heard.get("ready") === true) return ["ready", "Ready"];
    const troubles = heard.get("troubles");
    const restored = troubles.get("restore");
    if (restored !== undefined) return ["restoring", `Restoring: ${written(restored).replace(/ restored$/, "")}`];
    return ["troubled", `Not ready: ${[...troubles.values()].map(written).join(", ")}`];
  } catch {
    return ["away", "Server away"];  // nobody answered, or something that is not the service
  }
}

function tellState(state, text) {
  const was = serverState;
  serverState = state;
  byId("state").dataset.state = state;
  byId("state-wait").replaceChildren();
  if (byId("state-text").textContent !== text) byId("state-text").replaceChildren(value(text));
  if (was === "away" && state !== "away") window.dispatchEvent(new Event(BACK));
}

/** Wait for the next try, and tell how long; whoever listens to the page is spared the seconds. */
async function countedDown(milliseconds) {
  const end = Date.now() + milliseconds;
  let looked = false;
  const look = () => { looked = true; };
  window.addEventListener(LOOK, look, { once: true });
  while (!looked && Date.now() < end) {
    byId("state-wait").textContent = `next try in ${Math.ceil((end - Date.now()) / 1000)} s`;
    await waited(Math.min(1000, end - Date.now()), LOOK);
  }
  window.removeEventListener(LOOK, look);
}

/** Ask soon whether the server is there; one that is known to be away is asked when it is time. */
function lookAtServer() {
  if (serverState !== "away") window.dispatchEvent(new Event(LOOK));
}
