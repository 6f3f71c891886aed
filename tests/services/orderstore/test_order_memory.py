"""The orders in memory against a model that sorts everything anew."""

from __future__ import annotations

import gc
import tracemalloc

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from forebay.services.orderstore.memory import OVERHEAD, Memory
from forebay.stores.collection import Document

INF = float("inf")


def document(number, size=10):
    return Document(f"uid-{number}", b"x" * size, number)


def size_of(document):
    return len(document.value) + len(document.key) + OVERHEAD


class Model(RuleBasedStateMachine):
    """What must be in memory after every step: by the words of the contract, and as slowly as need be."""

    @initialize(orders=st.integers(1, 12), orders_of_bytes=st.integers(1, 12))
    def begin(self, orders, orders_of_bytes):
        self.most_orders, self.most_bytes = orders, orders_of_bytes * (OVERHEAD + 40)
        self.memory = Memory(self.most_orders, self.most_bytes)
        self.model = {}
        self.high, self.low = 1_000, 1_000

    def bytes(self, documents):
        return sum(map(size_of, documents))

    def put(self, number, size):
        one = document(number, size)
        kept = self.memory.add(one, created=float(number))
        self.model.setdefault(number, one)
        if size_of(one) > self.most_bytes:
            del self.model[number]
        while len(self.model) > self.most_orders or self.bytes(self.model.values()) > self.most_bytes:
            del self.model[min(self.model)]
        assert kept == (number in self.model)

    @rule(size=st.integers(0, 100))
    def a_newer_one_comes(self, size):
        self.high += 1
        self.put(self.high, size)

    @rule(size=st.integers(0, 100))
    def an_older_one_is_restored(self, size):
        self.low -= 1
        self.put(self.low, size)

    @rule(number=st.integers(980, 1_020), size=st.integers(0, 100))
    def any_one_comes_from_the_store(self, number, size):
        if number not in self.model:
            self.put(number, size)
            self.high, self.low = max(self.high, number), min(self.low, number)

    @rule(data=st.data(), size=st.integers(0, 5_000))
    def a_known_one_comes_again(self, data, size):
        if self.model:
            number = data.draw(st.sampled_from(sorted(self.model)))
            assert self.memory.add(document(number, size), 0.0)

    @rule(numbers=st.sets(st.integers(980, 1_020)))
    def some_are_removed(self, numbers):
        assert self.memory.remove(numbers) == len(numbers & self.model.keys())
        for number in numbers & self.model.keys():
            del self.model[number]

    @invariant()
    def memory_is_as_the_model_says(self):
        memory = self.memory
        assert {number: kept.answer.body for number, kept in memory.by_number.items()} == {
            number: one.value for number, one in self.model.items()
        }
        assert {uid: kept.number for uid, kept in memory.by_uid.items()} == {
            one.key: number for number, one in self.model.items()
        }
        assert [kept.number for kept in memory.downwards()] == sorted(self.model, reverse=True)
        assert memory.bytes == self.bytes(self.model.values()) <= self.most_bytes
        assert len(memory) == len(self.model) <= self.most_orders
        assert memory.newest == max(self.model, default=0)


Model.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestMemory = Model.TestCase


def test_what_went_is_counted():
    memory = Memory(3, 10**9)
    for number in range(1, 11):
        memory.add(document(number), 0.0)
    assert (memory.added, memory.evicted, memory.newest) == (10, 7, 10)


def test_an_order_that_is_larger_than_all_of_memory_makes_none_go():
    memory = Memory(10, 3 * OVERHEAD)
    assert memory.add(document(1), 0.0)
    assert not memory.add(document(2, size=3 * OVERHEAD), 0.0)
    assert list(memory.by_number) == [1]


def test_one_uid_has_one_number():
    memory = Memory(10, 10**9)
    memory.add(Document("same", b"first", 1), 0.0)
    assert memory.add(Document("same", b"second", 2), 0.0)
    assert memory.by_uid["same"].answer.body == b"first"
    assert list(memory.by_number) == [1]


@pytest.mark.parametrize(("size", "mark"), [(300, ""), (1_000, ""), (20_000, ""), (300, "🛒" * 150)])
def test_the_bytes_that_it_counts_are_about_those_that_it_takes(size, mark):
    count = 5_000
    gc.collect()
    tracemalloc.start()
    try:
        memory = Memory(10**6, 10**12)
        for number in range(1, count + 1):
            memory.add(Document(f"{number:019d}{mark}", bytes(size), number + 10**6), number + 0.5)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.75 < memory.bytes / taken < 1.25


def test_an_order_that_makes_room_and_goes_itself_is_said_not_to_be_there():
    memory = Memory(2, 2 * (OVERHEAD + 40))
    assert memory.add(document(980, size=0), 0.0)
    assert memory.add(document(1_001, size=0), 0.0)
    assert not memory.add(document(981, size=66), 0.0)
    assert list(memory.by_number) == [1_001]
