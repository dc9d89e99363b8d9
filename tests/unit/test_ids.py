"""Ids sort by creation, are never given twice, and cannot be guessed from each other."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from llmchat.ids import new_id

HOUR_NANOSECONDS = 3600 * 10**9


def test_an_id_is_a_prefix_and_23_digits() -> None:
    assert re.fullmatch(r"gen_[0-9A-Za-z]{23}", new_id("gen"))


def test_later_ids_sort_after_earlier_ones() -> None:
    ids = [new_id("msg") for _ in range(5000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_a_clock_that_jumps_changes_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [new_id("msg")]
    for jump in (0, -HOUR_NANOSECONDS, HOUR_NANOSECONDS, -HOUR_NANOSECONDS, 0):
        set_to = time.time_ns() + jump
        with monkeypatch.context() as jumped:
            jumped.setattr("llmchat.ids.time.time_ns", lambda set_to=set_to: set_to)
            ids += [new_id("msg") for _ in range(100)]
    assert ids == sorted(ids)
    assert len({front(id) for id in ids}) == len(ids)


def test_threads_never_get_the_same_time() -> None:
    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(lambda _: new_id("gen"), range(4000)))
    assert len({front(id) for id in ids}) == len(ids)


def test_the_rest_of_an_id_is_random() -> None:
    rests = {new_id("gen")[-14:] for _ in range(1000)}
    assert len(rests) == 1000
    for position in range(14):
        assert len({rest[position] for rest in rests}) > 50


def front(id: str) -> str:
    return id[:-14]
