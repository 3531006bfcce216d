"""A configuration of another tool, converted in a folder of its own."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from converting import Converted
from posttrain.convert.conversion import Conversion, convert_file
from posttrain.convert.write import recipe_text_of
from posttrain.recipe.load import load_recipe


@pytest.fixture
def converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Converted:
    """Converts a text; the recipe that it prints must be a valid one with the same values."""
    monkeypatch.chdir(tmp_path)

    def convert(text: str, peer: str | None = None, kind: str | None = None, devices: int = 1) -> Conversion:
        Path("config.yaml").write_text(text)
        conversion = convert_file(Path("config.yaml"), peer, kind, devices)
        Path("recipe.yaml").write_text(recipe_text_of(conversion))
        assert load_recipe(Path("recipe.yaml")).stages.keys() == {conversion.config.kind}
        assert yaml.safe_load(Path("recipe.yaml").read_text()) == plain(conversion.recipe)
        return conversion

    return convert


def plain(value: Any) -> Any:
    """The value as YAML gives it back."""
    return yaml.safe_load(yaml.safe_dump(value))
