"""The configuration of TRL's command line, such as `trl sft --config sft.yaml`, key by key."""

from posttrain.convert.adapters import (
    adapter_of,
    dropout_of,
    four_bit_type_of,
    four_bits,
    names_of,
    targets_of,
    within,
)
from posttrain.convert.keys import (
    Convert,
    Key,
    Outcome,
    Peer,
    PeerConfig,
    Values,
    as_count,
    as_flag,
    as_number,
    not_needed,
    not_supported,
    translated,
)
from posttrain.convert.trainer_keys import EPOCHS, TRAINER_DEFAULTS, TRAINER_KEYS
from posttrain.convert.training import batch_in_rows, batch_in_tokens
from posttrain.convert.trl_data import trl_data_of, trl_validation_of
from posttrain.convert.trl_dpo import (
    dpo_loss_of,
    length_normalized_of,
    prompts_alone_of,
    sft_weight_of,
    smoothing_of,
)
from posttrain.convert.trl_grpo import GRPO_KEYS, RLOO
from posttrain.errors import InputError

_MARKS_OF_KINDS = {
    "sft": "packing packing_strategy eval_packing completion_only_loss assistant_only_loss dataset_text_field "
    "dataset_kwargs",
    "dpo": "loss_weights f_divergence_type f_alpha_divergence_coef label_smoothing use_weighting discopop_tau ld_alpha "
    "rpo_alpha",
    "kto": "desirable_weight undesirable_weight",
    "grpo": "num_generations max_completion_length reward_funcs reward_weights scale_rewards num_iterations epsilon "
    "epsilon_high steps_per_generation generation_batch_size use_vllm vllm_mode",
    "reward": "center_rewards_coefficient",
}
_LOSSES = {
    "sft": {"nll", "dft", "chunked_nll"},
    "dpo": {"sigmoid", "hinge", "ipo", "robust", "apo_zero", "apo_down", "sigmoid_norm", "bco_pair", "exo_pair"},
    "kto": {"kto", "apo_zero_unpaired"},
    "grpo": {"grpo", "dapo", "dr_grpo", "bnpo", "cispo", "sapo", "luspo", "vespo"},
}
_BATCH = ("per_device_train_batch_size", "gradient_accumulation_steps")
_OFFLINE = "sft dpo kto reward"


def _kind_of(values: Values) -> str:
    loss = values.get("loss_type")
    losses = set(map(str, loss)) if isinstance(loss, list) else {str(loss)}
    kinds = [
        kind
        for kind, marks in _MARKS_OF_KINDS.items()
        if set(marks.split()) & values.keys() or losses & _LOSSES.get(kind, set())
    ]
    if {"normalize_advantages", "reward_clip_range"} & values.keys():
        raise InputError(f"these keys are those of `trl rloo`; add --kind grpo, and then {RLOO}")
    if len(kinds) != 1:
        raise InputError(
            "TRL's command names the technique (`trl sft`), and these keys do not show which it is; add --kind sft, "
            "dpo, kto, grpo or reward"
        )
    return kinds[0]


def _length_of(config: PeerConfig) -> Outcome:
    if "max_length" in config.empty:
        return Outcome(lost="rows always have a limit: set `max_length` to the longest row in tokens")
    older = "max_seq_length" if "max_seq_length" in config.given else "max_length"
    return Outcome(config.count(older) or None)


def _truncation_of(config: PeerConfig) -> Outcome:
    return Outcome("left" if config.get("truncation_mode") == "keep_end" else "right")


def _when_limited(truncation: str) -> Convert:
    """What TRL does with a row that is too long, if rows have a limit."""
    return lambda config: Outcome(truncation if "max_length" not in config.empty else None)


def _packing_of(config: PeerConfig) -> Outcome:
    way = config.get("packing_strategy")
    splits = config.flag("packing") and way in ("wrapped", "bfd_split", "bfd-requeue")
    return Outcome(
        lost=f"{way} splits a row that is too long into several, and it is cut here: split the texts first"
        if splits
        else ""
    )


def _template_of(config: PeerConfig) -> Outcome:
    path = str(config.get("chat_template_path"))
    if path.endswith((".jinja", ".jinja2")):
        return Outcome(path)
    return Outcome(lost="`template` is a Jinja file, or chatml, plain or raw; copy the template of that tokenizer")


def _revision_of(config: PeerConfig) -> Outcome:
    main = config.get("model_revision") == "main"
    return Outcome(lost="" if main else "download the revision, and set `model` to its folder")


