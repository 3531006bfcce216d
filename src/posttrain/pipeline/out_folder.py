"""A check that a run does not write among the files it reads."""

from collections.abc import Iterable
from pathlib import Path

from posttrain.errors import InputError


def check_out(out: Path, base: Path, models: Iterable[str], data: Iterable[str]) -> None:
    """Refuse a run directory that is, or lies in, a folder that the run reads from.

    Args:
        out: the run directory.
        base: the recipe's folder, where relative paths start.
        models: folders of models; a hub id is no folder and is left alone.
        data: files and folders of data.

    Raises:
        InputError: a run would write its stages beside the data, or into a model's folder; or it is a file.
    """
    place = out.resolve()
    above = next(one for one in (place, *place.parents) if one.exists())
    if not above.is_dir():
        raise InputError(f"--out {out}: {above} is a file, and a run needs a folder")
    for model in models:
        folder = (base / model).resolve()
        if folder.is_dir() and place.is_relative_to(folder):
            raise InputError(f"--out {out}: lies in the folder of the model {model}; choose a folder of its own")
    for path in data:
        source = (base / path).resolve()
        inside = source.is_dir() and place.is_relative_to(source)
        if inside or (source.is_file() and place == source.parent):
            raise InputError(
                f"--out {out}: holds the data {path}; choose a folder of its own, such as --out runs/first"
            )
