"""Loads a policy from a folder or hub id: safetensors only, and no remote code unless the recipe allows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal, Protocol

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification, BitsAndBytesConfig

from posttrain.core import attention
from posttrain.errors import InputError, first_line
from posttrain.policy.hub_names import unreachable
from posttrain.policy.model_folder import check_folder
from posttrain.policy.tokenizer import end_tokens_of, load_tokenizer
from posttrain.policy.weights import check_finite, check_left_over, check_types

Task = Literal["causal", "score"]

transformers.logging.disable_progress_bar()


@dataclass(frozen=True, slots=True)
class AdapterStart:
    """The trained adapter before training, where the base alone is not the model before training.

    Args:
        values: the trained parameters by name.
        subtracted: whether they are part of the start model (PiSSA, LoftQ), so that the saved adapter must be the
            difference from them.
    """

    values: Mapping[str, torch.Tensor]
    subtracted: bool


class Shards(Protocol):
    """Weights that are divided among the ranks; `policy.fsdp` has the only kind."""

    gathered: bool
    """Whether every rank holds all weights at the moment."""

    copies: int
    """How often the ranks together hold the model."""

    def gather(self) -> None:
        """Give every rank all weights, until `free`. All ranks call it."""
        ...

    def free(self) -> None:
        """Leave every rank its shards alone."""
        ...

    def drop(self) -> None:
        """Forget the model, so that its memory is freed; the policy is not used any more."""
        ...

    def divided(self, tensor: torch.Tensor, /) -> bool:
        """Whether a weight or gradient is in shards."""
        ...

    def own(self, tensor: torch.Tensor, /) -> torch.Tensor:
        """This rank's shard of a weight or gradient, in the same memory."""
        ...

    def full(self, tensor: torch.Tensor, /) -> torch.Tensor:
        """The whole of a weight or gradient. All ranks call it."""
        ...

    def part(self, weight: torch.Tensor, full: torch.Tensor, /) -> torch.Tensor:
        """This rank's part of a whole tensor with the shape of a weight. All ranks call it."""
        ...

    def like(self, weight: torch.Tensor, own: torch.Tensor, /) -> torch.Tensor:
        """This rank's part of a tensor with the shape of a weight, such as a moment, as a shard of the whole."""
        ...


@dataclass(slots=True)
class Policy:
    """A model, its tokenizer, and the way it is run.

    Args:
        model: a transformers model, or a PEFT model around one.
        tokenizer: its tokenizer.
        task: "causal" gives log-probs; "score" gives a number per completion (a reward model).
        branching: whether completions share their prompt in packed rows; otherwise each is a padded row of its own.
        autocast: the dtype of matrix products; None means that of the weights.
        end_tokens: the token ids that end a completion, from the tokenizer, config and generation config.
        recompute: the rows whose activations are computed again in the backward pass (`policy.gradient_checkpointing`).
        left_over: names of the folder's tensors that a causal model does not use.
        start: see `AdapterStart`; None if the base alone is the model before training.
        plus_ratio: the learning rate of the adapter's B matrices as a multiple of that of other weights (LoRA+).
        whole: whether the trained adapter is saved as a part of the weights, since no folder holds its base.
        shards: how the weights are divided among the ranks; None if every rank has all of them.
    """

    model: Any
    tokenizer: Any
    task: Task
    branching: bool
    autocast: torch.dtype | None
    end_tokens: tuple[int, ...]
    recompute: Literal["always", "long rows", "never"] = "never"
    left_over: tuple[str, ...] = ()
    start: AdapterStart | None = None
    plus_ratio: float = 1.0
    whole: bool = False
    shards: Shards | None = None

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.model.parameters()).device

    @property
    def base(self) -> Any:
        """The transformers model, without PEFT's wrapper."""
        return self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model


