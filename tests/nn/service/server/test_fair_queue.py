"""The fair queue: turns, groups, and what a pause is worth."""

from __future__ import annotations

import threading

from nn.service.server.fair_queue import FairQueue, Ticket


def ticket(name: str, tenant: int, images: int = 1, keys: int = 0, alone: bool = False) -> Ticket:
    return Ticket(name, tenant, keys or tenant, "plan", images, alone)


def taken(queue: FairQueue, most: int = 1) -> str:
    group = queue.take(most)
    assert group is not None
    return "".join(one.id for one in group)


def test_turns__are_fair_in_images() -> None:
    queue = FairQueue()
    for name in "abcd":
        queue.put(ticket(name, 1, images=2))
    for name in "uvwxyz":
        queue.put(ticket(name, 2))
    # Two images of tenant 1 for each two of tenant 2.
    assert [taken(queue) for _ in range(10)] == list("auvbwxcyzd")
    assert len(queue) == 0


def test_turns__are_not_saved_up_in_a_pause() -> None:
    queue = FairQueue()
    for index in range(100):
        queue.put(ticket(f"{index} ", 1))
    for _ in range(90):
        taken(queue)
    for name in "abcd":
        queue.put(ticket(name, 2))
    order = "".join(taken(queue) for _ in range(8))
    assert sorted(order[:4]) != sorted("abcd")
    assert order.index("d") > order.index("9")


def test_groups__have_the_same_keys_and_a_limit() -> None:
    queue = FairQueue()
    for name, keys in (("a", 5), ("b", 5), ("x", 6), ("c", 5), ("d", 5)):
        queue.put(ticket(name, 1, keys=keys))
    queue.put(ticket("!", 1, alone=True), first=True)
    assert [taken(queue, 3) for _ in range(4)] == ["!", "abc", "x", "d"]
    queue.put(ticket("large", 1, images=9))
    assert taken(queue, 3) == "large"


def test_remove__takes_a_ticket_out() -> None:
    queue = FairQueue()
    queue.put(ticket("a", 1))
    queue.put(ticket("b", 1))
    assert queue.remove("a") == ticket("a", 1)
    assert queue.remove("a") is None
    assert taken(queue) == "b"
    queue.put(ticket("c", 1))
    assert queue.remove("c") is not None
    assert len(queue) == 0


def test_close__wakes_those_who_wait() -> None:
    queue = FairQueue()
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(queue.take(1))) for _ in range(3)]
    for thread in threads:
        thread.start()
    queue.close()
    for thread in threads:
        thread.join()
    assert found == [None, None, None]
