"""The process of a program: the tested code runs as a script."""

import atexit
import builtins
import os
import sys
import threading
import traceback
import types
from _sitebuiltins import Quitter
from pathlib import Path
from typing import Any, NoReturn

from posttrain.rewards.sandbox.solution import Answer, choose_code

FILE = "solution.py"


def run_program(job: dict[str, Any]) -> NoReturn:
    """Run the code as `python solution.py` does, with Python's exit status."""
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, errors="backslashreplace")  # noqa: SIM115
    status = 0
    try:
        code = choose_code(Answer.of(job["answer"]), (), prompt=job["prompt"], program=True)
        exec(compile(code, FILE, "exec"), make_module("__main__").__dict__)
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
        getattr(atexit, "_run_exitfuncs")()  # noqa: B009 - no public name
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
        if error.code is not None and not isinstance(error.code, int):
            print(error.code, file=sys.stderr)
    except BaseException:
        status = 1
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            status = status or 1
    os._exit(status & 255)


def make_module(name: str) -> types.ModuleType:
    """A module in `sys.modules`, where dataclasses and pickle look for it, with the names that `site` adds."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    module.__file__ = str(Path(FILE).absolute())
    sys.argv = [FILE]
    for quitter in ("exit", "quit"):
        setattr(builtins, quitter, Quitter(quitter, "Ctrl-D"))
    return module