def _loss_mask_of(config: PeerConfig) -> Outcome:
    if config.flag("assistant_only_loss"):
        return Outcome()
    return Outcome(
        lost="on rows of `messages`, TRL then trains on every token; posttrain trains on the answers alone, which "
        "`assistant_only_loss: true` does"
    )


def _completion_mask_of(config: PeerConfig) -> Outcome:
    whole = not config.flag("completion_only_loss")
    return Outcome(lost="posttrain trains on completions alone; rows of `text` bear loss everywhere" if whole else "")


def _adapter(config: PeerConfig) -> bool:
    return config.flag("use_peft")


def _four(config: PeerConfig) -> bool:
    return config.flag("load_in_4bit")


def _sft_loss_of(config: PeerConfig) -> Outcome:
    return Outcome("dft" if config.get("loss_type") == "dft" else "nll")


def _kto_loss_of(config: PeerConfig) -> Outcome:
    known = config.get("loss_type") == "kto"
    return Outcome(lost="" if known else f"there is no loss {config.get('loss_type')} for rows with labels")


_KEYS: tuple[Key, ...] = (
    translated("model_name_or_path", "model", None, "the same"),
    translated("seed", "seed", as_count("seed"), "the same; the random numbers are others"),
    translated(
        "dataset_name dataset_config dataset_train_split datasets dataset_text_field",
        "data",
        trl_data_of,
        "a path, or `hf://org/name/config/split`",
    ),
    translated("eval_strategy dataset_test_split test_split_size", "validation", trl_validation_of, "held-out rows"),
    translated("max_length max_seq_length", "max_length", _length_of, "the same, in tokens", _OFFLINE),
    translated("truncation_mode", "truncation", _truncation_of, "keep_start: right; keep_end: left", "sft dpo"),
    translated("max_length", "truncation", _when_limited("right"), "right", "kto"),
    translated("max_length", "truncation", _when_limited("drop"), "drop", "reward"),
    translated("max_prompt_length", "", prompts_alone_of("max_prompt_length"), "no counterpart", "dpo kto"),
    translated("chat_template_path", "template", _template_of, "a Jinja file"),
    translated("chat_template_kwargs", "template_arguments", None, "the same"),
    translated("trust_remote_code", "trust_remote_code", as_flag("trust_remote_code"), "the same"),
    translated("loss_type", "loss", _sft_loss_of, "nll or dft", "sft"),
    translated("assistant_only_loss", "", _loss_mask_of, "always", "sft"),
    translated("packing_strategy packing", "", _packing_of, "bfd, with rows that are too long cut", "sft"),
    translated("completion_only_loss", "", _completion_mask_of, "always", "sft"),
    translated("beta", "beta", as_number("beta"), "the same", "dpo kto grpo"),
    translated(
        "loss_type loss_weights",
        "loss",
        dpo_loss_of,
        "sigmoid, hinge, ipo, robust, apo_zero and apo_down; with weights, a mapping",
        "dpo",
    ),
    translated("loss_type loss_weights rpo_alpha", "sft_weight", sft_weight_of, "the weight of `sft`", "dpo"),
    translated("loss_type", "length_normalized", length_normalized_of, "true for `sigmoid_norm`", "dpo"),
    translated("label_smoothing", "label_smoothing", smoothing_of, "the same, with the loss robust", "dpo"),
    translated("loss_type", "", _kto_loss_of, "kto alone", "kto"),
    translated("desirable_weight", "desirable_weight", as_number("desirable_weight"), "the same", "kto"),
    translated("undesirable_weight", "undesirable_weight", as_number("undesirable_weight"), "the same", "kto"),
    *GRPO_KEYS,
    *EPOCHS,
    translated(
        " ".join(_BATCH),
        "batch_size",
        batch_in_rows(*_BATCH, ["packing"]),
        "the rows of an optimiser step: per device x accumulation x devices",
        _OFFLINE,
    ),
    translated(
        f"packing {' '.join(_BATCH)} max_length",
        "batch_tokens",
        batch_in_tokens(*_BATCH, ["packing"], "max_length"),
        "with `packing`, the rows of a step are filled to `max_length`; they are counted in tokens",
        "sft",
    ),
    *TRAINER_KEYS,
    translated("use_peft", "lora", adapter_of(_adapter), "true: train an adapter"),
    translated("lora_r", "lora.rank", within(_adapter, as_count("lora_r")), "the same"),
    translated("lora_alpha", "lora.alpha", within(_adapter, as_number("lora_alpha")), "the same"),
    translated(
        "lora_target_modules",
        "lora.target_modules",
        within(_adapter, targets_of("lora_target_modules")),
        "the same; if unset, peft's choice for the model, where posttrain takes all linear layers",
    ),
    translated(
        "lora_target_parameters",
        "lora.target_parameters",
        within(_adapter, names_of("lora_target_parameters")),
        "the same",
    ),
    translated(
        "lora_modules_to_save", "lora.modules_to_save", within(_adapter, names_of("lora_modules_to_save")), "the same"
    ),
    translated("use_rslora", "lora.rslora", within(_adapter, as_flag("use_rslora")), "the same"),
    translated("use_dora", "lora.dora", within(_adapter, as_flag("use_dora")), "the same"),
    translated("lora_dropout", "", within(_adapter, dropout_of("lora_dropout")), "no counterpart: there is no dropout"),
    translated("load_in_4bit load_in_8bit", "quantization", within(_adapter, four_bits), "4 bits, in NF4"),
    translated("bnb_4bit_quant_type", "", within(_adapter, four_bit_type_of("bnb_4bit_quant_type", _four)), "nf4"),
    translated("model_revision", "", _revision_of, "a folder with the revision"),
    not_needed("dtype torch_dtype", "weights are trained in float32; `precision` is the dtype of matrix products"),
    not_needed("attn_implementation padding_free eval_packing", "rows are packed, and never padded"),
    not_needed("disable_dropout", "there is no dropout"),
    not_needed("precompute_ref_log_probs precompute_ref_batch_size", "the reference is computed once"),
    not_needed("dataset_num_proc dataset_kwargs dataset_streaming streaming shuffle_dataset", "data is prepared once"),
    not_needed("lora_task_type use_bnb_nested_quant bnb_4bit_quant_storage", "follows by itself"),
    not_needed("eos_token pad_token", "the chat template decides which token ends an answer; nothing is padded"),
    not_needed("ignore_bias_buffers", "no buffer needs it"),
    not_supported("model_init_kwargs", "the model is loaded as its folder says"),
    not_supported("router_aux_loss_coef", "experts get no load-balancing loss"),
    not_supported("sync_ref_model ref_model_mixup_alpha ref_model_sync_steps", "the reference is the start model"),
    not_supported(
        "ld_alpha f_divergence_type f_alpha_divergence_coef use_weighting discopop_tau",
        "this variant of DPO is not here",
    ),
    not_supported("center_rewards_coefficient", "the reward model has the Bradley-Terry loss alone"),
)

