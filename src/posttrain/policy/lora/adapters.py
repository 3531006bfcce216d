"""Low-rank adapters (Hu et al. 2021, arXiv:2106.09685), with the peft library.

A policy has at most two: ``earlier``, the frozen adapter of an earlier stage, and ``default``, the trained one. An
earlier adapter is never merged into a frozen base, since a base in bfloat16 or 4 bits would round the update away.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from posttrain.core.low_rank import add_low_rank
from posttrain.errors import InputError
from posttrain.policy.forward import VALUE_TRUNK
from posttrain.policy.load import Policy
from posttrain.policy.lora.folder import AdapterFolder, stackable
from posttrain.policy.options import LoraOptions
from posttrain.policy.value_head import VALUE_HEAD
from posttrain.policy.weights import check_finite

TRAINED = "default"
EARLIER = "earlier"


def add_lora(policy: Policy, options: LoraOptions, *, seed: int = 0) -> None:
    """Freeze the policy and add float32 adapters; a scalar head stays trainable as a whole.

    There is no dropout, since it would add noise to ratios and reference log-probs.

    Args:
        seed: the seed of the adapters' initial values, independent of earlier random numbers.

    Raises:
        InputError: no layer has a name of ``target_modules``, or a layer cannot have an adapter.
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
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            if has_earlier(policy):
                policy.model.add_adapter(TRAINED, settings)
                policy.model.base_model.set_adapter([EARLIER, TRAINED])
                policy.model.set_requires_grad(EARLIER, requires_grad=False)
            else:
                policy.model = get_peft_model(policy.model, settings)
        except ValueError as error:
            raise InputError(f"lora.target_modules: {str(error).splitlines()[0]}") from error
    if policy.task == "causal":
        _check_embeddings(policy, tied)
    for parameter in policy.model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)
    _add_in_place(policy)


def attach(policy: Policy, adapter: AdapterFolder, *, merge: bool) -> None:
    """Add a saved adapter to its base.

    Args:
        merge: whether to add it to the weights, which are then trainable. Otherwise it stays apart, frozen, and a
            further adapter can be trained beside it.

    Raises:
        InputError: the adapter does not fit the base, holds values that are not finite, or cannot stay apart.
    """
    from peft import PeftConfig, PeftModel

    if not merge and (reason := stackable(adapter)) is not None:
        raise InputError(
            f"{adapter.path}: no further adapter can be trained on top of this one, since {reason}; merge it into its "
            "base first (peft: merge_and_unload, then save_pretrained), or remove `lora` from the stage"
        )
    _check_tied(policy, adapter)
    try:
        config = PeftConfig.from_pretrained(str(adapter.path))
        config.task_type = None  # the base may have another head than in the adapter's training
        policy.model = PeftModel(policy.model, config, EARLIER)
        report = policy.model.load_adapter(str(adapter.path), EARLIER, torch_device=str(policy.device))
    except Exception as error:
        reason = next((line.strip() for line in str(error).splitlines()[1:] if line.strip()), str(error))
        raise InputError(
            f"{adapter.path}: the adapter does not fit its base {adapter.base} ({reason[:200]})"
        ) from error
    strange = [*report.missing_keys, *(key for key in report.unexpected_keys if ".lora_" in key)]
    if strange:
        raise InputError(
            f"{adapter.path}: the adapter does not fit its base {adapter.base}: {strange[0]} is in one and not in the "
            "other; name the base it was trained on in adapter_config.json"
        )
    policy.model.requires_grad_(False)
    check_finite(policy.model, str(adapter.path))
    if merge:
        try:
            policy.model = policy.model.merge_and_unload()
        except Exception as error:
            raise InputError(
                f"{adapter.path}: this kind of adapter cannot be merged into its base ({error})"
            ) from error
        policy.model.requires_grad_(True)
        return
    _settle_whole_modules(policy)
    _add_in_place(policy)


def has_earlier(policy: Policy) -> bool:
    """Whether the policy holds a frozen adapter of an earlier stage."""
    return EARLIER in getattr(policy.model, "peft_config", {})


