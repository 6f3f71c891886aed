// One order, laid out.

const HEAD_FIELDS = ["order_uid", "track_number", "date_created", "customer_id", "delivery_service"];
const PARTS = ["delivery", "payment", "items"];
const DELIVERY_FIELDS = [
  ["name", "Name"], ["address", "Address"], ["city", "City"], ["region", "Region"], ["zip", "Zip"], ["phone", "Phone"],
  ["email", "Email"],
];
const SUMS = [["goods_total", "Goods"], ["delivery_cost", "Delivery"], ["custom_fee", "Customs fee"]];
const PAYMENT_FIELDS = [
  ["currency", "Currency"], ["provider", "Provider"], ["bank", "Bank"], ["transaction", "Transaction"],
  ["request_id", "Request"],
];

/** Return the article of an order. `number` is its place in the store as text, null when it is not known. */
function orderArticle(order, number) {
  const payment = partOf(order, "payment");
  const money = moneyOf(written(payment.get("currency") ?? ""));
  const items = order.get("items");
  const listed = Array.isArray(items) && items.every((item) => item instanceof Map);
  return element(
    "article", { "aria-labelledby": "order-heading" },
    head(order, number),
    element(
      "div", { class: "cards" },
      deliveryCard(partOf(order, "delivery")),
      paymentCard(payment, money),
      listed ? itemsCard(items, money, order) : null,
      furtherCard(order),
    ),
    rawJson(order),
  );
}

function partOf(order, name) {
  return order.get(name) instanceof Map ? order.get(name) : new Map();
}

function head(order, number) {
  const created = written(order.get("date_created") ?? "");
  const pairs = [
    ["Track number", anyValue(order.get("track_number"), "mono")],
    ["Created", time(momentOf(created), created)],
    ["Customer", anyValue(order.get("customer_id"))],
    ["Delivery service", anyValue(order.get("delivery_service"))],
  ];
  return element(
    "div", { class: "order-head" },
    element("p", { class: "eyebrow" }, number === null ? "Order" : `Order number ${GROUPED.format(BigInt(number))}`),
    element("h2", { id: "order-heading", tabindex: "-1" }, value(written(order.get("order_uid") ?? ""), "mono")),
    facts(pairs, "line"),
  );
}

function known(fields, names) {
  return names.filter(([name]) => fields.has(name)).map(([name, label]) => [label, anyValue(fields.get(name))]);
}

function deliveryCard(delivery) {
  const further = furtherPairs(delivery, DELIVERY_FIELDS.map(([name]) => name));
  return card("Delivery", "delivery", facts([...known(delivery, DELIVERY_FIELDS), ...further]));
}

function paymentCard(payment, money) {
  const paid = payment.get("payment_dt");
  const when = paid === undefined ? [] : [["Paid", time(momentOfSeconds(paid), written(paid))]];
  const names = [...SUMS, ...PAYMENT_FIELDS].map(([name]) => name);
  const further = furtherPairs(payment, [...names, "amount", "payment_dt"]);
  const rows = [...when, ...known(payment, PAYMENT_FIELDS), ...further];
  return card("Payment", "payment", sums(payment, money), facts(rows));
}

/** Return the sums as a receipt, and say so when they do not add up. */
function sums(payment, money) {
  const amount = whole(payment.get("amount"));
  const parts = SUMS.map(([name, label]) => [label, whole(payment.get(name))]).filter(([, sum]) => sum !== null);
  if (amount === null) return null;
  const added = parts.reduce((sum, [, part]) => sum + part, 0n);
  const rows = [...parts, ["Amount", amount]].map(([label, sum]) => [label, value(money(sum))]);
  const differs = parts.length === SUMS.length && added !== amount;
  const note = differs ? element("p", { class: "note" }, "The parts come to ", value(money(added)), ".") : null;
  return element("div", { class: "receipt" }, facts(rows, "sums"), note);
}

function furtherCard(order) {
  const pairs = furtherPairs(order, [...HEAD_FIELDS, ...PARTS]);
  return pairs.length ? card("Further fields", "further", facts(pairs, "inline")) : null;
}

/** Return the folded JSON; it is written when it is asked for, for it can be long. */
function rawJson(order) {
  const folded = element("details", {}, element("summary", {}, "JSON"));
  folded.addEventListener("toggle", () => {
    if (folded.children.length === 1) folded.append(element("pre", { tabindex: "0" }, value(writeJson(order))));
  });
  return folded;
}
