"""The suite itself is tested: drivers that are broken on purpose, each caught by the test that is named for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, settings

from broken_drivers import (
    AcceptsIntoNothing,
    AcknowledgesAllBefore,
    BeginsAtTheEnd,
    BelievesLateSettlements,
    BlocksEveryKey,
    BreaksTheOrderOfKeys,
    CountsNothingInWork,
    CountsReleasesAsAttempts,
    DeclaresLessThanItsModule,
    DeliversDoneOnesAgain,
    DeliversEarly,
    DropsTheOldestWhenFull,
    FindsNothing,
    ForgetsTheStory,
    ForgetsWhatADeadWorkerHeld,
    GoesOnWhenClosed,
    HandsOverTooMany,
    HasNoHeartbeat,
    HasOneGroupForAll,
    KeepsItsLeasesWhenClosed,
    LosesHeaders,
    LosesTheDead,
    LosesWhatACancelledReceiveHeld,
    MixesTopics,
    NeverCountsAttempts,
    PurgesWhatIsInWork,
    RefusesWhatItKeeps,
    RetriesAtOnce,
    SaysAcceptedWhenFull,
    SleepsThroughAPublish,
    Sound,
    TakesAListenerForAGroup,
    TakesBodiesForText,
    TakesTheNewestFirst,
)
from forebay.clock import ManualClock
from forebay.disciplines import Discipline
from forebay.message import new_id
from forebay.queue.conformance import ConformanceSuite
from forebay.queue.driver import Driver
from forebay.queue.drivers import memory
from forebay.url import URL, parse

SUITE = ConformanceSuite
CAUGHT_BY: list[tuple[type[Sound], Callable[..., Any], tuple[Any, ...]]] = [
    (ForgetsWhatADeadWorkerHeld, SUITE.test_what_a_dead_process_held_goes_to_another_one, ()),
    (ForgetsWhatADeadWorkerHeld, SUITE.test_a_discipline_loses_nothing_when_a_worker_dies, (Discipline.LIFO,)),
    (DeliversEarly, SUITE.test_a_delayed_message_comes_when_it_is_due_and_lets_others_pass, ()),
    (DeliversEarly, SUITE.test_a_message_for_next_year_waits_and_can_be_purged, ()),
    (RetriesAtOnce, SUITE.test_a_retry_comes_back_with_the_next_attempt_and_not_early, ()),
    (HasOneGroupForAll, SUITE.test_every_group_gets_every_message_and_is_counted_by_itself, ()),
    (HasOneGroupForAll, SUITE.test_two_subscribers_get_the_whole_alphabet, ()),
    (TakesAListenerForAGroup, SUITE.test_two_subscribers_get_the_whole_alphabet, ()),
    (TakesAListenerForAGroup, SUITE.test_nothing_is_kept_for_a_subscriber_of_its_own_that_has_gone, ()),
    (BeginsAtTheEnd, SUITE.test_a_message_that_came_before_the_first_receiver_is_kept, ()),
    (AcknowledgesAllBefore, SUITE.test_what_was_settled_in_any_order_does_not_come_again_when_its_worker_dies, ()),
    (AcknowledgesAllBefore, SUITE.test_work_goes_on_though_its_worker_closes_and_opens_again_and_again, ()),
    (DeliversDoneOnesAgain, SUITE.test_a_second_settlement_is_answered_false_and_changes_nothing, ()),
    (DeliversDoneOnesAgain, SUITE.test_what_is_refused_at_random_is_done_in_the_end_with_its_attempts_counted, ()),
    (CountsReleasesAsAttempts, SUITE.test_a_released_message_comes_back_and_does_not_count_as_an_attempt, ()),
    (CountsReleasesAsAttempts, SUITE.test_a_handler_that_is_interrupted_begins_anew_and_has_not_failed, ()),
    (NeverCountsAttempts, SUITE.test_a_message_whose_workers_die_comes_again_with_a_growing_attempt, ()),
    (NeverCountsAttempts, SUITE.test_a_thousand_messages_end_once_each_though_their_handlers_fail, ()),
    (BreaksTheOrderOfKeys, SUITE.test_each_key_ends_in_the_order_of_publishing_whatever_happens_on_the_way, ()),
    (BreaksTheOrderOfKeys, SUITE.test_of_one_partition_at_most_one_is_out, ()),
    (BreaksTheOrderOfKeys, SUITE.test_the_order_of_a_key_outlives_its_worker, ()),
    (BlocksEveryKey, SUITE.test_of_one_key_at_most_one_is_out_and_a_retry_blocks_its_key_alone, ()),
    (DropsTheOldestWhenFull, SUITE.test_a_full_queue_refuses_and_drops_nothing, ()),
    (SaysAcceptedWhenFull, SUITE.test_a_full_queue_refuses_and_drops_nothing, ()),
    (SaysAcceptedWhenFull, SUITE.test_the_places_are_held_exactly_by_all_who_publish, ()),
    (BelievesLateSettlements, SUITE.test_a_settlement_that_comes_too_late_changes_nothing, ()),
    (BelievesLateSettlements, SUITE.test_when_the_clock_jumps_all_that_is_due_comes, ()),
    (HasNoHeartbeat, SUITE.test_an_extended_lease_is_kept, ()),
    (HasNoHeartbeat, SUITE.test_a_handler_that_outlasts_its_lease_runs_once, ()),
    (KeepsItsLeasesWhenClosed, SUITE.test_closing_releases_what_is_leased, ()),
    (KeepsItsLeasesWhenClosed, SUITE.test_many_close_at_once_and_who_stays_gets_it_all, ()),
    (LosesWhatACancelledReceiveHeld, SUITE.test_to_cancel_a_receive_loses_nothing, ()),
    (LosesHeaders, SUITE.test_keys_and_headers_come_as_they_were_sent, ()),
    (TakesBodiesForText, SUITE.test_bodies_come_as_they_were_sent, ()),
    (ForgetsTheStory, SUITE.test_a_dead_letter_keeps_its_message_and_tells_its_story, ()),
    (LosesTheDead, SUITE.test_a_body_that_cannot_be_read_is_a_dead_letter_and_stops_no_other, ()),
    (HandsOverTooMany, SUITE.test_receive_keeps_to_its_limit, ()),
    (TakesTheNewestFirst, SUITE.test_the_order_is_that_of_the_discipline, (Discipline.FIFO,)),
    (TakesTheNewestFirst, SUITE.test_batches_of_any_size_keep_their_messages_and_their_order, ()),
    (MixesTopics, SUITE.test_topics_do_not_see_each_other, ()),
    (CountsNothingInWork, SUITE.test_the_counts_add_up_at_every_moment, ()),
    (PurgesWhatIsInWork, SUITE.test_purge_removes_what_waits_and_leaves_what_is_in_work, ()),
    (GoesOnWhenClosed, SUITE.test_a_closed_driver_says_so, ()),
    (SleepsThroughAPublish, SUITE.test_a_waiting_receiver_is_woken_by_a_publish, ()),
    (AcceptsIntoNothing, SUITE.test_a_topic_that_is_removed_under_its_workers_swallows_nothing, ()),
    (AcceptsIntoNothing, SUITE.test_a_closed_driver_says_so, ()),
    (DeclaresLessThanItsModule, SUITE.test_a_driver_has_what_its_module_declares_and_the_least_that_all_have, ()),
    (RefusesWhatItKeeps, SUITE.test_what_was_accepted_is_there_though_its_publisher_closes_at_once, ()),
    (FindsNothing, SUITE.test_find_tells_where_a_message_is, ()),
]
NAMES = [f"{broken.__name__}-{test.__name__}" for broken, test, _ in CAUGHT_BY]


def suite_of(kind: type[Sound]) -> ConformanceSuite:
    """Return the suite for drivers of this kind, as pytest would make it."""

    class Suite(ConformanceSuite):
        features = memory.FEATURES
        clock = ManualClock()
        moment = 0.02

        def url(self, topic: str, **options: str) -> URL:
            return parse(f"memory://?topic={topic}").with_options(**options)

        async def open(self, topic: str, **options: str) -> Driver:
            return kind(await memory.connect(kind.asked(self.url(topic, **options)), clock=self.clock))

    suite = Suite()
    suite.topic, suite.drivers = f"t{new_id()}", []
    return suite


async def run(kind: type[Sound], test: Callable[..., Any], arguments: tuple[Any, ...], patience: float = 0.4) -> None:
    """Run one test of the suite on drivers of this kind."""
    suite = suite_of(kind)
    suite.patience = patience
    try:
        async with asyncio.timeout(5 * patience):
            await test(suite, *arguments)
    finally:
        for wrapped in suite.drivers:
            await wrapped.driver.close()


@pytest.mark.parametrize(("broken", "test", "arguments"), CAUGHT_BY, ids=NAMES)
async def test_a_broken_driver_is_caught(broken: type[Sound], test: Callable[..., Any], arguments: Any) -> None:
    try:
        await run(broken, test, arguments)
    except (pytest.skip.Exception, ImportError):
        raise
    except (Exception, pytest.fail.Exception):
        return
    pytest.fail(f"{broken.__name__} passes {test.__name__}")


@pytest.mark.parametrize(
    "test", {test.__name__: (test, args) for _, test, args in CAUGHT_BY}.values(), ids=lambda t: t[0].__name__
)
async def test_what_catches_the_broken_ones_passes_the_sound_one(test: Any) -> None:
    await run(Sound, *test, patience=20.0)


@pytest.mark.parametrize("broken", [DeliversEarly, RetriesAtOnce, BlocksEveryKey, HasNoHeartbeat, LosesTheDead])
def test_the_model_catches_a_broken_driver(broken: type[Sound]) -> None:
    suite = suite_of(broken)
    only_search = {"phases": [Phase.generate], "database": None}  # nobody wants the shortest example
    suite.search = settings(suite.search, max_examples=300, derandomize=True, **only_search)
    with pytest.raises(AssertionError):
        suite.test_it_does_what_the_model_does()


def test_no_part_of_the_suite_hides_a_test_of_another() -> None:
    names = [name for part in ConformanceSuite.__mro__ for name in vars(part) if name.startswith("test_")]
    assert len(names) == len(set(names))
