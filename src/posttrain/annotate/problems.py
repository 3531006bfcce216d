"""What the app refuses, each with the sentence a person reads and the HTTP status a program does."""


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
    """Too many tries in a short time."""

    status = 429
