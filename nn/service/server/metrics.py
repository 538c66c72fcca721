"""What the service counts, in the words of Prometheus. No tenant's name is among them."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


class Metrics:
    """The counters of one service."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "he_requests", "Requests of HTTP", ["method", "route", "status"], registry=registry
        )
        self.refusals = Counter(
            "he_refusals", "Requests that were refused, by reason", ["code"], registry=registry
        )
        self.received = Counter("he_received_bytes", "Bytes of bodies", registry=registry)
        self.sent = Counter("he_sent_bytes", "Bytes of answers", registry=registry)
        self.jobs = Counter("he_jobs", "Jobs, by how they ended", ["state"], registry=registry)
        self.images = Counter("he_images", "Images that were answered", registry=registry)
        self.restarts = Counter("he_worker_restarts", "Workers that died", registry=registry)
        self.waiting_s = Histogram(
            "he_waiting_seconds", "From acceptance to start", registry=registry, buckets=_SECONDS
        )
        self.running_s = Histogram(
            "he_running_seconds", "Of one group of images", registry=registry, buckets=_SECONDS
        )

    def watch(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Report what a function returns whenever the metrics are read."""
        Gauge(name, meaning, registry=self.registry).set_function(value)

    def text(self) -> bytes:
        """All metrics in the exposition format."""
        return generate_latest(self.registry)
