"""Send many requests to a server, several at the same time."""

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from posttrain.endpoint import EndpointOptions, connect

if TYPE_CHECKING:
    from httpx2 import Client

Result = TypeVar("Result")
Sleep = Callable[[float], None]
"""Waits for so many seconds between two tries; it raises if another request failed."""
Request = Callable[["Client", Sleep], Result]
"""A request, which a thread of its own sends."""


def send_in_parallel(
    options: EndpointOptions, requests: Sequence[Request[Result]], on_done: Callable[[int], None] = lambda done: None
) -> list[Result]:
    """The results of all requests, in order.

    Args:
        on_done: called, in this thread, with the number of requests done.

    Raises:
        InputError: the key is not set.
        Exception: the first error of a request. No request is begun after it.
    """
    results: dict[int, Result] = {}
    stop = Event()

    def sleep(seconds: float) -> None:
        if stop.wait(seconds):
            raise CancelledError

    def begun(request: Request[Result], client: "Client") -> Result:
        sleep(0)
        return request(client, sleep)

    with connect(options) as client, ThreadPoolExecutor(options.concurrency) as pool:
        futures = {pool.submit(begun, request, client): place for place, request in enumerate(requests)}
        try:
            for done, future in enumerate(as_completed(futures), 1):
                results[futures[future]] = future.result()
                on_done(done)
        except BaseException:
            stop.set()  # wakes threads that wait for their next try; queued requests then end at once
            raise
    return [results[place] for place in range(len(requests))]
