"""The server's figures in Prometheus' format."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from posttrain.serve.answering import Count

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """Counters of one server.

    Args:
        load: the number of completions in progress, and of requests that wait.
    """

    def __init__(self, load: Callable[[], tuple[int, int]]) -> None:
        self.registry = CollectorRegistry()
        labels = ["model"]

        def counter(name: str, what: str, labels: list[str]) -> Counter:
            return Counter(f"posttrain_{name}", what, labels, registry=self.registry)

        def histogram(name: str, what: str) -> Histogram:
            return Histogram(f"posttrain_{name}", what, labels, registry=self.registry, buckets=SECONDS)

        self._requests = counter("requests", "Requests, by their end", [*labels, "end"])
        self._prompt = counter("prompt_tokens", "Tokens of prompts", labels)
        self._completion = counter("completion_tokens", "Tokens that were generated", labels)
        self._first = histogram("first_token_seconds", "Seconds from a request to its first token")
        self._whole = histogram("request_seconds", "Seconds from a request to its end")
        for place, (name, what) in enumerate(
            (
                ("completions_in_progress", "Completions in progress"),
                ("requests_waiting", "Requests that wait for a place"),
            )
        ):
            gauge = Gauge(f"posttrain_{name}", what, registry=self.registry)
            gauge.set_function(lambda place=place: load()[place])

    def record(self, model: str, end: str, count: Count, seconds: float) -> None:
        """Count a request.

        Args:
            end: done, cancelled or failed.
            seconds: from its start to its end.
        """
        self._requests.labels(model, end).inc()
        self._prompt.labels(model).inc(count.prompt_tokens)
        self._completion.labels(model).inc(count.completion_tokens)
        self._whole.labels(model).observe(seconds)
        if count.first is not None:
            self._first.labels(model).observe(count.first)

    def as_text(self) -> bytes:
        """All figures, as Prometheus reads them."""
        return generate_latest(self.registry)
