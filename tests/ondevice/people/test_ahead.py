"""Items made by a thread: the same in the same order, errors where they belong, nothing left running."""

import threading
import time

import pytest

from vgan_tf.ondevice.people.ahead import ITEMS, ahead


def test_items_come_in_order_and_are_made_by_another_thread():
    seen = list(ahead((number, threading.get_ident()) for number in range(100)))
    assert [number for number, _ in seen] == list(range(100))
    assert len({thread for _, thread in seen}) == 1 and seen[0][1] != threading.get_ident()
    assert list(ahead(number for number in ())) == []


def test_a_few_are_made_before_they_are_asked_for_and_no_more():
    made = []

    def numbers():
        for number in range(1000):
            made.append(number)
            yield number

    items = ahead(numbers())
    assert next(items) == 0
    deadline = time.monotonic() + 10
    while len(made) < ITEMS + 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert ITEMS + 1 <= len(made) <= ITEMS + 2
    items.close()


def test_an_error_comes_after_the_items_before_it():
    def failing():
        yield 1
        yield 2
        raise OSError("gone")

    seen = []
    with pytest.raises(OSError, match="gone"):
        for item in ahead(failing()):
            seen.append(item)
    assert seen == [1, 2]


def test_whoever_stops_early_ends_the_thread_and_closes_what_it_reads():
    closed, before = [], threading.active_count()

    def endless():
        try:
            while True:
                yield 0
        finally:
            closed.append(threading.get_ident())

    items = ahead(endless())
    next(items)
    items.close()
    assert threading.active_count() == before and len(closed) == 1 and closed[0] != threading.get_ident()
