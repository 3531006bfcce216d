"""What libraries warn of and log goes into a file. The screen is the program's own."""

import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

LIBRARIES = frozenset(
    [
        "accelerate",
        "bitsandbytes",
        "datasets",
        "filelock",
        "fsspec",
        "httpcore",
        "httpx",
        "huggingface_hub",
        "peft",
        "presidio-analyzer",
        "tokenizers",
        "torch",
        "transformers",
        "urllib3",
        "vllm",
        "warnings",
    ]
)
"""First parts of the loggers' names; ``warnings`` is Python's own."""


@contextmanager
def library_log(path: Path | None) -> Generator[None]:
    """While open, libraries' warnings and log lines are appended to a file, or dropped if there is none.

    Several libraries give their loggers a handler for standard error when they are imported, at a time of their own.
    So the lines are caught where Python hands a line to its handlers.
    """
    target = logging.NullHandler() if path is None else logging.FileHandler(path, encoding="utf-8", delay=True)
    target.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s"))
    handed, shown = logging.Logger.callHandlers, warnings.showwarning

    def hand(self: logging.Logger, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] in LIBRARIES:
            target.handle(record)
        else:
            handed(self, record)

    def show(
        message: Any,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        logging.getLogger("warnings").warning("%s", warnings.formatwarning(message, category, filename, lineno, line))

    logging.Logger.callHandlers, warnings.showwarning = hand, show
    try:
        yield
    finally:
        logging.Logger.callHandlers, warnings.showwarning = handed, shown
        target.close()
