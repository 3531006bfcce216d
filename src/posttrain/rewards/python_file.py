"""The reward `python`: a function in a Python file that the recipe names. `user_functions.py` has its forms."""

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from posttrain.errors import InputError
from posttrain.files import hash_of
from posttrain.rewards.interrupts import is_user_interrupt, record_interrupts
from posttrain.rewards.python_names import check_function
from posttrain.rewards.types import RewardFn, RewardKind, RewardOptions
from posttrain.rewards.user_functions import adapt_function


class PythonReward(RewardOptions):
    """A function of your own: `def my_reward(completion, row)`, or `def my_reward(completions, **columns)`."""

    kind: Literal["python"]
    file: str = Field(min_length=1, description="Python file, relative to the recipe's folder; it is run as it is")
    function: str = Field(min_length=1, description="its function that scores")

    def check(self, base: Path) -> None:
        """Look for the function without running the file.

        Raises:
            InputError: the file is no Python, or has no such function.
        """
        check_function(base / self.file, self.function)


def make_python_reward(options: PythonReward, base: Path) -> RewardFn:
    """Load the function.

    Raises:
        InputError: no such file or function, an error while importing it, or parameters that are neither form.
    """
    path = (base / options.file).absolute()
    function = load_function(path, options.function)
    code = getattr(function, "__code__", None)
    return adapt_function(function, options.function, f"{path}:{code.co_firstlineno}" if code else str(path))


def load_function(path: Path, name: str) -> Callable[..., Any]:
    """The function of that name in a file. The file can import modules beside it.

    Raises:
        InputError: no such file or function, or an error while importing it.
    """
    if not path.is_file():
        raise InputError(f"file: {path} is no file")
    title = f"posttrain_reward_{path.stem}_{hash_of(str(path))[:8]}"
    spec = importlib.util.spec_from_file_location(title, path)
    if spec is None or spec.loader is None:
        raise InputError(f"file: {path} is no Python file (its name should end in .py)")
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # at the end: installed packages go first
    module = importlib.util.module_from_spec(spec)
    sys.modules[title] = module
    try:
        with record_interrupts():
            spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[title]
        if is_user_interrupt(error):
            raise
        raise InputError(f"{path}:{_line(error, path)}: {type(error).__name__}: {_message(error)}") from error
    function = getattr(module, name, None)
    if not callable(function):
        own = [n for n, value in vars(module).items() if inspect.isfunction(value) and value.__module__ == title]
        raise InputError(f"function: {path} has no function {name} (it has {', '.join(own) or 'none'})")
    return function


def _line(error: BaseException, path: Path) -> int:
    """The line of the file that failed, or that holds the syntax error."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or 1
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return (lines[-1] if lines else None) or 1


def _message(error: BaseException) -> str:
    return error.msg if isinstance(error, SyntaxError) else str(error)


REWARDS = (RewardKind(PythonReward, make_python_reward, user_code=True),)
