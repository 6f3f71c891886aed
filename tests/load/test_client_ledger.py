from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.load.ammo.orders import orders
from forebay.load.ledger import Heard, Judgement, Ledger, Tally, heard, judge, read
from forebay.load.shot import Kind, Outcome

ids = st.sampled_from("abcdef")
histories = st.lists(st.tuples(ids, st.sampled_from(Heard)), max_size=30)


def tallies(history: list[tuple[str, Heard]]) -> dict[str, Tally]:
    made: dict[str, Tally] = {}
    for id, said in history:
        tally = made.setdefault(id, Tally())
        tally.attempts += 1
        tally.accepted += said is Heard.ACCEPTED
        tally.refused += said is Heard.REFUSED
    return made


def judged(history: list[tuple[str, Heard]], ended: str) -> Judgement:
    return judge(tallies(history), ended)


@given(histories, st.data())
def test_a_service_that_keeps_its_promise_is_never_accused(
    history: list[tuple[str, Heard]], data: st.DataObject
) -> None:
    """All accepted end, of the unknown any, of the refused none."""
    accepted = [id for id, said in history if said is Heard.ACCEPTED]
    unknown = [id for id, said in history if said is Heard.UNKNOWN]
    came_through = data.draw(st.lists(st.sampled_from(range(len(unknown))), unique=True) if unknown else st.just([]))
    judgement = judge(tallies(history), [*accepted, *(unknown[i] for i in came_through)])
    assert judgement.kept
    assert sum(judgement.recovered.values()) == len(came_through)
    assert "the promise is kept" in str(judgement)


@given(histories, st.lists(st.sampled_from("abcdefxyz"), max_size=40))
def test_every_end_and_every_acknowledgement_is_accounted_for(
    history: list[tuple[str, Heard]], ended: list[str]
) -> None:
    """The definitions on multisets, computed another way."""
    judgement = judge(tallies(history), ended)
    attempts = Counter(id for id, _ in history)
    acks = Counter(id for id, said in history if said is Heard.ACCEPTED)
    ends = Counter(ended)
    assert acks - ends == judgement.lost
    assert Counter({id: n for id, n in ends.items() if id not in attempts}) == judgement.unexpected
    assert ends - attempts - Counter(judgement.unexpected) == judgement.duplicated
    explained = (acks - Counter(judgement.lost)) + Counter(judgement.recovered) + Counter(judgement.contradicted)
    assert explained + Counter(judgement.duplicated) + Counter(judgement.unexpected) == ends


@pytest.mark.parametrize(
    ("history", "ended", "fault"),
    [
        ([("a", Heard.ACCEPTED)], "", "lost"),
        ([("a", Heard.ACCEPTED)], "ab", "unexpected"),
        ([("a", Heard.ACCEPTED)], "aa", "duplicated"),
        ([("a", Heard.UNKNOWN)], "aa", "duplicated"),
        ([("a", Heard.REFUSED)], "a", "contradicted"),
    ],
)
def test_each_fault_breaks_the_promise_and_names_the_id(
    history: list[tuple[str, Heard]], ended: str, fault: str
) -> None:
    judgement = judged(history, ended)
    assert not judgement.kept
    assert getattr(judgement, fault)
    assert "BROKEN" in str(judgement)


def test_an_unknown_attempt_that_ended_is_recovered_and_one_that_did_not_is_no_loss() -> None:
    judgement = judged([("a", Heard.UNKNOWN), ("b", Heard.UNKNOWN)], "a")
    assert judgement.kept
    assert judgement.recovered == {"a": 1}


def test_a_refused_attempt_that_was_repeated_and_accepted_may_end_once() -> None:
    history = [("a", Heard.REFUSED), ("a", Heard.ACCEPTED)]
    assert judged(history, "a").kept
    assert judged(history, "aa").contradicted == {"a": 1}


def outcome(kind: Kind, status: int = 0) -> Outcome:
    return Outcome(0, "a", kind, status, 0, 1, 2, b"HTTP/1.1 200 OK\r\nForebay-Id: m1\r\n")


@pytest.mark.parametrize(
    ("kind", "status", "said"),
    [
        (Kind.ANSWERED, 200, Heard.ACCEPTED),
        (Kind.ANSWERED, 202, Heard.ACCEPTED),
        (Kind.ANSWERED, 400, Heard.REFUSED),
        (Kind.ANSWERED, 429, Heard.REFUSED),
        (Kind.ANSWERED, 408, Heard.UNKNOWN),
        (Kind.ANSWERED, 500, Heard.UNKNOWN),
        (Kind.ANSWERED, 503, Heard.UNKNOWN),
        (Kind.ANSWERED, 302, Heard.UNKNOWN),
        (Kind.UNKNOWN, 0, Heard.UNKNOWN),
        (Kind.REFUSED, 0, Heard.REFUSED),
    ],
)
def test_only_a_2xx_is_a_promise_and_only_a_4xx_or_silence_before_sending_a_refusal(
    kind: Kind, status: int, said: Heard
) -> None:
    assert heard(outcome(kind, status)) is said


def test_the_file_is_read_back_even_when_its_writer_died_in_the_middle_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path, reference="forebay-id")
    shot = ledger.armed(orders())(0)
    ledger.attempt("a")
    ledger.note(outcome(Kind.ANSWERED, 200))
    ledger.attempt("lost for words")
    ledger.close()
    with path.open("ab") as file:
        file.write(b'{"outcome": "a", "hea')
    found = read(path)
    assert found == {shot.id: Tally(1), "a": Tally(1, 1, 0, ["m1"]), "lost for words": Tally(1)}
    assert found[shot.id].unknown == 1


def test_a_ledger_that_is_opened_again_goes_on(tmp_path: Path) -> None:
    for _ in range(2):
        ledger = Ledger(tmp_path / "ledger.jsonl")
        ledger.attempt("a")
        ledger.close()
    assert read(tmp_path / "ledger.jsonl")["a"].attempts == 2


@pytest.mark.parametrize("line", ["nonsense", "[]", '{"outcome": "nobody", "heard": "accepted"}', '{"other": 1}'])
def test_a_file_that_is_no_ledger_is_refused_with_the_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text(f'{{"attempt": "a"}}\n{line}\n')
    with pytest.raises(UsageError, match="line 2"):
        read(path)
