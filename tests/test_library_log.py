"""Warnings of libraries go to a file, whatever their handlers; other lines go to their usual place."""

import logging
import sys
import warnings
from pathlib import Path

import pytest

from posttrain.library_log import library_log


def speak() -> None:
    logger = logging.getLogger("peft.tuners")
    logger.addHandler(handler := logging.StreamHandler(sys.stderr))
    try:
        logger.warning("a line of a library")
        warnings.warn("it will change", FutureWarning, stacklevel=1)
    finally:
        logger.removeHandler(handler)


def test_they_go_to_the_innermost_file_and_not_to_the_console(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with warnings.catch_warnings(), library_log(None):
        warnings.simplefilter("always")
        speak()
        with library_log(tmp_path / "log.txt"):
            speak()
            logging.getLogger("mine").warning("a line of the user's reward")
    text = (tmp_path / "log.txt").read_text()
    assert text.count("a line of a library") == 1
    assert "FutureWarning: it will change" in text
    assert capsys.readouterr().err == ""
    assert caplog.messages == ["a line of the user's reward"]


def test_afterwards_logging_is_unchanged(tmp_path: Path) -> None:
    before = (logging.Logger.callHandlers, warnings.showwarning)
    with pytest.raises(KeyError), library_log(tmp_path / "log.txt"):
        raise KeyError
    assert (logging.Logger.callHandlers, warnings.showwarning) == before
    assert not (tmp_path / "log.txt").exists()
