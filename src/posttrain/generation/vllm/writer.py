"""Generation by a vLLM server: it loads the policy's weights before each rollout, and is brought back if it was lost.

With a lag of 1, the server generates rollout r + 1 while the trainer learns from rollout r. Both are then of the
weights at the start of rollout r: the weights of a rollout depend on its number alone, also after a resume, since their
folder stays until the rollout is saved.
"""

import shutil
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Event, Thread

from posttrain.core.group import Ints
from posttrain.endpoint import NoReply, Refused, connect
from posttrain.errors import InputError, RunError
from posttrain.files import is_sound
from posttrain.generation.options import VllmOptions
from posttrain.generation.parallel_requests import send_in_parallel
from posttrain.generation.remote import seed_of
from posttrain.generation.request import Generation
from posttrain.generation.sampling import Sampling
from posttrain.generation.vllm import routes
from posttrain.generation.vllm.weights import Weights, weights_in, write_weights
from posttrain.policy.load import Policy
from posttrain.ranks.exchange import gathered, on_main, share
from posttrain.ranks.group import is_main

Written = list[list[Generation]]

LOSSES = 5
"""How often a server may be lost while it generates for the same prompts."""


@dataclass(frozen=True, slots=True)
class _Draw:
    """A request for completions of several prompts."""

    prompts: Sequence[Ints]
    sampling: Sampling
    n: int
    ids: tuple[int, ...]

    def is_of(self, sampling: Sampling, n: int, ids: Sequence[int]) -> bool:
        return self.sampling == sampling and self.n == n and self.ids == tuple(ids)


