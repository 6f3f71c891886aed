"""The page of the order store in a browser, before the real service."""

from __future__ import annotations

import json

import pytest

from browser import Browser
from forebay.lab.servers.process import free_port
from forebay.services.orderstore import newest
from orderstore_orders import GOOD, an_order
from orderstore_served import ServedOrders

SHOWN = "document.querySelector('#shown').innerText"
HEADING = "document.querySelector('#shown h2')?.textContent"
NEWEST = "[...document.querySelectorAll('#newest .uid')].map((uid) => uid.textContent)"
STATE = "document.querySelector('#state-text').textContent"
HOSTILE = {
    "a script": "<script>document.title='owned'</script>",
    "an image": "<img src=x onerror=\"document.title='owned'\">",
    "a link": "javascript:document.title='owned'",
    "an attribute": "\" onmouseover=\"document.title='owned'\" x='",
    "entities": "&lt;b&gt;&#60;script&#62;",
    "a template": "${document.title='owned'}{{constructor}}",
    "a style": "</style><style>*{display:none}</style>",
    "right to left": "\u202eexe.gnp\u2066\u200f",
    "right-to-left letters": "שלום \u202d עולם",
    "what is not seen": "a\u200b\ufeff\u2060\u00adb\u0085",
    "line ends": "a\u2028b\u2029c",
    "a very long word": "w" * 600,
    "marks over marks": "z" + "\u0351" * 300,
    "emoji of several": "👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿❤️",
    "a path": "../../readyz?a=b#/orders/x",
    "percent": "%3Cscript%3E%00%zz",
}


@pytest.fixture
def page(chromium):
    """The browser, which shows nothing any more when the test is over."""
    yield chromium
    chromium.close()


@pytest.fixture(autouse=True)
def short_looks(monkeypatch):
    """Let a stop be noticed soon: the page that has gone leaves a request that waits."""
    monkeypatch.setattr(newest, "LOOK_SECONDS", 0.05)


@pytest.fixture
def served(page):
    """An order store that ends after its page."""
    with ServedOrders() as served:
        yield served
        page.close()


def until(page: Browser, expression: str, seconds: float = 30.0):
    """Wait until an expression of the page is true, and return it; fails with what can be read there."""
    value = page.value(f"""new Promise((done) => {{
        const end = Date.now() + {seconds * 1000};
        const look = () => {{
          const value = {expression};
          if (value || Date.now() > end) done(value instanceof Node || value); else setTimeout(look, 10);
        }};
        look();
    }})""")
    assert value, f"never {expression}: {page.value('document.body.innerText')[:2000]!r} {page.said}"
    return value


def opened(page: Browser, served: ServedOrders, address: str = "", **how) -> Browser:
    page.open(f"{served.url}{address}", **how)
    until(page, f"{STATE} !== 'Connecting'")
    until(page, HEADING)
    return page


def search(page: Browser, text: str) -> None:
    page.value("document.querySelector('#wanted').select()")
    page.write(text)
    page.press("Enter")


def shows(page: Browser, uid: str) -> None:
    until(page, f"document.querySelector('#order-heading')?.textContent === {json.dumps(uid)}")


def texts(page: Browser, selector: str) -> list[str]:
    return page.value(f"[...document.querySelectorAll({json.dumps(selector)})].map((one) => one.textContent)")


def fact(page: Browser, label: str) -> str:
    found = f"[...document.querySelectorAll('#shown dt')].find((dt) => dt.textContent === {json.dumps(label)})"
    return page.value(f"{found}.nextSibling.textContent")


def test_an_order_is_found_by_its_uid_and_laid_out_whole(page, served):
    served.keep("b563feb7b2b84b6test")
    opened(page, served)
    assert page.value(HEADING) == "Find an order"
    search(page, "  b563feb7b2b84b6test ")
    shows(page, "b563feb7b2b84b6test")
    told = {
        label: fact(page, label) for label in ("Track number", "Customer", "Delivery service", "Created", "Address")
    }
    assert told == {
        "Track number": "WBILMTESTTRACK",
        "Customer": "test",
        "Delivery service": "meest",
        "Created": told["Created"],
        "Address": "Ploshad Mira 15",
    }
    assert "26 Nov 2021" in told["Created"]
    assert texts(page, ".sums dd") == ["$317", "$1,500", "$0", "$1,817"]
    assert texts(page, "tbody td") == ["$453", "30%", "$317"]
    assert texts(page, "tfoot th, tfoot td") == ["1 item", "$317"]
    assert page.value("document.title") == "b563feb7b2b84b6test - Order store"
    assert page.said == []


