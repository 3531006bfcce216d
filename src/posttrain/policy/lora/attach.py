"""Puts a saved adapter around its base: merged, frozen beneath a new adapter, or trained further."""

from typing import Any

import torch

from posttrain.errors import InputError
from posttrain.policy.load import AdapterStart, Policy
from posttrain.policy.lora.adapters import EARLIER, TRAINED, embedding_of, output_layer_of, trained_values
from posttrain.policy.lora.folder import AdapterFolder, continuable, stackable
from posttrain.policy.weights import check_finite


def attach(policy: Policy, adapter: AdapterFolder, *, merge: bool) -> None:
    """Add a saved adapter to its base.

    Args:
        merge: whether to add it to the weights, which are then trainable. Otherwise it stays apart, frozen, and a
            further adapter can be trained beside it.

    Raises:
        InputError: the adapter does not fit the base, holds values that are not finite, or cannot stay apart.
    """
    if not merge and (reason := stackable(adapter)) is not None:
        raise InputError(
            f"{adapter.path}: no further adapter can be trained on top of this one, since {reason}; set "
            "`earlier: merge` in `lora`, which merges it into its base first, or remove `lora` from the stage"
        )
    _load_adapter(policy, adapter, EARLIER)
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


def continue_adapter(policy: Policy, adapter: AdapterFolder) -> None:
    """Add a saved adapter to its base, and train it further.

    Raises:
        InputError: the adapter does not fit the base or the head, or is of a kind that cannot be trained here.
    """
    reason = continuable(adapter)
    if reason is None and adapter.scores != (policy.task == "score"):
        reason = "the model to train has another head"
    if reason is not None:
        raise InputError(
            f"{adapter.path}: the adapter cannot be trained further, since {reason}; set `earlier: merge` in `lora`"
        )
    _load_adapter(policy, adapter, TRAINED)
    check_finite(policy.model, str(adapter.path))
    for parameter in policy.model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)
    policy.start = AdapterStart(trained_values(policy), subtracted=False)


def _load_adapter(policy: Policy, adapter: AdapterFolder, name: str) -> None:
    """Put a saved adapter around the policy's model, as `EARLIER` or as `TRAINED`; only the latter is trainable."""
    from peft import PeftConfig, PeftModel

    from posttrain.policy.lora.fused_linear import fuse_adapters

    _check_tied(policy, adapter)
    try:
        config: Any = PeftConfig.from_pretrained(str(adapter.path))
        if name == EARLIER:
            config.task_type = None  # the base may have another head than in the adapter's training
        else:
            config.inference_mode, config.lora_dropout = False, 0.0
        policy.model = PeftModel(policy.model, config, name)
        report = policy.model.load_adapter(
            str(adapter.path), name, torch_device=str(policy.device), is_trainable=name == TRAINED
        )
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
    fuse_adapters(policy.model)


def _settle_whole_modules(policy: Policy) -> None:
    """Replace layers of the model by those that the earlier adapter trained in full."""
    for name, module in list(policy.base.named_modules()):
        if hasattr(module, "modules_to_save"):
            parent, _, own = name.rpartition(".")
            setattr(policy.base.get_submodule(parent), own, module.modules_to_save[EARLIER])


def _check_tied(policy: Policy, adapter: AdapterFolder) -> None:
    """Refuse an adapter that changes one of two tied matrices. A merge would change both."""
    if policy.task != "causal" or embedding_of(policy).weight is not output_layer_of(policy).weight:
        return
    names = {
        name.rpartition(".")[2]
        for name, module in policy.model.named_modules()
        if module is embedding_of(policy) or module is output_layer_of(policy)
    }
    changed = [adapter.config.get("target_modules") or [], adapter.config.get("modules_to_save") or []]
    tied = sorted(names & {key for keys in changed if isinstance(keys, list) for key in keys})
    if tied:
        raise InputError(
            f"{adapter.path}: the adapter changes {tied[0]}, and its base holds embedding and output layer as one "
            "matrix; untie the two in the base (tie_word_embeddings: false), merge the adapter, and start from there"
        )
