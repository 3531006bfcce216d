"""The one error a user's input can cause. The lowest floor: every other module may import this one."""


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


class Stopped(Exception):
    """The user asked to stop (SIGTERM, SIGINT); everything is saved. The command line exits with code 0."""
