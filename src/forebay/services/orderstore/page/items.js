// The items of an order as a table, with their total.

const ITEM_COLUMNS = ["Item", "Price", "Sale", "Total"];
const LARGE_PRINT = ["name", "brand", "price", "sale", "total_price"];
const SMALL_PRINT = ["size", "status", "nm_id", "chrt_id", "rid"];

/** Return the card of the items. `payment` has the sum that they should come to. */
function itemsCard(items, money, order) {
  const heads = ITEM_COLUMNS.map((name) => element("th", { scope: "col", role: "columnheader" }, name));
  const rows = items.map((item) => itemRow(item, money, order.get("track_number")));
  const table = element(
    "table", { role: "table", "aria-label": "Items" },
    element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, heads)),
    element("tbody", { role: "rowgroup" }, rows),
    element("tfoot", { role: "rowgroup" }, totalRow(items, money)),
  );
  const none = element("p", { class: "quiet" }, "The order has no items.");
  return card("Items", "items", items.length ? table : none);
}

function itemRow(item, money, trackNumber) {
  const cells = [
    element("th", { scope: "row", role: "rowheader" }, itemName(item), smallPrint(item, trackNumber)),
    moneyCell(item.get("price"), money, "Price"),
    element("td", { role: "cell", "data-label": "Sale" }, saleOf(item.get("sale"))),
    moneyCell(item.get("total_price"), money, "Total"),
  ];
  return element("tr", { role: "row" }, cells);
}

function itemName(item) {
  const brand = written(item.get("brand") ?? "");
  const name = element("span", { class: "name" }, anyValue(item.get("name") ?? ""));
  return brand ? [name, element("span", { class: "brand" }, value(brand))] : [name];
}

/** Return the fields that few people look for; the track number only where it is not the order's. */
function smallPrint(item, trackNumber) {
  const names = item.get("track_number") === trackNumber ? SMALL_PRINT : [...SMALL_PRINT, "track_number"];
  const pairs = names.filter((name) => item.has(name)).map((name) => [name, anyValue(item.get(name), "mono")]);
  const further = furtherPairs(item, [...LARGE_PRINT, ...SMALL_PRINT, "track_number"]);
  return facts([...pairs, ...further], "inline small-print");
}

function moneyCell(sum, money, label) {
  const number = whole(sum);
  return element("td", { role: "cell", "data-label": label }, number === null ? anyValue(sum) : value(money(number)));
}

function saleOf(sale) {
  const percent = whole(sale);
  if (percent === 0n) return element("span", { class: "none" }, "–");
  return value(percent === null ? written(sale) : `${GROUPED.format(percent)}%`);
}

function totalRow(items, money) {
  const total = items.reduce((sum, item) => sum + (whole(item.get("total_price")) ?? 0n), 0n);
  return element(
    "tr", { role: "row" },
    element("th", { scope: "row", role: "rowheader", colspan: "3" }, counted(items.length, "item", "items")),
    element("td", { role: "cell", "data-label": "Total" }, value(money(total))),
  );
}
