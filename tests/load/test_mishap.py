from __future__ import annotations

import json

import pytest

from forebay.load.mishap import mishap
from forebay.load.wire.target import Target


def test_the_line_is_that_of_the_ammunition_and_not_of_the_library_that_it_called() -> None:
    def ammo(index: int) -> object:
        return json.loads("{")

    with pytest.raises(ValueError, match="Expecting") as caught:
        ammo(0)
    told = mishap(caught.value)
    assert told.hint == f"line {ammo.__code__.co_firstlineno + 1} of {__file__}"
    assert "JSONDecodeError" in str(told)


def test_where_no_line_is_a_users_it_is_the_one_that_failed() -> None:
    with pytest.raises(AttributeError) as caught:
        Target.addresses(None)  # type: ignore[arg-type]
    assert caught.value.__traceback__ is not None
    error = caught.value.with_traceback(caught.value.__traceback__.tb_next)
    assert "target.py" in mishap(error).hint
