"""What the app refuses, each with the sentence a person reads and the HTTP status a program does."""

from math import ceil


class Problem(Exception):
    """A request that cannot be done; nothing of it was."""

    status = 400


class Invalid(Problem):
    """What was sent makes no sense."""

    status = 422


class Forbidden(Problem):
    """The person's role does not allow it."""

    status = 403


class Missing(Problem):
    """There is no such thing, or it is another person's: the two are told apart to nobody."""

    status = 404


class Conflict(Problem):
    """It was possible once: the place was given to another, or the thing has changed meanwhile."""

    status = 409


class TooMany(Problem):
    """Too many tries in a short time.

    Args:
        seconds: until the next one is heard.
    """

    status = 429

    def __init__(self, seconds: float) -> None:
        self.seconds = max(1, ceil(seconds))
        wait = f"{self.seconds} seconds" if self.seconds < 120 else f"{ceil(self.seconds / 60)} minutes"
        super().__init__(f"too many tries; wait {wait}")