def test_every_field_of_an_order_can_be_read(page, served):
    served.keep("whole", note="further", more={"deep": [1, {"er": None}]}, sm_id=-(2**63))
    opened(page, served, "#/orders/whole")
    shows(page, "whole")
    text = page.value(SHOWN)
    values = [value for part in (GOOD["delivery"], GOOD["payment"], *GOOD["items"], GOOD) for value in _leaves(part)]
    for value in {*values, "further", str(-(2**63)), "deep"} - {"b563feb7b2b84b6test", "1637907727", "99"}:
        assert value in text.replace(",", ""), value


def _leaves(part):
    for key, value in part.items():
        if not isinstance(value, dict | list) and value != "" and key != "date_created":
            yield str(value)


def test_an_order_is_found_by_its_number_and_links_can_be_shared_and_gone_back(page, served):
    for uid in ("first", "second"):
        served.keep(uid)
    opened(page, served, "#/number/2")
    shows(page, "second")
    assert "Order number 2" in page.value(SHOWN)
    search(page, "1")
    shows(page, "first")
    assert page.value("location.hash") == "#/number/1"
    page.value("history.back()")
    shows(page, "second")
    until(page, f"{NEWEST}.length === 2")
    page.value("document.querySelector('#newest a[href=\"#/orders/first\"]').click()")
    shows(page, "first")
    assert texts(page, "#newest a[aria-current] .uid") == ["first"]


def test_digits_in_quotation_marks_and_those_of_no_number_are_an_order_uid(page, served):
    for uid in ("7", "1"):
        served.keep(uid)
    opened(page, served)
    search(page, "1")
    shows(page, "7")
    search(page, '"1"')
    shows(page, "1")
    assert page.value("document.querySelector('#wanted').value") == '"1"'
    search(page, "7")
    shows(page, "7")


def test_any_uid_is_found_from_the_list_and_by_its_link(page, served):
    uids = [".", "..", "a/b", "newest", "a b+c&d=e%2F#?", "тест", *(text[:200] for text in HOSTILE.values())]
    for uid in uids:
        served.keep(uid)
    opened(page, served)
    until(page, f"{NEWEST}.length === {len(uids)}")
    for uid in uids:
        row = f"[...document.querySelectorAll('#newest li')].find((row) => row.dataset.uid === {json.dumps(uid)})"
        page.value(f"{row}.querySelector('a').click()")
        shows(page, uid)
        page.value("document.querySelector('h1 a').click()")
        until(page, f"{HEADING} === 'Find an order'")
        page.value("history.back()")
        shows(page, uid)
    assert page.said == []


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_values_are_text(page, served, name):
    text = HOSTILE[name]
    delivery = dict.fromkeys(GOOD["delivery"], text)
    payment = {key: value if isinstance(value, int) else text for key, value in GOOD["payment"].items()}
    item = {key: value if isinstance(value, int) else text for key, value in GOOD["items"][0].items()}
    flat = {
        key: text for key, value in GOOD.items() if isinstance(value, str) and key not in ("date_created", "order_uid")
    }
    served.keep("hostile", delivery=delivery, payment=payment, items=[item], **flat, **{text[:150]: {text: [text]}})
    opened(page, served, "#/orders/hostile", size=(390, 800))
    shows(page, "hostile")
    page.value("document.querySelector('details').open = true")
    until(page, "document.querySelector('details pre')")
    assert fact(page, "City") == fact(page, "Track number") == text
    assert page.value("document.title") == "hostile - Order store"
    assert page.value("document.querySelectorAll('script, img, style, a[href^=javascript]').length") == 2
    assert page.value("document.documentElement.scrollWidth") <= 390
    assert json.loads(texts(page, "details pre")[0])["delivery"]["city"] == text
    assert page.said == []


def test_markup_that_got_in_all_the_same_would_not_run(page, served):
    opened(page, served)
    page.value(f"document.querySelector('#shown').innerHTML = {json.dumps(HOSTILE['an image'])}")
    until(page, "document.querySelector('#shown img').complete")
    assert page.value("document.title") == "Order store"
    assert any("Content Security Policy" in said for said in page.said), page.said


