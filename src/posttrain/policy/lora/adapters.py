"""Low-rank adapters (Hu et al. 2021, arXiv:2106.09685), with the peft library.

A policy has at most two: ``earlier``, the frozen adapter of an earlier stage, and ``default``, the trained one. An
earlier adapter is merged into a frozen base only if the recipe wants it, and then in float32, since a base in bfloat16
or 4 bits would round the update away.

The kinds of adapters are peft's: rsLoRA (Kalajdzievski 2023, arXiv:2312.03732: the scale is alpha / sqrt(rank)) and
DoRA (Liu et al. 2024, arXiv:2402.09353, eq. 5: the norms of the weights are trained too). The first values are peft's
too: B = 0, or PiSSA's (Meng et al. 2024, arXiv:2404.02948). `policy.lora.loftq` has those of LoftQ.
"""

from typing import Any

import torch

from posttrain.errors import InputError
from posttrain.policy.load import AdapterStart, Policy, Task
from posttrain.policy.options import LoraOptions

TRAINED = "default"
EARLIER = "earlier"

PISSA = "pissa_niter_16"
"""peft's name of PiSSA by 16 subspace iterations; an exact SVD of a large model takes hours."""


def add_lora(policy: Policy, options: LoraOptions, *, seed: int = 0) -> None:
    """Freeze the policy and add float32 adapters; a scalar head stays trainable as a whole.

    There is no dropout, since it would add noise to ratios and reference log-probs.

    Args:
        seed: the seed of the adapters' initial values, independent of earlier random numbers.

    Raises:
        InputError: no layer has a name of ``target_modules``, a layer cannot have an adapter, or this kind of adapter
            cannot be trained on top of another.
    """
    from peft import get_peft_model

    from posttrain.policy.lora.fused_linear import fuse_adapters

    if has_earlier(policy) and (options.dora or options.target_parameters):
        key = "dora" if options.dora else "target_parameters"
        raise InputError(
            f"lora.{key}: such an adapter cannot be trained on top of another one, since their sum is no adapter; set "
            "`earlier: merge` in `lora`"
        )
    _check_targeted(policy, options)
    tied = policy.task == "causal" and embedding_of(policy).weight is output_layer_of(policy).weight
    settings = lora_config(options, policy.task)
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
        except AttributeError as error:
            if options.start != "pissa":
                raise
            raise InputError(
                "lora.start: pissa needs linear layers, and this model's experts are none; name layers in "
                "target_modules, such as [q_proj, v_proj]"
            ) from error
    if policy.task == "causal":
        _check_embeddings(policy, tied)
    for parameter in policy.model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)
    fuse_adapters(policy.model)
    if options.start == "pissa":
        _check_rank(policy, options.rank)
        policy.start = AdapterStart(trained_values(policy), subtracted=True)


def lora_config(options: LoraOptions, task: Task) -> Any:
    """peft's configuration of an adapter; a scalar head is trained as a whole."""
    from peft import LoraConfig

    targets = options.target_modules
    return LoraConfig(
        r=options.rank,
        lora_alpha=options.alpha,  # type: ignore[arg-type]
        use_rslora=options.rslora,
        use_dora=options.dora,
        init_lora_weights=PISSA if options.start == "pissa" else True,  # type: ignore[arg-type]
        target_modules=targets if isinstance(targets, str) else list(targets),
        target_parameters=list(options.target_parameters) or None,
        modules_to_save=[*(["score"] if task == "score" else []), *options.modules_to_save] or None,
        task_type="SEQ_CLS" if task == "score" else "CAUSAL_LM",
    )


def trained_values(policy: Policy) -> dict[str, torch.Tensor]:
    """A copy of the trained parameters, by name."""
    return {name: p.detach().clone() for name, p in policy.model.named_parameters() if p.requires_grad}


def has_earlier(policy: Policy) -> bool:
    """Whether the policy holds a frozen adapter of an earlier stage."""
    return EARLIER in getattr(policy.model, "peft_config", {})


def _check_targeted(policy: Policy, options: LoraOptions) -> None:
    """Refuse a name in ``target_parameters`` that no weight has; peft ignores it."""
    names = [name for name, _ in policy.base.named_parameters()]
    for target in options.target_parameters:
        if not any(f".{name}".endswith(f".{target}") for name in names):
            example = next((name for name in names if ".experts." in name), names[-1])
            raise InputError(f"lora.target_parameters: no weight's name ends with {target}; one of them is {example}")


def _check_rank(policy: Policy, rank: int) -> None:
    """Refuse a rank with which PiSSA finds fewer components than it should."""
    found = min(len(p) for name, p in policy.model.named_parameters() if f".lora_A.{TRAINED}." in name)
    if found < rank:
        raise InputError(f"lora.rank: a layer has only {found} components, fewer than {rank}; lower the rank")


def _check_embeddings(policy: Policy, tied: bool) -> None:
    if tied and any(
        p.requires_grad for layer in (embedding_of(policy), output_layer_of(policy)) for p in layer.parameters()
    ):
        raise InputError(
            "lora: this model's embedding and output layer are one matrix; an adapter on it, or a copy of one of the "
            "two, would be lost by a merge. Remove it from target_modules and modules_to_save"
        )
    if hasattr(output_layer_of(policy), "lora_A"):
        raise InputError(
            "lora.target_modules: the output layer cannot have an adapter; name it in modules_to_save instead"
        )


def embedding_of(policy: Policy) -> Any:
    """The layer that turns tokens into vectors."""
    return policy.base.get_input_embeddings()


def output_layer_of(policy: Policy) -> Any:
    """The layer that turns hidden states into logits."""
    return policy.base.get_output_embeddings()
