"""RoPE scalings whose frequencies depend on the text's length, so that a long text changes others in its batch.

"longrope" (Ding et al. 2024, arXiv:2402.13753) has one set of frequencies up to the original context and another
beyond it. "dynamic" (NTK) has a set for every length beyond the context. transformers chooses the set by the largest
position of a whole call.
"""

from typing import Any

from posttrain.core.packing import Batch
from posttrain.errors import InputError


def mixes_lengths(config: Any, batch: Batch) -> bool:
    """Whether completions of this batch need different RoPE frequencies, so that each must run in its own call.

    Raises:
        InputError: a text is longer than the context of a "dynamic" scaling; its result would depend on earlier calls.
    """
    limit = _limit(config.get_text_config())
    if limit is None:
        return False
    kind, longest = limit
    length_C = [b.prompt[1] - b.prompt[0] + b.own[1] - b.own[0] for b in batch.branches]
    beyond = [length > longest for length in length_C]
    if kind == "dynamic" and any(beyond):
        worst = beyond.index(True)
        raise InputError(
            f"{batch.names[batch.branches[worst].group]}: {length_C[worst]} tokens, but this model's dynamic RoPE "
            f"scaling differs from call to call beyond {longest} tokens; set `max_length` to at most {longest}"
        )
    return any(beyond) and not all(beyond)


def depends_on_length(config: Any, length: int) -> bool:
    """Whether a text of this length has other frequencies than a shorter text."""
    limit = _limit(config.get_text_config())
    return limit is not None and length > limit[1]


def _limit(config: Any) -> tuple[str, int] | None:
    """The kind of length-dependent scaling, and the length up to which it has no effect; None without such scaling."""
    parameters: dict[str, Any] = getattr(config, "rope_parameters", None) or {}
    by_layer = [value for value in parameters.values() if isinstance(value, dict)]
    for scaling in by_layer or [parameters]:
        kind = str(scaling.get("rope_type", "default"))
        if kind == "longrope":
            return kind, int(scaling["original_max_position_embeddings"])
        if "dynamic" in kind:
            return "dynamic", int(config.max_position_embeddings)
    return None
