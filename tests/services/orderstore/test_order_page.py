"""The page of the order store as its parts are answered: headers, versions, and nothing of elsewhere."""

from __future__ import annotations

import re

import pytest

from forebay import App
from forebay.intake.http import Request
from forebay.services.orderstore.pages import POLICY, mount_page

KINDS = {
    "/": "text/html; charset=utf-8",
    "/page.css": "text/css; charset=utf-8",
    "/page.js": "text/javascript; charset=utf-8",
    "/icon.svg": "image/svg+xml",
}


@pytest.fixture(scope="module")
def answers():
    app = App("orderstore")
    mount_page(app)
    assert {route.method for route in app.routes} == {"GET"}
    return {route.path: route.answer for route in app.routes}


def asked(answer, **headers):
    return answer(Request("GET", "/", "", {name.encode(): value.encode() for name, value in headers.items()}, b""))


def headers_of(response):
    return {name.decode(): value.decode() for name, value in response.headers}


def test_no_two_scripts_have_a_function_of_one_name(answers):
    names = re.findall(r"^(?:async )?function (\w+)", asked(answers["/page.js"]).body.decode(), re.MULTILINE)
    assert len(names) > 50
    assert [name for name in names if names.count(name) > 1] == []


@pytest.mark.parametrize("path", KINDS)
def test_a_part_of_the_page_is_safe_and_kept_by_its_version(answers, path):
    response = asked(answers[path])
    headers = headers_of(response)
    assert response.status == 200
    assert headers["content-type"] == KINDS[path]
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-cache"
    assert re.fullmatch(r'"[0-9a-f]{32}"', headers["etag"])


def test_the_parts_are_these_and_each_has_a_version_of_its_own(answers):
    assert answers.keys() == KINDS.keys()
    assert len({headers_of(asked(answer))["etag"] for answer in answers.values()}) == len(KINDS)


@pytest.mark.parametrize(
    ("known", "status"),
    [("{}", 304), ("W/{}", 304), ('"other", {}', 304), ("*", 304), ('"other"', 200), ("", 200), ("{}x", 200)],
)
def test_a_browser_that_has_this_version_hears_304(answers, known, status):
    tag = headers_of(asked(answers["/"]))["etag"]
    response = asked(answers["/"], **{"if-none-match": known.replace("{}", tag)})
    assert response.status == status
    assert headers_of(response)["etag"] == tag
    assert bool(response.body) == (status == 200)


def test_nothing_stands_inside_the_page_that_its_policy_forbids(answers):
    text = asked(answers["/"]).body.decode()
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|https?://", text)
    assert re.findall(r"<script[^>]*>", text) == ['<script src="/page.js" defer>']
    assert '<html lang="en">' in text


def test_the_script_makes_no_markup_of_texts(answers):
    script = asked(answers["/page.js"]).body.decode()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", script)