@dataclass(slots=True)
class VllmWriter:
    """Generates with a vLLM server. All ranks call its methods together, except the call that generates.

    Args:
        policy: the model that is trained.
        options: the server.
        folder: for the folders of weights; the server must see it under the same path.
        adapter: whether the server loads the policy's adapter; otherwise all weights.
        root: the folder or hub id of the model that the server was started with.
        on_note: called with each sentence for the user.
    """

    policy: Policy
    options: VllmOptions
    folder: Path
    adapter: bool
    root: str
    on_note: Callable[[str], None]
    _weights: Weights | None = field(default=None, init=False)
    _process: str = field(default="", init=False)
    _ahead: tuple[_Draw, "Future[Written]"] | None = field(default=None, init=False)
    _stop: Event = field(default_factory=Event, init=False)
    _seconds: dict[str, float] = field(default_factory=dict[str, float], init=False)

    def load_for_rollout(self, number: int) -> None:
        """Have the server load the weights that generate rollout `number`.

        Raises:
            InputError: the server cannot load them.
            RunError: it does not answer; or the weights of the rollout before, which it needs, are lost.
        """
        self._seconds = {"load": 0.0, "wait": 0.0}
        version = max(0, number - self.options.lag)
        self._load(partial(self._current if version == number else self._earlier, self._place(version)))

    def load_current(self) -> None:
        """Have the server load the policy's weights as they are now."""
        self._load(partial(self._current, self.folder / "weights-now"))

    def begin_next(self, number: int, prompts: Sequence[Ints], sampling: Sampling, n: int, ids: Sequence[int]) -> None:
        """With a lag, begin to generate the rollout after rollout `number` with the weights at the start of `number`.

        A later call with the same sampling, `n` and ids waits for these completions.
        """
        if not self.options.lag:
            return
        if number:
            self._load(partial(self._current, self._place(number)))
        mine = share(list(zip(prompts, ids, strict=True)))
        draw = _Draw([prompt for prompt, _ in mine], sampling, n, tuple(number for _, number in mine))
        self._ahead = draw, self._begun(draw)

    def figures(self) -> dict[str, float]:
        """The seconds since `load_for_rollout` for which the trainer wrote and the server loaded weights, and for which
        the trainer waited for completions."""
        return {f"sampling/{name}_seconds": seconds for name, seconds in self._seconds.items()}

    def close(self) -> None:
        """End requests that nobody waits for."""
        self._stop.set()

    def end(self) -> None:
        """Leave the server as it was started, and delete the folders of weights: the stage needs no further rollout."""
        on_main(self._end)

    def _end(self) -> None:
        try:
            with connect(self.options) as client:
                if self.adapter and self._weights is not None:
                    routes.unload_adapter(client, self.options, self._weights.name)
                elif self._weights is not None:
                    routes.reload_weights(client, self.options, self.root)
        except (InputError, RunError) as error:
            self.on_note(
                f"vllm: the server still has weights of this stage; start it again before it is used ({error})"
            )
        shutil.rmtree(self.folder, ignore_errors=True)

    def __call__(self, prompts: Sequence[Ints], sampling: Sampling, n: int, ids: Sequence[int]) -> Written:
        """`n` completions of each prompt, with the weights that the server loaded last; see `Generate`.

        Raises:
            InputError: the server refuses a request, or its reply has no token ids or log-probs.
            RunError: the server was lost, and did not come back in time.
        """
        with self._timed("wait"):
            if self._ahead is not None and self._ahead[0].is_of(sampling, n, ids):
                (_, future), self._ahead = self._ahead, None
                return future.result()
            assert self._weights is not None
            return self._generated(_Draw(prompts, sampling, n, tuple(ids)), self._weights)

    def _place(self, number: int) -> Path:
        return self.folder / f"weights-{number:08d}"

    def _load(self, weights: Callable[[], Weights]) -> None:
        """Have the main process write weights and the server load them; every rank then knows their name."""
        with self._timed("wait"):
            if self._ahead is not None and not self._ahead[1].done():
                self._ahead[1].exception()  # waits; an error comes up where the completions are asked for
            gathered(None)  # no rank generates any more
        with self._timed("load"):
            self._weights, self._process = on_main(lambda: self._loaded(weights()))
        if is_main():
            self._discard(self._weights.folder)

    @contextmanager
    def _timed(self, name: str) -> Generator[None]:
        started = time.perf_counter()
        yield
        self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - started

    def _current(self, place: Path) -> Weights:
        return write_weights(self.policy, place, adapter=self.adapter)

    def _earlier(self, place: Path) -> Weights:
        if self._weights is not None and self._weights.folder == place.resolve():
            return self._weights
        if not is_sound(place):
            raise RunError(
                f"{place}: these weights are missing or damaged, and the next rollout is of them. Delete the "
                "stage's folder, and run the same command again"
            )
        return weights_in(place, adapter=self.adapter)

    def _discard(self, loaded: Path) -> None:
        """Delete folders of weights that no rollout needs any more.

        Args:
            loaded: the folder that the server loaded last, and may read again.
        """
        folders = sorted(self.folder.glob("weights-*"))
        numbered = [folder for folder in folders if folder.name.removeprefix("weights-").isdigit()]
        kept = {loaded, *(folder.resolve() for folder in numbered[-1 - self.options.lag :])}
        for old in folders:
            if old.resolve() not in kept:
                shutil.rmtree(old, ignore_errors=True)

    def _loaded(self, weights: Weights) -> tuple[Weights, str]:
        """The weights, and the server's process that has loaded them."""
        before = self._weights
        if before is not None and before.name == weights.name and self._unchanged():
            return before, self._process
        until = time.monotonic() + self.options.wait
        while True:
            try:
                return weights, self._sent(weights, before)
            except NoReply as error:
                self._wait(error.problem, until)

    def _sent(self, weights: Weights, before: Weights | None) -> str:
        with connect(self.options) as client:
            if not weights.adapter:
                process = routes.process_of(client, self.options)
                routes.reload_weights(client, self.options, str(weights.folder))
                return process
            routes.load_adapter(client, self.options, weights.name, weights.folder)
            if before is not None and before.name != weights.name:
                routes.unload_adapter(client, self.options, before.name)
        return ""

    def _unchanged(self) -> bool:
        """Whether the server is the process that loaded the weights. An adapter's name is proof enough."""
        if self.adapter:
            return True
        with connect(self.options) as client:
            return routes.process_of(client, self.options) == self._process

    def _begun(self, draw: _Draw) -> "Future[Written]":
        """Generate in a thread."""
        assert self._weights is not None
        future: Future[Written] = Future()
        weights = self._weights

        def work() -> None:
            try:
                future.set_result(self._generated(draw, weights))
            except BaseException as error:
                future.set_exception(error)

        Thread(target=work, daemon=True).start()
        return future

    def _generated(self, draw: _Draw, weights: Weights) -> Written:
        """Completions of these weights. A server that was lost is waited for, and loads them again.

        Raises:
            RunError: it did not come back in time, or was lost again and again.
        """
        problem = ""
        for _ in range(LOSSES):
            try:
                if problem:
                    self._process = self._sent(weights, None)
                written = self._requested(draw, weights)
                if self._unchanged():
                    return [[replace(one, weights=weights.name) for one in some] for some in written]
                problem = f"{self.options.url} was started again"
            except NoReply as error:
                problem = error.problem
            except Refused as error:
                if error.status != 404:
                    raise
                problem = str(error)
            self._wait(problem, time.monotonic() + self.options.wait)
        raise RunError(
            f"{problem}, {LOSSES} times for the same prompts. See the server's log, then run the same command again; "
            "it goes on from the last checkpoint"
        )

    def _requested(self, draw: _Draw, weights: Weights) -> Written:
        requests = [
            partial(
                routes.request_generations,
                options=self.options,
                model=weights.name if weights.adapter else self.options.model,
                prompt=prompt.tolist(),
                sampling=draw.sampling,
                n=draw.n,
                end_tokens=self.policy.end_tokens,
                seed=seed_of(draw.sampling.seed, number, 0) if self.options.seeds else None,
            )
            for prompt, number in zip(draw.prompts, draw.ids, strict=True)
        ]
        try:
            return send_in_parallel(self.options, requests, stop=self._stop.is_set)
        except CancelledError as error:
            raise RunError("the stage ended") from error

    def _wait(self, problem: str, until: float) -> None:
        """Wait until the server is up again.

        Raises:
            RunError: the time is over.
        """
        left = until - time.monotonic()
        if left <= 0:
            raise RunError(
                f"{problem}, and the server did not come back within `wait`, {self.options.wait:g} s. Start it, then "
                "run the same command again; it goes on from the last checkpoint"
            )
        self.on_note(f"vllm: {problem}")
        routes.wait_for_server(self.options, left, self.on_note)
