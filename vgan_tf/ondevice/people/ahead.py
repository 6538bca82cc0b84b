"""Work that a thread does before it is asked for."""

import contextlib
import queue
import threading

ITEMS = 2  # made before they are asked for: few, as each may be a large frame
_SECONDS = 0.1  # between two looks at whether anybody still waits


def ahead(items):
    """The items of an iterator, made by a thread of its own, a few of them before they are asked for.

    Libraries that decode, scale, encode and run networks let other threads go on meanwhile.

    Args:
        items: a generator. It is closed when the items end, or are no longer wanted, in the thread.

    Yields:
        its items, in order.

    Raises:
        what the generator raises, after the items before.
    """
    made, unwanted = queue.Queue(ITEMS), threading.Event()

    def hand_over(kind, item):
        while not unwanted.is_set():
            with contextlib.suppress(queue.Full):
                made.put((kind, item), timeout=_SECONDS)
                return

    def make():
        try:
            with contextlib.closing(items):
                for item in items:
                    hand_over("item", item)
                    if unwanted.is_set():
                        return
            hand_over("end", None)
        except BaseException as error:  # whoever asks is to know
            hand_over("error", error)

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while True:
            kind, item = made.get()
            if kind == "error":
                raise item
            if kind == "end":
                return
            yield item
    finally:
        unwanted.set()
        thread.join()
