"""Verdicts of Label Studio's Pairwise tag: the prompt, the two compared columns and the choice."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from posttrain.annotate.exchange.row_parsing import object_in
from posttrain.errors import InputError

PROMPT_COLUMNS = ("prompt", "question", "instruction")
"""Columns of ``data`` that may be the prompt; `text` is the prompt if none of them exists."""


def label_studio_prompt_column(data: Mapping[str, Any], compared: Sequence[str], where: str) -> str:
    """The column of the prompt, which is none of the `compared` columns."""
    columns = [name for name in PROMPT_COLUMNS if name not in compared and data.get(name) not in (None, "")]
    if not columns and "text" not in compared and data.get("text") not in (None, ""):
        columns = ["text"]
    if not columns:
        raise InputError(f"{where} has no prompt, question, instruction or text ({', '.join(map(str, data))})")
    if len(columns) > 1:
        raise InputError(f"{where} has {' and '.join(columns)}: which of them is the prompt is not clear; keep one")
    return columns[0]


def compared_columns(data: Mapping[str, Any], result: Mapping[str, Any], where: str) -> tuple[str, str]:
    """(left column, right column), as the verdict names them."""
    named = [name.strip() for name in str(result.get("to_name") or "").split(",") if name.strip()]
    if not named:
        return two_texts(data, where)
    if len(named) == 2 and named[0] != named[1] and all(name in data for name in named):
        return named[0], named[1]
    texts, numbers = _texts(data, where), [_number(name) for name in named]
    numbered = {_number(name): name for name in texts if _number(name)}
    if len(texts) == len(set(numbers)) == len(named) == 2 and set(numbers) == set(numbered):
        return numbered[numbers[0]], numbered[numbers[1]]  # the tags `txt-1,txt-2` over the columns text1 and text2
    raise InputError(
        f"{where}: to_name is {', '.join(named)}, and data has the columns {', '.join(map(str, data))}; which column "
        "was on the left is not clear. Rename the two columns to the names in to_name, left before right"
    )


def two_texts(data: Mapping[str, Any], where: str) -> tuple[str, str]:
    """The two texts besides the prompt; an InputError if there are more or fewer."""
    texts = _texts(data, where)
    if len(texts) != 2:
        raise InputError(
            f"{where}: the verdict names no columns (to_name), and besides the prompt data has "
            f"{', '.join(texts) or 'no texts'}; leave exactly the two texts that were compared"
        )
    return texts[0], texts[1]


def _texts(data: Mapping[str, Any], where: str) -> list[str]:
    """The columns of texts, without the prompt."""
    prompt = label_studio_prompt_column(data, (), where)
    return [str(name) for name, value in data.items() if isinstance(value, str) and name != prompt]


def _number(name: str) -> str:
    """The digits at the end of a name."""
    digits = re.search(r"\d+$", name)
    return digits[0] if digits else ""


def chosen_ranks(result: Mapping[str, Any], pair: tuple[str, str], where: str) -> dict[str, int]:
    """The ranks of a pair of columns."""
    selected = object_in(result.get("value"), f"{where}: value").get("selected")
    if selected not in ("left", "right"):
        raise InputError(
            f"{where}: selected must be left or right, this is {selected!r:.40}; the tag has no ties, and writes none "
            "if nothing was chosen. Leave the annotation out"
        )
    return {pair[0]: 1, pair[1]: 2} if selected == "left" else {pair[0]: 2, pair[1]: 1}