TRL = Peer(
    name="trl",
    title="TRL",
    version="1.16",
    page="coming-from-trl.md",
    marks=frozenset(
        " ".join([*_MARKS_OF_KINDS.values(), "dataset_name dataset_config use_peft lora_r lora_target_modules"]).split()
    )
    - {"packing"},
    kind_of=_kind_of,
    model="model_name_or_path",
    defaults={
        "all": {
            **TRAINER_DEFAULTS,
            "bf16": True,
            "dataset_train_split": "train",
            "dataset_test_split": "test",
            "use_peft": False,
            "lora_r": 16,
            "lora_alpha": 32,
            "lora_dropout": 0.05,
            "lora_target_modules": None,
        },
        "sft": {
            "learning_rate": 2e-5,
            "max_length": 1024,
            "truncation_mode": "keep_start",
            "assistant_only_loss": False,
        },
        "dpo": {
            "learning_rate": 1e-6,
            "max_length": 1024,
            "truncation_mode": "keep_start",
            "beta": 0.1,
            "loss_type": ["sigmoid"],
        },
        "kto": {"learning_rate": 1e-6, "max_length": 1024, "beta": 0.1},
        "reward": {"learning_rate": 1e-4, "max_length": 1024},
        "grpo": {
            "reward_funcs": None,
            "learning_rate": 1e-6,
            "beta": 0.0,
            "loss_type": "dapo",
            "num_generations": 8,
            "max_completion_length": 512,
            "epsilon": 0.2,
            "use_bias_correction_kl": True,
            "temperature": 1.0,
        },
    },
    keys=_KEYS,
    neutral={
        "repetition_penalty": 1.0,
        "top_entropy_quantile": 1.0,
        "f_divergence_type": "reverse_kl",
        "f_alpha_divergence_coef": 0.5,
        "discopop_tau": 0.05,
        "ref_model_mixup_alpha": 0.6,
        "ref_model_sync_steps": 512,
        "vespo_k_pos": 2.0,
        "vespo_lambda_pos": 3.0,
        "vespo_k_neg": 3.0,
        "vespo_lambda_neg": 2.0,
        "entropy_coef_max": 1.0,
        "entropy_coef_delta": 0.005,
        "entropy_target": 0.2,
    },
)
