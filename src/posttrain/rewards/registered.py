"""The reward `registered`: a function of this process, registered with the decorator `reward`."""

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field

from posttrain.errors import InputError
from posttrain.files import hash_of
from posttrain.rewards.types import RewardFn, RewardKind, RewardOptions
from posttrain.rewards.user_functions import adapt_function

Function = TypeVar("Function", bound=Callable[..., Any])

_FUNCTIONS: dict[str, Callable[..., Any]] = {}
"""Name → function, as `reward` registered it."""


def reward(function: Function) -> Function:
    """Register a function of this process as a reward, under its own name.

    A recipe of the same process names it: ``rewards: {mine: {kind: registered, function: my_reward}}``. A second
    definition of the same function, as when a notebook's cell runs again, replaces the first.

    Args:
        function: ``(completion: str, row: dict) -> float | None``, or another form of `user_functions.py`.

    Returns:
        the function itself.

    Raises:
        InputError: it has no name, its parameters cannot score, or another function has its name.
    """
    name = getattr(function, "__name__", "")
    if not name.isidentifier():
        raise InputError(f"{function!r} has no name to register; define the reward with `def`")
    adapt_function(function, name, _place(function))
    earlier = _FUNCTIONS.get(name)
    if earlier is not None and _identity(earlier) != _identity(function):
        raise InputError(f"{_place(function)}: {_place(earlier)} has registered `{name}`; rename one of the two")
    _FUNCTIONS[name] = function
    return function


class RegisteredReward(RewardOptions):
    """A function of the Python process that runs the recipe, registered there with the decorator `@reward`."""

    kind: Literal["registered"]
    function: str = Field(min_length=1, description="its name")

    def check(self, base: Path) -> None:
        """Look for the function.

        Raises:
            InputError: no function of this name is registered.
        """
        registered_function(self.function)

    def source_hash(self) -> str | None:
        """Hash of the function's source; None where the source is not known, as of a function typed at a prompt."""
        try:
            return hash_of(inspect.getsource(registered_function(self.function)))
        except (OSError, TypeError):
            return None


def registered_function(name: str) -> Callable[..., Any]:
    """The function that is registered under a name.

    Raises:
        InputError: there is none.
    """
    if name not in _FUNCTIONS:
        near = get_close_matches(name, _FUNCTIONS, n=1)
        hint = f"did you mean {near[0]}?" if near else "register it with @reward in the process that runs the recipe"
        raise InputError(f"function: no reward {name} is registered ({', '.join(_FUNCTIONS) or 'none'} is); {hint}")
    return _FUNCTIONS[name]


def make_registered_reward(options: RegisteredReward, base: Path) -> RewardFn:
    """The registered function as one of completions and rows.

    Raises:
        InputError: no function of this name is registered.
    """
    function = registered_function(options.function)
    return adapt_function(function, options.function, _place(function))


def _identity(function: Callable[..., Any]) -> tuple[str, str]:
    return function.__module__, function.__qualname__


def _place(function: Callable[..., Any]) -> str:
    code = getattr(function, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(function)


REWARDS = (RewardKind(RegisteredReward, make_registered_reward, user_code=True),)
