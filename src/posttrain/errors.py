"""The exceptions that end a command before its work is done. Every other module may import this one."""

import signal
from collections.abc import Generator
from contextlib import contextmanager


class InputError(Exception):
    """The user's input is wrong: a file, a recipe, a model folder or a flag.

    The message says in plain English what is wrong, where (``file:line`` or the recipe's key path) and what to do. The
    command line prints it without a traceback and exits with code 2.
    """


class RunError(Exception):
    """A run cannot continue though its input was well-formed: the loss diverged, or memory ran out.

    The message names the stage, the step and, if known, the rows. The command line prints it without a traceback and
    exits with code 1. The last good checkpoint is kept.
    """


class LostRank(RunError):
    """Another process of the run died or does not answer. The command line exits with code 75."""


class Waiting(Exception):
    """People have work to do before the run can continue. All is saved. The command line exits with code 3."""


class Stopped(Exception):
    """The user stopped the work with a signal. All is saved. The command line exits with 128 + the signal's number.

    Args:
        signal: SIGINT (Ctrl-C) or SIGTERM; `train.signals.graceful_stop` sets it.
    """

    signal: int = signal.SIGINT


class GateStopped(Exception):
    """A gate failed or stayed inconclusive, so the run does not go on. All is saved. The command line exits with 100.

    The message names each gate, its stage and slice, the figures behind the verdict, and where to look next.
    """


@contextmanager
def errors_at(where: str) -> Generator[None]:
    """Put the place before the messages of input and run errors: ``file:line`` or a key of the recipe."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    except LostRank:
        raise
    except RunError as error:
        raise RunError(f"{where}: {error}") from error


def first_line(error: BaseException) -> str:
    """The first line of an error's message; the name of its type if the message is empty."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
