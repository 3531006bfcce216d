"""Load a policy from a Hugging Face folder or hub id: safetensors only, no remote code unless asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    GenerationConfig,
)

from posttrain.core import attention
from posttrain.errors import InputError
from posttrain.policy.broken_tokenizer import broken_merge
from posttrain.policy.hub_names import unreachable
from posttrain.policy.lora.folder import adapter_in, has_tokenizer
from posttrain.policy.weights import check_finite, check_left_over, check_types

Task = Literal["causal", "score"]

transformers.logging.disable_progress_bar()


@dataclass(slots=True)
class Policy:
    """A model, its tokenizer, and how it is run.

    Args:
        model: a transformers model, or a PEFT model around one.
        tokenizer: its tokenizer.
        task: "causal" gives log-probs, "score" a scalar per completion (a reward model).
        branching: packed rows with shared prompts; False means one padded row per completion.
        autocast: dtype of matrix products, None for the weights' own.
        end_tokens: token ids that end a completion: tokenizer's, config's and generation config's together.
        recompute: which rows' activations are computed again in a backward pass (`policy.recompute`).
        left_over: names of the folder's tensors that a model which writes has no place for.
    """

    model: Any
    tokenizer: Any
    task: Task
    branching: bool
    autocast: torch.dtype | None
    end_tokens: tuple[int, ...]
    recompute: Literal["always", "long rows", "never"] = "never"
    left_over: tuple[str, ...] = ()

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.model.parameters()).device

    @property
    def base(self) -> Any:
        """The transformers model, without PEFT's wrapper."""
        return self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model


def load_tokenizer(name: str, *, trust_remote_code: bool = False) -> Any:
    """The tokenizer beside a model, or of the base of an adapter that has none; one clear error where it is damaged."""
    if (adapter := adapter_in(name)) is not None and not has_tokenizer(name):
        name = adapter.base
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=trust_remote_code)
    except Exception as error:
        reason = broken_merge(Path(name) / "tokenizer.json") or _first_line(error)
        raise InputError(
            f"{name}: {unreachable(name, error) or f'the tokenizer cannot be loaded ({reason})'}"
        ) from error
    if not getattr(tokenizer, "is_fast", False):
        raise InputError(f"{name}: needs a fast tokenizer (tokenizer.json), for the place of each token in its text")
    return tokenizer


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
) -> Policy:
    """Load a causal LM (or put a scalar head on one) for training.

    Args:
        name: a folder or a hub id.
        task: "score" replaces the LM head by a scalar head, zero-initialised where the folder holds none.
        dtype: of the weights; float32 master weights unless the base is frozen.
        padded: never branch; one row per completion.
        quantization: "4bit" holds a frozen base in NF4 (bitsandbytes, CUDA only).
        tokenizer_from: the folder of the tokenizer, where it is not the model's own.

    Raises:
        InputError: weights that are missing, pickled, not finite or left over, a tokenizer larger than the embedding,
            an unknown architecture.
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
        options["quantization_config"] = _four_bit(device)
    model: Any
    left_over: tuple[str, ...] = ()
    try:
        if task == "causal":
            model, info = _load(AutoModelForCausalLM, name, options)
            left_over = tuple(sorted(info["unexpected_keys"]))
        else:
            model = _load_scored(name, options)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{name}: {unreachable(name, error) or f'the model cannot be loaded ({_first_line(error)})'}"
        ) from error
    rows = int(model.get_input_embeddings().weight.shape[0])
    if len(tokenizer) > rows:
        raise InputError(
            f"{name}: the tokenizer has {len(tokenizer)} tokens, the embedding only {rows} rows; "
            "the two do not belong together, or the embedding was not resized"
        )
    if quantization is None:
        model.to(device)
    check_finite(model, name)
    model.eval()
    ends = end_tokens_of(name, tokenizer, model.config)
    return Policy(model, tokenizer, task, not padded, autocast, ends, left_over=left_over)


def check_folder(name: str) -> None:
    """Refuse a local folder that cannot be a model before any library turns it into a riddle."""
    path = Path(name)
    if not path.exists():
        if name.startswith((".", "/", "~")) or name.count("/") > 1:
            raise InputError(f"{name}: no such model folder")
        return
    if not path.is_dir():
        raise InputError(
            f"{name}: a model is a folder (config.json, model.safetensors, tokenizer.json), this is a file"
        )
    if not (path / "config.json").is_file():
        raise InputError(f"{name}: no config.json, so this is no Hugging Face model folder")
    if not any(path.glob("*.safetensors")):
        pickles = sorted(p.name for p in path.iterdir() if p.suffix in {".bin", ".pt", ".pth", ".ckpt"})
        if pickles:
            raise InputError(
                f"{name}: only pickled weights ({pickles[0]}), which can run code when loaded; "
                "convert them to safetensors (transformers: model.save_pretrained) and try again"
            )
        raise InputError(f"{name}: no model.safetensors")


def end_tokens_of(name: str, tokenizer: Any, config: Any) -> tuple[int, ...]:
    """Every token id that ends a completion: they differ between tokenizer, config and generation config."""
    try:
        generation: Any = GenerationConfig.from_pretrained(name).eos_token_id
    except OSError:
        generation = None
    found: list[int] = []
    for value in (tokenizer.eos_token_id, generation, getattr(config, "eos_token_id", None)):
        found += value if isinstance(value, list) else [] if value is None else [value]
    return tuple(dict.fromkeys(found))


def _load_scored(name: str, options: Mapping[str, Any]) -> Any:
    config = AutoConfig.from_pretrained(name, trust_remote_code=options["trust_remote_code"])
    config.num_labels = 1
    model, info = _load(AutoModelForSequenceClassification, name, {**options, "config": config}, "score.")
    if not hasattr(model, "score"):
        raise InputError(f"{name}: {config.model_type} has no scalar head that this version knows")
    if info["missing_keys"]:
        # From zero every pair starts at log 2 whatever the width; a large random head starts with noise.
        torch.nn.init.zeros_(model.score.weight)
    return model


def _load(auto: Any, name: str, options: Mapping[str, Any], head: str = "") -> tuple[Any, Mapping[str, Any]]:
    """The model, and what transformers says of the keys. A missing key other than the head's would be random."""
    try:
        model, info = auto.from_pretrained(name, output_loading_info=True, **options)
    except KeyError as error:
        if error.args != (attention.NAME,):
            raise
        # An architecture older than transformers' attention registry; the probe will see that it cannot branch.
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


def _four_bit(device: str) -> Any:
    if not device.startswith("cuda"):
        raise InputError("quantization: 4bit needs a CUDA GPU; leave it out, or train with `lora` in full precision")
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_use_double_quant=True,
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