def test_characters_that_turn_or_hide_text_are_made_visible(page, served):
    served.keep("turned", customer_id="gnp\u202eexe\u200b.", locale="👩‍👩‍👧")
    opened(page, served, "#/orders/turned")
    shows(page, "turned")
    assert fact(page, "Customer") == "gnp\u202eexe\u200b."
    codes = "[...document.querySelectorAll('#shown .unseen')].map((one) => one.dataset.code)"
    assert page.value(codes) == ["U+202E", "U+200B"]


def test_numbers_of_64_bits_and_keys_in_their_order_survive(page, served):
    most = 2**63 - 1
    payment = {**GOOD["payment"], "amount": most, "goods_total": most - 1500}
    served.keep("large", payment=payment, sm_id=-most, b=most, **{"10": 0.1, "2": 1e300, "__proto__": {"a": []}})
    opened(page, served, "#/orders/large")
    shows(page, "large")
    assert texts(page, ".sums dd")[-1] == f"${most:,}"
    assert not texts(page, ".note")
    assert fact(page, "sm_id") == str(-most)
    page.value("document.querySelector('details').open = true")
    raw = until(page, "document.querySelector('details pre')?.textContent")
    assert json.loads(raw) == json.loads(an_order("large", payment=payment, sm_id=-most, b=most)) | {
        "10": 0.1,
        "2": 1e300,
        "__proto__": {"a": []},
    }
    assert list(json.loads(raw))[-4:] == ["b", "10", "2", "__proto__"]


def test_sums_that_do_not_add_up_and_currencies_that_nobody_knows_are_told(page, served):
    served.keep("odd", payment={**GOOD["payment"], "currency": "shells", "amount": 2000})
    opened(page, served, "#/orders/odd")
    shows(page, "odd")
    assert texts(page, ".sums dd")[-1] == "2,000 shells"
    assert texts(page, ".note") == ["The parts come to 1,817 shells."]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("nobody", "No order has the order_uid nobody"),
        ("77", "No order has the number 77, and none has it as its order_uid"),
        ("0", "The first order has the number 1"),
        ("x" * 201, "at most 200 characters, this one has 201"),
        ("<b>", "No order has the order_uid <b>"),
    ],
)
def test_what_is_not_there_is_told_and_why(page, served, typed, told):
    opened(page, served)
    search(page, typed)
    until(page, f"{HEADING} === 'There is no such order'")
    assert told in page.value(SHOWN)
    assert page.value("document.activeElement.textContent") == "There is no such order"


def test_a_link_that_names_no_order_is_told(page, served):
    opened(page, served)
    for address in ("#/number/seven", "#/number/1e3", "#/orders/%zz", "#/elsewhere", "#/orders/"):
        page.value(f"location.hash = '{address}'")
        until(page, f"{HEADING} === 'There is no such order'")
        page.value("location.hash = '#/'")
        until(page, f"{HEADING} === 'Find an order'")
    assert page.said == []


def test_the_list_grows_as_orders_arrive(page, served):
    opened(page, served)
    until(page, "document.querySelector('#newest-state').textContent.includes('No order yet')")
    for uid in ("one", "two"):
        served.keep(uid)
        until(page, f"{NEWEST}[0] === '{uid}'")
    assert page.value(NEWEST) == ["two", "one"]
    row = page.value("document.querySelector('#newest li').innerText")
    assert all(word in row for word in ("2 · 1 item · Kiryat Mozkin", "$1,817", "26 Nov 2021")), row
    assert "The newest is number 2" in page.value("document.querySelector('#newest-state').textContent")
    assert "the newest is number" in page.value("document.querySelector('#newest-told').textContent")


def test_an_order_that_comes_after_one_of_a_higher_number_gets_its_place(page, served):
    opened(page, served)
    until(page, "document.querySelector('#newest-state').textContent.includes('No order yet')")
    page.value("""{
      const original = fetch;
      window.fetch = async (path, how) => {
        const answer = await original(path, how);
        if (window.isThere || !path.startsWith("/orders/newest")) return answer;
        const heard = await answer.json();
        return Response.json({ ...heard, orders: heard.orders.filter((one) => one.order_uid !== "late") });
      };
    }""")
    for uid in ("one", "late", "three"):
        served.keep(uid)
        until(page, f"{NEWEST}[0] === '{uid}' || '{uid}' === 'late'")
    assert page.value(NEWEST) == ["three", "one"]
    page.value("window.isThere = true")
    served.keep("four")
    until(page, f"{NEWEST}.join() === 'four,three,late,one'")
    assert page.said == []


