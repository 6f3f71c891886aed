from __future__ import annotations

import pytest

from forebay.errors import UsageError
from forebay.queue.admin import Finding, Severity, check_new, check_removable, fine, lag_of, no_topic, worst_first
from forebay.queue.driver import Counts


@pytest.mark.parametrize(
    ("name", "exists", "told"),
    [
        ("a.b", False, "not a name"),
        ("", False, "not a name"),
        ("each", False, "cannot be"),
        ("orders", True, "already"),
    ],
)
def test_a_topic_that_cannot_be_made_is_refused_with_the_reason(name, exists, told):
    with pytest.raises(UsageError, match=told):
        check_new(name, exists)


def test_a_new_topic_of_a_good_name_is_not_refused():
    check_new("orders", exists=False)


def test_only_a_group_that_is_there_and_not_the_topics_own_can_be_removed():
    groups = ["orders", "audit"]
    check_removable("orders", "audit", groups)
    with pytest.raises(UsageError, match="own"):
        check_removable("orders", "orders", groups)
    with pytest.raises(UsageError, match="billing") as caught:
        check_removable("orders", "billing", groups)
    assert "audit, orders" in caught.value.hint


def test_a_topic_that_is_not_there_is_named_with_its_place():
    assert str(no_topic("orders", "in orders.db")).startswith("there is no topic 'orders' in orders.db")
    assert str(no_topic("orders")).startswith("there is no topic 'orders'")


def test_findings_come_the_worst_first_and_else_in_their_order():
    warns, loses = (
        Finding(severity=severity, setting="s", value="v", why="w", mend="m")
        for severity in (Severity.WARNS, Severity.LOSES)
    )
    assert worst_first([fine("a", "1"), warns, fine("b", "2"), loses]) == [loses, warns, fine("a", "1"), fine("b", "2")]


def test_the_lag_of_a_group_is_what_its_counts_say():
    lag = lag_of("audit", Counts(waiting=1, in_work=2, retrying=3, oldest_seconds=4.0))
    assert (lag.group, lag.partition) == ("audit", None)
    assert (lag.waiting, lag.in_work, lag.retrying, lag.oldest_seconds) == (1, 2, 3, 4.0)
