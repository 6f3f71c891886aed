// Numbers, sums and times for people; what is none of them is told as it is written.

const GROUPED = new Intl.NumberFormat("en");
const MOMENT = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  timeZoneName: "short",
});
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const HOUR = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const WITH_ZONE = /^\d{4}-\d\d-\d\d[T ].*(?:Z|[+-]\d\d:?\d\d)$/i;

/** Return a whole number as BigInt, null when the value is none. */
function whole(value) {
  return value instanceof Digits && /^-?\d+$/.test(value.text) ? BigInt(value.text) : null;
}

/** Return any value as text, a number as it is written. */
function written(value) {
  return typeof value === "string" ? value : writeJson(value ?? null);
}

function grouped(value) {
  const number = whole(value);
  return number === null ? written(value) : GROUPED.format(number);
}

function counted(number, one, many) {
  return `${GROUPED.format(number)} ${BigInt(number) === 1n ? one : many}`;
}

/** Return what formats BigInts as sums of a currency; of one that nobody knows, the number before its name. */
function moneyOf(currency) {
  try {
    const style = { style: "currency", currency, minimumFractionDigits: 0, maximumFractionDigits: 0 };
    const format = new Intl.NumberFormat("en", style);
    return (sum) => format.format(sum);
  } catch {
    return (sum) => `${GROUPED.format(sum)} ${currency}`.trim();
  }
}

/** Return a moment by its text, null when it names none: without a zone it could be any of 24. */
function momentOf(text) {
  const moment = typeof text === "string" && WITH_ZONE.test(text) ? new Date(text) : null;
  return moment === null || Number.isNaN(moment.getTime()) ? null : moment;
}

/** Return a moment by its seconds since the epoch, null when no calendar has it. */
function momentOfSeconds(value) {
  const seconds = whole(value);
  const moment = seconds === null ? null : new Date(Number(seconds) * 1000);
  return moment === null || Number.isNaN(moment.getTime()) ? null : moment;
}

/** Return the time of a moment of today, and the day of any other. */
function short(moment) {
  return DAY.format(moment) === DAY.format(new Date()) ? HOUR.format(moment) : DAY.format(moment);
}