@contextmanager
def trained_adapter_off(policy: Policy) -> Generator[None]:
    """A context in which the policy is the one before training: only the trained adapter is disabled."""
    if not has_earlier(policy):
        with policy.model.disable_adapter():
            yield
        return
    from peft.tuners.lora.layer import LoraLayer
    from peft.utils import ModulesToSaveWrapper

    layers = [m for m in policy.model.modules() if isinstance(m, LoraLayer) and TRAINED in m.scaling]
    whole = [m for m in policy.model.modules() if isinstance(m, ModulesToSaveWrapper)]
    try:
        for layer in layers:
            layer.set_scale(TRAINED, 0.0)
        for module in whole:
            module.enable_adapters(False)
        yield
    finally:
        for layer in layers:
            layer.set_scale(TRAINED, 1.0)
        for module in whole:
            module.enable_adapters(True)


def merged_weights(policy: Policy) -> Iterator[tuple[str, Tensor]]:
    """Each weight of the transformers model by its own name, with adapters added and without a value head.

    The policy does not change. A merge in place could not be undone bit for bit.
    """
    layers = dict(policy.base.named_modules())
    for name, parameter in policy.base.named_parameters():
        if name.startswith((VALUE_HEAD, VALUE_TRUNK)) or ".lora_" in name or ".original_module." in name:
            continue
        weight = parameter.detach()
        outer, inner, rest = name.partition(".base_layer.")
        if inner and rest == "weight":
            for adapter in (EARLIER, TRAINED):
                if adapter in layers[outer].scaling:
                    weight = weight + layers[outer].get_delta_weight(adapter).to(weight.dtype)
        yield name.replace(".base_layer.", ".").replace(f".modules_to_save.{TRAINED}.", "."), weight


def _settle_whole_modules(policy: Policy) -> None:
    """Replace layers of the model by those that the earlier adapter trained in full."""
    from peft.utils import ModulesToSaveWrapper

    for name, module in list(policy.base.named_modules()):
        if isinstance(module, ModulesToSaveWrapper):
            parent, _, own = name.rpartition(".")
            setattr(policy.base.get_submodule(parent), own, module.modules_to_save[EARLIER])


def _add_in_place(policy: Policy) -> None:
    """Make the adapters of plain linear layers add to the layers' outputs in place.

    peft makes four tensors as large as the output for each layer, and casts the input to the adapter's dtype.
    """
    from peft.tuners.lora.layer import Linear, LoraVariant

    class InPlace(LoraVariant):
        @staticmethod
        def forward(module: Any, active_adapter: str, x: Tensor, result: Tensor, **_: Any) -> Tensor:
            a, b = module.lora_A[active_adapter].weight, module.lora_B[active_adapter].weight
            return add_low_rank(result, x, a, b, module.scaling[active_adapter])

    for module in policy.model.modules():
        if type(module) is Linear:
            for adapter in module.lora_A:
                module.lora_variant[adapter] = InPlace()
            module.cast_input_dtype_enabled = False


def _check_embeddings(policy: Policy, tied: bool) -> None:
    if tied and any(p.requires_grad for layer in (_embedding(policy), _head(policy)) for p in layer.parameters()):
        raise InputError(
            "lora: this model's embedding and output layer are one matrix; an adapter on it, or a copy of one of the "
            "two, would be lost by a merge. Remove it from target_modules and modules_to_save"
        )
    if hasattr(_head(policy), "lora_A"):
        raise InputError(
            "lora.target_modules: the output layer cannot have an adapter; name it in modules_to_save instead"
        )


def _check_tied(policy: Policy, adapter: AdapterFolder) -> None:
    """Refuse an adapter that changes one of two tied matrices. A merge would change both."""
    if policy.task != "causal" or _embedding(policy).weight is not _head(policy).weight:
        return
    names = {
        name.rpartition(".")[2]
        for name, module in policy.model.named_modules()
        if module is _embedding(policy) or module is _head(policy)
    }
    changed = [adapter.config.get("target_modules") or [], adapter.config.get("modules_to_save") or []]
    tied = sorted(names & {key for keys in changed if isinstance(keys, list) for key in keys})
    if tied:
        raise InputError(
            f"{adapter.path}: the adapter changes {tied[0]}, and its base holds embedding and output layer as one "
            "matrix; untie the two in the base (tie_word_embeddings: false), merge the adapter, and start from there"
        )


def _embedding(policy: Policy) -> Any:
    return policy.base.get_input_embeddings()


def _head(policy: Policy) -> Any:
    return policy.base.get_output_embeddings()
