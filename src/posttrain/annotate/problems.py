"""Refusals of the app: the message is for people, the HTTP status for programs."""

from math import ceil


class Problem(Exception):
    """A request is refused, and nothing has changed."""

    status = 400


class Invalid(Problem):
    """The request's values are not valid."""

    status = 422


class Forbidden(Problem):
    """The person's role does not allow it."""

    status = 403


class Missing(Problem):
    """The object does not exist or belongs to another person; the response does not reveal which."""

    status = 404


class Conflict(Problem):
    """The request is too late: another person took the place, or the object has changed."""

    status = 409


class TooMany(Problem):
    """Too many requests came in a short time.

    Args:
        seconds: how long to wait before the next request.
    """

    status = 429

    def __init__(self, seconds: float) -> None:
        self.seconds = max(1, ceil(seconds))
        wait = f"{self.seconds} seconds" if self.seconds < 120 else f"{ceil(self.seconds / 60)} minutes"
        super().__init__(f"too many tries; wait {wait}")
