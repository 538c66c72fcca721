"""What waits for a worker: fair over tenants, and grouped by keys.

Every tenant has a clock that advances by the images that were taken for the tenant. The tenant
whose clock shows least is next. A tenant who comes after a pause begins at the present, and so
cannot save up turns. This is start-time fair queueing (Goyal, Vin, Cheng 1996).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Ticket:
    """A place in the queue. keys: serial number; alone: whether it is taken without others."""

    id: str
    tenant: int
    keys: int
    plan: str
    images: int
    alone: bool = False


class FairQueue:
    """Tickets of many tenants. Any thread may use it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[int, list[Ticket]] = {}
        self._clocks: dict[int, float] = {}
        self._now = 0.0
        self._closed = False

    def __len__(self) -> int:
        with self._changed:
            return sum(map(len, self._waiting.values()))

    def put(self, ticket: Ticket, first: bool = False) -> None:
        """Add a ticket; first: before all others of the tenant."""
        with self._changed:
            tickets = self._waiting.setdefault(ticket.tenant, [])
            if not tickets:
                clock = self._clocks.get(ticket.tenant, 0.0)
                self._clocks[ticket.tenant] = max(clock, self._now)
            tickets.insert(0 if first else len(tickets), ticket)
            self._changed.notify()

    def take(self, most_images: int) -> list[Ticket] | None:
        """The next tickets, which run as one group; None once the queue is closed.

        They are one tenant's oldest, and the next ones of the same keys, up to so many images in
        all; one ticket at least. Waits until there is one.
        """
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            tenant = min(self._waiting, key=lambda one: self._clocks[one])
            tickets = self._waiting[tenant]
            group = _group(tickets, most_images)
            left = [ticket for ticket in tickets if ticket not in group]
            self._now = self._clocks[tenant]
            self._clocks[tenant] += sum(ticket.images for ticket in group)
            if left:
                self._waiting[tenant] = left
            else:
                del self._waiting[tenant]
                self._forget_clocks()
            return group

    def remove(self, ticket_id: str) -> Ticket | None:
        """Take a ticket out of the queue; None if it does not wait."""
        with self._changed:
            for tenant, tickets in self._waiting.items():
                for ticket in tickets:
                    if ticket.id == ticket_id:
                        tickets.remove(ticket)
                        if not tickets:
                            del self._waiting[tenant]
                        return ticket
        return None

    def close(self) -> None:
        """Let every `take` return None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _forget_clocks(self) -> None:
        """Drop the clocks that the present has passed: a new one begins there too."""
        self._clocks = {
            tenant: clock
            for tenant, clock in self._clocks.items()
            if tenant in self._waiting or clock > self._now
        }


def _group(tickets: list[Ticket], most_images: int) -> list[Ticket]:
    first = tickets[0]
    group, images = [first], first.images
    if first.alone:
        return group
    for ticket in tickets[1:]:
        same = (ticket.keys, ticket.plan) == (first.keys, first.plan) and not ticket.alone
        if same and images + ticket.images <= most_images:
            group.append(ticket)
            images += ticket.images
    return group
