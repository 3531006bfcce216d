"""Sends the warnings and log lines of libraries to a file, so that the console shows the program's own output only."""

import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

LIBRARIES = frozenset(
    [
        "accelerate",
        "alembic",
        "bitsandbytes",
        "datasets",
        "filelock",
        "fsspec",
        "httpcore",
        "httpx",
        "huggingface_hub",
        "mlflow",
        "peft",
        "presidio-analyzer",
        "tokenizers",
        "tensorboard",
        "torch",
        "trackio",
        "transformers",
        "urllib3",
        "vllm",
        "wandb",
        "warnings",
    ]
)
"""The first parts of the loggers' names; ``warnings`` is Python's own logger."""


@contextmanager
def library_log(path: Path | None) -> Generator[None]:
    """While open, warnings and log lines of libraries are appended to the file at `path`, or dropped if it is None.

    Several libraries add a handler for standard error to their loggers when they are imported, which may be at any
    time. So the lines are caught where Python passes a line to its handlers.
    """
    target = logging.NullHandler() if path is None else logging.FileHandler(path, encoding="utf-8", delay=True)
    target.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s"))
    call_handlers, showwarning = logging.Logger.callHandlers, warnings.showwarning

    def handle(self: logging.Logger, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] in LIBRARIES:
            target.handle(record)
        else:
            call_handlers(self, record)

    def show(
        message: Any,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        logging.getLogger("warnings").warning("%s", warnings.formatwarning(message, category, filename, lineno, line))

    logging.Logger.callHandlers, warnings.showwarning = handle, show
    try:
        yield
    finally:
        logging.Logger.callHandlers, warnings.showwarning = call_handlers, showwarning
        target.close()
