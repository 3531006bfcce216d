"""What ends a command before its work is done. The lowest floor: every other module may import this one."""

import signal


class InputError(Exception):
    """Something the user gave is wrong: a file, a recipe, a model folder, a flag.

    The message says what is wrong, where (``file:line`` or the recipe's key path) and what to do about it, in
    plain English. The command line prints it alone, without a traceback, and exits with code 2.
    """


class RunError(Exception):
    """A run cannot go on though its input was well-formed: the loss diverged, memory ran out.

    The message names the stage, the step and, where known, the rows. The command line prints it alone and exits
    with code 1; the last good checkpoint is kept.
    """


class Waiting(Exception):
    """People have work to do before the run can go on. All is saved. The command line exits with code 3."""


class Stopped(Exception):
    """The user stopped the work with a signal. All is saved. The command line exits with 128 + the signal's number.

    Args:
        signal: SIGINT (Ctrl-C) or SIGTERM; `train.signals.graceful_stop` sets it.
    """

    signal: int = signal.SIGINT
