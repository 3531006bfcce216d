"""Errors of requests, each with its HTTP status, in the form that OpenAI's clients read."""

from typing import Any


class RequestProblem(Exception):
    """A request that the server does not answer.

    Args:
        message: what is wrong, and what to do.
        param: the field of the body that is wrong.
    """

    status = 400
    kind = "invalid_request_error"

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param

    def as_json(self) -> dict[str, Any]:
        """The body of the response."""
        return {"error": {"message": str(self), "type": self.kind, "param": self.param, "code": None}}


class NoSuchModel(RequestProblem):
    """The server has no model of this name."""

    status = 404


class WrongKey(RequestProblem):
    """The request has no key, or another one."""

    status = 401
    kind = "authentication_error"


class TooLarge(RequestProblem):
    """The body is larger than the server reads."""

    status = 413


class Busy(RequestProblem):
    """Too many requests are waiting already."""

    status = 429
    kind = "rate_limit_error"


class EngineProblem(RequestProblem):
    """The engine failed while it generated."""

    status = 500
    kind = "server_error"
