"""A part of a group: some of its completions, with their values of each column."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from posttrain.core.group import Group


def with_completions(group: Group, kept: Sequence[bool]) -> Group:
    """The group with the completions whose entry in `kept` is true; there must be one at least."""
    of_completion = np.array(kept, dtype=np.bool_)
    of_token = np.repeat(of_completion, [int(completion.loss.sum()) for completion in group.completions])
    columns = {
        name: values[of_completion if len(values) == len(of_completion) else of_token]
        for name, values in group.columns.items()
    }  # a column of tokens has as many values as a column of completions only if each completion has one loss token
    completions = tuple(c for c, keep in zip(group.completions, kept, strict=True) if keep)
    return replace(group, completions=completions, columns=columns)
