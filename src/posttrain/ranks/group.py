"""The group of processes of a run, after torch.distributed.

A process is in a group if torchrun's variables are set (RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT).
torchrun and ``posttrain run --processes`` set them. Rank 0 is the main process. It alone writes files and prints; the
other ranks wait until it calls them to a stage.

The ranks work together only inside `parallel`. Elsewhere, and in a run of one process, `size` is 1, and code that
divides its work over ranks does all of it.
"""

import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from threading import Thread

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from posttrain.cpus import usable_cpus
from posttrain.errors import InputError, LostRank, RunError

TIMEOUT = "POSTTRAIN_RANK_TIMEOUT"
"""Environment variable: the seconds after which a rank that does not answer ends the run."""

DEFAULT_TIMEOUT = 1800.0

JOINING = 120.0
"""The least seconds in which all ranks must have started. They import torch first, and not all machines are as fast."""

GRACE = 2.0
"""The seconds in which a rank must answer when another one asks who is still there."""

PATIENCE = 30.0
"""The seconds for which a rank with an error waits for the main process to end first."""

POLL = 0.02
"""Seconds between two looks at whether the main process goes on."""

_ENDED = "ended"
"""The key that the main process sets when an error ends it."""


@dataclass(slots=True)
class _Group:
    rank: int = 0
    size: int = 1
    parallel: bool = False
    store: Store | None = None
    waits: int = 0
    silent: bool = False


_group = _Group()


def launched() -> bool:
    """Whether a launcher started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def rank() -> int:
    """The number of this process in its group, from 0."""
    return _group.rank


def is_main() -> bool:
    """Whether this process writes files and prints."""
    return _group.rank == 0


def size() -> int:
    """The number of processes that work together at this point."""
    return _group.size if _group.parallel else 1


def group_size() -> int:
    """The number of processes of the run."""
    return _group.size


def local_size() -> int:
    """The number of processes of the run on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if _group.size > 1 else 1


@contextmanager
def group() -> Generator[None]:
    """Join the group that the launcher's variables describe; without a launcher, nothing happens.

    Raises:
        InputError: a variable is missing or wrong.
        RunError: the other processes cannot be reached.
    """
    if not launched():
        yield
        return
    timeout = timedelta(seconds=float(os.environ.get(TIMEOUT, DEFAULT_TIMEOUT)))
    _set_threads()
    cuda = torch.cuda.is_available()
    if cuda:
        _choose_gpu(int(os.environ.get("LOCAL_RANK", "0")))
    try:
        joining = max(timeout, timedelta(seconds=JOINING))
        store, _group.rank, _group.size = next(iter(rendezvous("env://", timeout=joining)))
        backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
        dist.init_process_group(backend, store=store, rank=_group.rank, world_size=_group.size, timeout=timeout)
    except ValueError as error:
        raise InputError(f"{error}; start with torchrun, or with posttrain run --processes N") from error
    except (dist.DistError, RuntimeError) as error:
        where = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        raise RunError(f"rank {os.environ.get('RANK')} cannot reach the other processes at {where}") from error
    _group.store = PrefixStore("posttrain", store)
    try:
        yield
    except BaseException:
        with suppress(RuntimeError):
            if is_main():
                _group.store.set(_ENDED, "1")
            elif not _group.silent:
                _let_main_end()
        raise
    finally:
        dist.destroy_process_group()
        _group.rank, _group.size, _group.store, _group.silent = 0, 1, None, False


def _let_main_end() -> None:
    """Wait a while for the main process, which reports the same error: a launcher ends all once one has ended."""
    assert _group.store is not None
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and not _group.store.check([_ENDED]):
        time.sleep(POLL)


def _choose_gpu(number: int) -> None:
    if number >= torch.cuda.device_count():
        raise InputError(
            f"this machine has {torch.cuda.device_count()} GPUs, and process {number} finds none for itself; start as "
            "many processes as there are GPUs"
        )
    torch.cuda.set_device(number)


def _set_threads() -> None:
    """Share the cores of a machine among its ranks, unless the user has set OMP_NUM_THREADS."""
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, usable_cpus() // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))


@contextmanager
def parallel() -> Generator[None]:
    """While open, all ranks run the same code, and divide work among them."""
    with _setting(parallel=True):
        yield


@contextmanager
def alone() -> Generator[None]:
    """While open, this rank works for itself: nothing inside waits for another rank."""
    with _setting(parallel=False):
        yield


@contextmanager
def _setting(*, parallel: bool) -> Generator[None]:
    before, _group.parallel = _group.parallel, parallel
    try:
        yield
    finally:
        _group.parallel = before


def wait_for_main() -> None:
    """Wait, for days if necessary, until the main process calls this too. It alone does not wait.

    A collective would fail after its timeout, while the main process hashes a large model or people rank.
    """
    assert _group.store is not None
    _group.waits += 1
    key = f"main/{_group.waits}"
    if is_main():
        _group.store.set(key, "1")
        return
    with lost_ranks():
        while not _group.store.check([key]):
            if _group.store.check([_ENDED]):
                raise RunError("the main process ended")
            time.sleep(POLL)


@contextmanager
def lost_ranks() -> Generator[None]:
    """While open, a failed exchange of torch.distributed becomes one error that names the ranks that do not answer.

    Raises:
        LostRank: a rank died, or did not answer in time.
    """
    try:
        yield
    except RuntimeError as error:
        if not (isinstance(error, dist.DistError) or "gloo" in str(error)):
            raise
        missing = _missing()
        who = f"rank {', '.join(map(str, missing))}" if missing else "another rank"
        verb = "do" if len(missing) > 1 else "does"
        raise LostRank(
            f"{who} {verb} not answer: its process ended, or it was stopped for longer than the timeout. "
            "Run the same command again: it goes on from the last checkpoint"
        ) from error


def _missing() -> list[int]:
    """The ranks that do not say that they are there."""
    answers: list[list[int]] = []

    def ask() -> None:
        store = _group.store
        assert store is not None
        with suppress(RuntimeError):
            store.set_timeout(timedelta(seconds=GRACE))
            store.set(f"here/{_group.rank}", "1")
            time.sleep(GRACE)
            answers.append([other for other in range(_group.size) if not store.check([f"here/{other}"])])

    asking = Thread(target=ask, daemon=True)  # a stopped process that holds the store lets a request wait for ever
    asking.start()
    asking.join(2 * GRACE)
    if answers:
        return answers[0]
    _group.silent = True  # the store does not answer; the main process holds it, unless torchrun does
    return [] if is_main() else [0]