def load_policy(
    name: str,
    *,
    task: Task = "causal",
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    autocast: torch.dtype | None = None,
    padded: bool = False,
    quantization: Literal["4bit"] | None = None,
    trust_remote_code: bool = False,
    tokenizer_from: str | None = None,
    seed: int | None = None,
) -> Policy:
    """Load a causal LM for training, or put a scalar head on one.

    Args:
        name: a folder or a hub id.
        task: "score" replaces the LM head by a scalar head, which starts at zero if the folder has none.
        dtype: dtype of the weights; float32 master weights unless the base is frozen.
        padded: whether each completion gets a row of its own.
        quantization: "4bit" holds a frozen base in NF4 (Dettmers et al. 2023, arXiv:2305.14314), by bitsandbytes.
        tokenizer_from: the folder of the tokenizer, if it is not the model's folder.
        seed: the seed of a new scalar head that is to be trained; None leaves it at zero, so that it gives no score.

    Raises:
        InputError: weights are missing, pickled, not finite or left over, the tokenizer is larger than the embedding,
            or the architecture is unknown.
    """
    check_folder(name)
    tokenizer = load_tokenizer(tokenizer_from or name, trust_remote_code=trust_remote_code)
    options: dict[str, Any] = {
        "dtype": dtype,
        "use_safetensors": True,
        "trust_remote_code": trust_remote_code,
        "attn_implementation": None if padded else attention.register_branching_attention(),
    }
    if quantization is not None:
        options["quantization_config"] = _four_bit(autocast)
        options["device_map"] = {"": device}
    model: Any
    left_over: tuple[str, ...] = ()
    try:
        if task == "causal":
            model, info = _load(AutoModelForCausalLM, name, options)
            left_over = tuple(sorted(info["unexpected_keys"]))
        else:
            model = _load_scored(name, options, seed)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{name}: {unreachable(name, error) or f'the model cannot be loaded ({first_line(error)[:300]})'}"
        ) from error
    _check_vocabulary(model, tokenizer, name)
    if quantization is None:
        model.to(device)
    else:
        keep_unpacked(model)
    check_finite(model, name)
    model.eval()
    ends = end_tokens_of(name, tokenizer, model.config)
    return Policy(model, tokenizer, task, not padded, autocast, ends, left_over=left_over)


def _check_vocabulary(model: Any, tokenizer: Any, name: str) -> None:
    rows = int(model.get_input_embeddings().weight.shape[0])
    if len(tokenizer) > rows:
        raise InputError(
            f"{name}: the tokenizer has {len(tokenizer)} tokens, the embedding only {rows} rows; "
            "use the tokenizer that belongs to the model, or resize the embedding"
        )


def _load_scored(name: str, options: Mapping[str, Any], seed: int | None) -> Any:
    config = AutoConfig.from_pretrained(name, trust_remote_code=options["trust_remote_code"])
    config.num_labels = 1
    model, info = _load(AutoModelForSequenceClassification, name, {**options, "config": config}, "score.")
    if not hasattr(model, "score"):
        raise InputError(f"{name}: {config.model_type} has no scalar head that this version knows")
    if info["missing_keys"]:
        torch.nn.init.zeros_(model.score.weight)
    if info["missing_keys"] and seed is not None:
        # A head of zeros gives the trunk no gradient at first, and learns later (docs/learning.md).
        deviation = getattr(config.get_text_config(), "initializer_range", None) or 0.02
        torch.nn.init.normal_(model.score.weight, std=deviation, generator=torch.Generator().manual_seed(seed))
    return model


def _load(auto: Any, name: str, options: Mapping[str, Any], head: str = "") -> tuple[Any, Mapping[str, Any]]:
    """The model, and transformers' report on its keys.

    Raises:
        InputError: a weight other than the head's is missing, so its values would be random.
    """
    try:
        model, info = auto.from_pretrained(name, output_loading_info=True, **options)
    except KeyError as error:
        if error.args != (attention.NAME,):
            raise
        # The architecture is older than transformers' attention registry; the probe will find that it cannot branch.
        plain = {**options, "attn_implementation": None}
        model, info = auto.from_pretrained(name, output_loading_info=True, **plain)
    lacking = sorted(key for key in info["missing_keys"] if not (head and key.startswith(head)))
    if lacking:
        raise InputError(
            f"{name}: its weights lack {lacking[0]}"
            + (f" and {len(lacking) - 1} more" if len(lacking) > 1 else "")
            + f", which {type(model).__name__} needs; the folder is incomplete or holds another kind of model"
        )
    check_left_over(model, name, info["unexpected_keys"])
    check_types(model, name)
    return model, info


def keep_unpacked(model: torch.nn.Module) -> None:
    """Keep bitsandbytes from packing 4-bit weights on a CPU with AVX512-BF16, where it does so at the first product
    without gradient: products of packed weights are in bfloat16 and have no gradient."""
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False  # type: ignore[assignment]


def _four_bit(products: torch.dtype | None) -> Any:
    """transformers' configuration of a base in NF4.

    Args:
        products: the dtype of matrix products; None for float32.
    """
    if find_spec("bitsandbytes") is None:
        raise InputError(
            "quantization: 4bit needs bitsandbytes; pip install 'posttrain[bitsandbytes]', or remove the key"
        )
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=products or torch.float32,
        bnb_4bit_use_double_quant=True,
    )
