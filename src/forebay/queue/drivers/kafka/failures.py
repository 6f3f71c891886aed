"""What the errors of the Kafka client mean: nothing happened, nobody knows, or the caller is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from forebay.errors import ForebayError, TooLarge, Unavailable, Unknown, UsageError

NEVER_SENT = {
    KafkaError._QUEUE_FULL,
    KafkaError._PURGE_QUEUE,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.NOT_ENOUGH_REPLICAS,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}
TOO_LARGE = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE,
}
CALLER_IS_WRONG = {
    KafkaError.INVALID_SESSION_TIMEOUT,
    KafkaError._INVALID_ARG,
}

REFUSED = {
    KafkaError.INVALID_REPLICATION_FACTOR,
    KafkaError.INVALID_PARTITIONS,
    KafkaError.INVALID_CONFIG,
    KafkaError.POLICY_VIOLATION,
}
"""A topic as it is asked for is not possible, or not wanted, on this cluster."""
FORBIDDEN = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}
UNREACHED = {
    KafkaError._TRANSPORT,
    KafkaError._RESOLVE,
    KafkaError._TIMED_OUT,
    KafkaError._ALL_BROKERS_DOWN,
}


def error_of(failure: Any) -> KafkaError | None:
    """Return the client's error inside an exception, where it has one."""
    inner = failure.args[0] if isinstance(failure, KafkaException) and failure.args else failure
    return inner if isinstance(inner, KafkaError) else None


def publish_error(failure: Any) -> ForebayError:
    """Return what a failure to publish means; in doubt it may have happened."""
    if isinstance(failure, BufferError):
        return Unavailable("too many messages wait to be sent to Kafka")
    error = error_of(failure)
    if error is None:
        return Unknown(f"Kafka's client failed: {failure!r}")
    if error.code() in TOO_LARGE:
        return TooLarge(f"Kafka does not take the message: {error.str()}", "max.message.bytes of the topic limits it")
    if error.code() in CALLER_IS_WRONG:
        return UsageError(f"Kafka does not take the message: {error.str()}")
    if error.code() in NEVER_SENT:
        return Unavailable(f"Kafka did not take the message: {error.str()}")
    return Unknown(f"Kafka did not confirm the message: {error.str()}")


def half_done(answers: Sequence[object], done: str) -> ForebayError | None:
    """Return what is to be raised when not all was written of what belongs together; None: all was.

    Arguments:
        answers: errors among them say what was not written.
        done: what has happened nevertheless; empty: nothing, unless one of the records was written.
    """
    failed = [answer for answer in answers if isinstance(answer, ForebayError)]
    if not failed:
        return None
    if not done and len(failed) == len(answers):
        return failed[0]
    return Unknown(f"{done or 'a part was done'}, but not all that belongs to it: {failed[0].what}", failed[0].hint)


def reading_error(failure: Any, servers: str = "") -> ForebayError:
    """Return what a failure to read, or to ask for something, means: nothing was changed.

    Arguments:
        failure: of the client.
        servers: the addresses of the brokers that were asked; without account or password.
    """
    error = error_of(failure)
    words = error.str() if error is not None else str(failure)
    if error is not None and error.code() == KafkaError.INVALID_SESSION_TIMEOUT:
        return UsageError(f"Kafka refuses the lease: {words}", "lease=6s is the least that brokers take by default")
    if error is not None and error.code() == KafkaError.INCONSISTENT_GROUP_PROTOCOL:
        return Unavailable(
            "Kafka: other workers of this group share the work in another way",
            "all workers of a group have the same ?order=; stop those that were started without it",
        )
    if error is not None and error.code() == KafkaError._INVALID_ARG:
        return UsageError(
            f"Kafka's client refuses its settings: {words}", "see security, mechanism and cafile in the URL"
        )
    if error is not None and error.code() in REFUSED:
        return UsageError(f"Kafka refuses the topic: {words}", "see --replication and --partitions, or the URL")
    if error is not None and error.code() in FORBIDDEN:
        return Unavailable(f"Kafka: {words}", "the account in the URL may not do that")
    if error is not None and error.code() in UNREACHED and servers:
        words = f"{servers} cannot be reached: {words}"
    return Unavailable(f"Kafka: {words}", "is the broker up, and the address the one that it advertises?")
