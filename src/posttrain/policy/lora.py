"""Low-rank adapters (Hu et al. 2021, arXiv:2106.09685), by the peft library."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posttrain.core.low_rank import add_low_rank
from posttrain.errors import InputError
from posttrain.policy.forward import VALUE_TRUNK
from posttrain.policy.heads import VALUE_HEAD
from posttrain.policy.load import Policy
from posttrain.policy.options import LoraOptions

_CONFIG = "adapter_config.json"
_ADAPTER = "default"


def add_lora(policy: Policy, options: LoraOptions) -> None:
    """Freeze the policy and put adapters on it, in float32; a scalar head stays trainable as a whole.

    No dropout: it would make ratios and reference log-probs noise.

    Raises:
        InputError: no layer is called as ``target_modules`` says, or one that cannot be adapted is.
    """
    from peft import LoraConfig, get_peft_model

    tied = policy.task == "causal" and _embedding(policy).weight is _head(policy).weight
    targets = options.target_modules
    settings = LoraConfig(
        r=options.rank,
        lora_alpha=options.alpha,  # type: ignore[arg-type]
        target_modules=targets if isinstance(targets, str) else list(targets),
        modules_to_save=[*(["score"] if policy.task == "score" else []), *options.modules_to_save] or None,
        task_type="SEQ_CLS" if policy.task == "score" else "CAUSAL_LM",
    )
    try:
        policy.model = get_peft_model(policy.model, settings)
    except ValueError as error:
        raise InputError(f"lora.target_modules: {str(error).splitlines()[0]}") from error
    if policy.task == "causal":
        _check_embeddings(policy, tied)
    for parameter in policy.model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)
    _add_in_place(policy)


def _add_in_place(policy: Policy) -> None:
    """Have the adapters of plain linear layers add to the layers' outputs as they lie.

    peft makes four tensors as large as the output for each, and casts the input to the adapter's dtype.
    """
    from peft.tuners.lora.layer import Linear, LoraVariant

    class InPlace(LoraVariant):
        @staticmethod
        def forward(module: Any, active_adapter: str, x: Tensor, result: Tensor, **_: Any) -> Tensor:
            a, b = module.lora_A[active_adapter].weight, module.lora_B[active_adapter].weight
            return add_low_rank(result, x, a, b, module.scaling[active_adapter])

    for module in policy.model.modules():
        if type(module) is Linear:
            module.lora_variant[_ADAPTER] = InPlace()
            module.cast_input_dtype_enabled = False


def _check_embeddings(policy: Policy, tied: bool) -> None:
    if tied and any(p.requires_grad for layer in (_embedding(policy), _head(policy)) for p in layer.parameters()):
        raise InputError(
            "lora: this model's embedding and output layer are one matrix; an adapter on it, or a copy of one of the "
            "two, would not survive merging. Take it out of target_modules and modules_to_save"
        )
    if hasattr(_head(policy), "lora_A"):
        raise InputError(
            "lora.target_modules: the output layer cannot have an adapter; name it in modules_to_save instead"
        )


def _embedding(policy: Policy) -> Any:
    return policy.base.get_input_embeddings()


def _head(policy: Policy) -> Any:
    return policy.base.get_output_embeddings()


def adapted_model(name: str) -> str | None:
    """The base model that an adapter's folder names; None if `name` is no adapter."""
    path = Path(name) / _CONFIG
    if not path.is_file():
        return None
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["base_model_name_or_path"])
    except (ValueError, KeyError) as error:
        raise InputError(f"{path}: not an adapter's configuration; it should name base_model_name_or_path") from error


def adapts_scores(name: str) -> bool:
    """Whether an adapter's folder is of a reward model: it then holds the scalar head too."""
    return json.loads((Path(name) / _CONFIG).read_text(encoding="utf-8")).get("task_type") == "SEQ_CLS"


def merge_adapter(policy: Policy, name: str) -> None:
    """Fold the adapter of folder `name` into the policy's weights."""
    from peft import PeftModel

    policy.model = PeftModel.from_pretrained(policy.model, name).merge_and_unload()


def merged_weights(policy: Policy) -> Iterator[tuple[str, Tensor]]:
    """Each weight of the model below peft's and the value head's wrapping, by its own name, adapters added in.

    The policy stays as it is: merging and unmerging in place would not give back the same bits.
    """
    layers = dict(policy.base.named_modules())
    for name, parameter in policy.base.named_parameters():
        if name.startswith((VALUE_HEAD, VALUE_TRUNK)) or ".lora_" in name or ".original_module." in name:
            continue
        weight = parameter.detach()
        outer, inner, rest = name.partition(".base_layer.")
        if inner and rest == "weight":
            weight = weight + layers[outer].get_delta_weight(_ADAPTER).to(weight.dtype)
        yield name.replace(".base_layer.", ".").replace(f".modules_to_save.{_ADAPTER}.", "."), weight