def test_the_list_stands_still_while_it_is_paused_or_pointed_at(page, served):
    served.keep("one")
    opened(page, served)
    until(page, f"{NEWEST}.length === 1")
    page.value("document.querySelector('#pause').click()")
    served.keep("two")
    until(page, "document.querySelector('#newest-state').textContent.includes('1 waiting')")
    assert page.value(NEWEST) == ["one"]
    page.value("document.querySelector('#pause').click()")
    assert page.value(NEWEST) == ["two", "one"]
    page.value("document.querySelector('#newest a').focus()")
    served.keep("three")
    until(page, "document.querySelector('#newest-state').textContent.includes('1 waiting')")
    page.value("document.activeElement.blur()")
    until(page, f"{NEWEST}[0] === 'three'")


def test_a_server_that_is_away_is_told_and_found_again(page, tmp_path):
    store = f"sqlite:///{tmp_path}/orders.db"
    with ServedOrders(store, free_port()) as served:  # a port that nobody is given while it is away
        served.keep("one")
        opened(page, served)
        until(page, f"{STATE} === 'Ready' && {NEWEST}.length === 1")
    until(page, f"{STATE} === 'Server away'")
    until(page, "document.querySelector('#state-wait').textContent.startsWith('next try in ')")
    until(page, "document.querySelector('#newest-state').textContent === 'Waiting for the server'")
    search(page, "two")
    until(page, f"{HEADING} === 'The server did not answer'")
    assert "is not known" in page.value(SHOWN)
    with ServedOrders(store) as elsewhere:
        elsewhere.keep("two")  # the page asks as soon as anybody answers
    with ServedOrders(store, served.port) as served:
        until(page, f"{STATE} === 'Ready'")
        shows(page, "two")  # what was asked meanwhile is asked again
        until(page, f"{NEWEST}.join() === 'two,one'")
        page.close()


def test_a_service_that_restores_says_how_far_it_is(page, served):
    served.hold("restore", "12,000 of 40,000 orders restored")
    opened(page, served)
    until(page, f"{STATE} === 'Restoring: 12,000 of 40,000 orders'")
    served.release("restore")
    until(page, f"{STATE} === 'Ready'")


@pytest.mark.parametrize("width", [320, 390, 640, 820, 941, 1280, 1920])
def test_nothing_lies_over_anything_else_at_any_width(page, served, width):
    served.keep("laid-out", payment={**GOOD["payment"], "amount": 2**63 - 1, "currency": "RUB"})
    opened(page, served, "#/orders/laid-out", size=(width, 900))
    shows(page, "laid-out")
    until(page, "document.querySelector('#newest a')")
    over = page.value("""(() => {
      const parts = [...document.querySelectorAll('header, .order-head, .card, details, aside')];
      const boxes = parts.map((one) => [one.className || one.tagName, one.getBoundingClientRect()]);
      return boxes.flatMap(([name, a], i) => boxes.slice(i + 1).filter(([, b]) => a.left < b.right && b.left < a.right
        && a.top < b.bottom && b.top < a.bottom).map(([other]) => `${name} and ${other}`));
    })()""")
    assert over == []
    assert page.value("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True])
def test_colours_follow_the_system(page, served, dark):
    opened(page, served, dark=dark)
    assert page.value("getComputedStyle(document.body).backgroundColor") == (
        "rgb(13, 17, 23)" if dark else "rgb(244, 246, 248)"
    )


def test_what_can_be_used_has_a_name_and_news_are_announced(page, served):
    served.keep("named")
    opened(page, served, "#/orders/named")
    shows(page, "named")
    unnamed = """[...document.querySelectorAll('a, button, input, table, aside')].filter((one) =>
        !(one.textContent.trim() || one.ariaLabel || one.labels?.length)).length"""
    assert page.value(unnamed) == 0
    assert page.value("document.querySelectorAll('[role=status]').length") == 3
    assert page.value("document.querySelector('#told').textContent") == "named"
