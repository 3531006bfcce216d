"""Commented recipes to start from, one a technique."""

from importlib.resources import files

from posttrain.errors import InputError

STARTERS = ("sft", "ift", "dpo", "reward", "candidates", "rank", "ppo", "grpo", "audit", "all")


def starter(kind: str) -> str:
    """The text of a starting recipe.

    Raises:
        InputError: no such kind.
    """
    if kind not in STARTERS:
        raise InputError(f"init: there is no starting recipe {kind}; one of {', '.join(STARTERS)}")
    return files("posttrain").joinpath(f"starter_recipes/{kind}.yaml").read_text(encoding="utf-8")
