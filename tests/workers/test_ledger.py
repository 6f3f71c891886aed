import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.queue.driver import Counts
from forebay.workers.ledger import ledger_of

few = st.integers(0, 1000)


@given(few, few, few, few, few, few)
def test_nothing_is_lost_when_everything_accepted_is_somewhere(waiting, in_work, retrying, done, dead, discarded):
    accepted = waiting + in_work + retrying + done + dead + discarded
    counts = Counts(
        accepted=accepted,
        waiting=waiting,
        in_work=in_work,
        retrying=retrying,
        done=done,
        dead=dead,
        discarded=discarded,
    )
    ledger = ledger_of("orders", counts, stored=done)
    assert (ledger.lost, ledger.balanced) == (0, True)
    assert ledger.drained == (waiting + in_work + retrying == 0)


@given(few, st.integers(1, 50))
def test_what_is_nowhere_is_lost(done, missing):
    ledger = ledger_of("orders", Counts(accepted=done + missing, done=done))
    assert (ledger.lost, ledger.balanced) == (missing, False)


@pytest.mark.parametrize(("stored", "balanced"), [(None, True), (4, False), (5, True), (6, True)])
def test_what_is_done_must_be_in_the_store_and_may_be_there_earlier(stored, balanced):
    assert ledger_of("orders", Counts(accepted=6, waiting=1, done=5), stored).balanced is balanced


def test_the_books_are_one_line_for_people():
    told = str(ledger_of("orders", Counts(accepted=7, waiting=1, done=4, dead=1, discarded=1), stored=4))
    assert told.startswith("orders")
    assert "discarded 1" in told
    assert "lost 0" in told
    assert "\n" not in told
