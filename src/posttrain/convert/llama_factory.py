"""The configuration of `llamafactory-cli train`, key by key."""

from posttrain.convert.adapters import LINEAR, adapter_of, dropout_of, four_bit_type_of, names_of, targets_of, within
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
    translated,
)
from posttrain.convert.llama_factory_data import data_of
from posttrain.convert.llama_factory_pairs import LLAMA_FACTORY_PAIRS
from posttrain.convert.llama_factory_ppo import LLAMA_FACTORY_PPO
from posttrain.convert.llama_factory_without import LLAMA_FACTORY_WITHOUT
from posttrain.convert.trainer_keys import TRAINER_DEFAULTS, TRAINER_KEYS
from posttrain.convert.training import batch_in_rows, batch_in_tokens, epochs_of, precision_of, validation_share
from posttrain.errors import InputError

_KINDS = {"sft": "sft", "pt": "sft", "dpo": "dpo", "kto": "kto", "rm": "reward", "ppo": "ppo"}
_BATCH = ("per_device_train_batch_size", "gradient_accumulation_steps")
_PACKING = ("packing", "neat_packing")


def _kind_of(values: Values) -> str:
    stage = str(values.get("stage", "sft"))
    if stage not in _KINDS:
        raise InputError(f"stage: {stage} is none of {', '.join(_KINDS)}; correct it")
    return _KINDS[stage]


def _adapter(config: PeerConfig) -> bool:
    return config.get("finetuning_type") == "lora"


def _finetuning_of(config: PeerConfig) -> Outcome:
    kind = config.get("finetuning_type")
    if kind in ("lora", "full"):
        return adapter_of(_adapter)(config)
    return Outcome(
        lost=f"there is no training of kind {kind}, so all weights are trained; `lora: {{}}` needs less memory"
    )


def _alpha_of(config: PeerConfig) -> Outcome:
    return Outcome(config.number("lora_alpha") or 2 * config.number("lora_rank"))


def _bits_of(config: PeerConfig) -> Outcome:
    bits = config.count("quantization_bit")
    other = f"the frozen base has 4 bits or all of them, not {bits}"
    return Outcome("4bit") if bits == 4 else Outcome(lost=other if bits else "")


def _four(config: PeerConfig) -> bool:
    return config.count("quantization_bit") == 4


def _precision_of(config: PeerConfig) -> Outcome:
    if any(config.flag(key) for key in ("bf16", "pure_bf16", "fp16")):
        return precision_of("bf16", "pure_bf16")(config)
    return Outcome("auto", "there, the dtype of the checkpoint")


def _start_of(config: PeerConfig) -> Outcome:
    return Outcome("pissa" if config.flag("pissa_init") else None)


def _adapter_folder_of(config: PeerConfig) -> Outcome:
    folder = config.get("adapter_name_or_path")
    return Outcome(
        lost=f"to train the adapter further, set `model: {folder}` and `lora: {{earlier: continue}}`; to train a new "
        "one on top of it, set `model` alone"
    )


def _validation_of(config: PeerConfig) -> Outcome:
    if config.get("eval_dataset") is not None:
        return data_of(config, "eval_dataset")
    return validation_share(config.number("val_size"))


def _template_of(config: PeerConfig) -> Outcome:
    if config.get("stage") == "pt":
        return Outcome("raw")
    name = config.get("template")
    return Outcome(
        lost=""
        if name is None
        else f"the chat template of the model's folder is used; see that it is that of {name}, or "
        "set `template` to a Jinja file"
    )


def _thinking_of(config: PeerConfig) -> Outcome:
    return Outcome({"enable_thinking": config.flag("enable_thinking")})


def _length_of(config: PeerConfig) -> Outcome:
    length = config.count("cutoff_len")
    if config.kind == "ppo":
        more = config.count("max_new_tokens")
        return Outcome(length + more, f"{length} of the prompt and {more} of the answer")
    return Outcome(length)


def _truncation_of(config: PeerConfig) -> Outcome:
    if config.kind == "ppo":
        return Outcome("left")
    if config.get("stage") == "pt":
        splits = config.get("packing") is None or config.flag("packing")
        reason = "a text that is too long is split into several rows there, and cut here: split the texts first"
        return Outcome("right", lost=reason if splits else "")
    return Outcome("right", "there, prompt and answer are both cut")


def _loss_mask_of(key: str, sentence: str) -> Convert:
    return lambda config: Outcome(lost=sentence if config.flag(key) else "")


def _sft_loss_of(config: PeerConfig) -> Outcome:
    return Outcome("dft" if config.flag("use_dft_loss") else None)


def _updates(config: PeerConfig) -> int:
    """The optimiser steps of one PPO step of LLaMA-Factory."""
    return max(1, config.count("ppo_buffer_size")) * max(1, config.count("ppo_epochs")) if config.kind == "ppo" else 1


def _max_steps_of(config: PeerConfig) -> Outcome:
    steps, updates = config.count("max_steps"), _updates(config)
    if steps <= 0:
        return Outcome()
    return Outcome(steps * updates, f"{steps} PPO steps of {updates} optimiser steps" if updates > 1 else "")


def _tokens_of(config: PeerConfig) -> Outcome:
    if config.get("stage") == "pt" and "packing" not in config.given:
        config = PeerConfig(
            config.path, config.kind, config.devices, {**config.given, "packing": True}, config.defaults, config.lines
        )
    return batch_in_tokens(*_BATCH, _PACKING, "cutoff_len")(config)


def _rows_of(config: PeerConfig) -> Outcome:
    if config.get("stage") == "pt" and "packing" not in config.given:
        return Outcome()
    return batch_in_rows(*_BATCH, _PACKING)(config)


_LORA: tuple[Key, ...] = (
    translated("finetuning_type", "lora", _finetuning_of, "lora: an adapter; full: all weights"),
    translated("lora_rank", "lora.rank", within(_adapter, as_count("lora_rank")), "the same"),
    translated("lora_alpha lora_rank", "lora.alpha", within(_adapter, _alpha_of), "the same; twice the rank if unset"),
    translated(
        "lora_target",
        "lora.target_modules",
        within(_adapter, targets_of("lora_target", frozenset({"all", LINEAR}))),
        "all: all-linear; names stay",
    ),
    translated(
        "additional_target", "lora.modules_to_save", within(_adapter, names_of("additional_target")), "the same"
    ),
    translated("use_rslora", "lora.rslora", within(_adapter, as_flag("use_rslora")), "the same"),
    translated("use_dora", "lora.dora", within(_adapter, as_flag("use_dora")), "the same"),
    translated("pissa_init", "lora.start", within(_adapter, _start_of), "true: pissa"),
    translated("loraplus_lr_ratio", "lora.plus_ratio", within(_adapter, as_number("loraplus_lr_ratio")), "the same"),
    translated("lora_dropout", "", within(_adapter, dropout_of("lora_dropout")), "no counterpart: there is no dropout"),
    translated("quantization_type", "", within(_adapter, four_bit_type_of("quantization_type", _four)), "nf4"),
    translated("quantization_bit", "quantization", within(_adapter, _bits_of), "4: 4bit, in NF4"),
    translated("adapter_name_or_path create_new_adapter", "", _adapter_folder_of, "`model` and `lora.earlier`"),
)

_KEYS: tuple[Key, ...] = (
    translated("model_name_or_path", "model", None, "the same"),
    translated("seed", "seed", as_count("seed"), "the same; the random numbers are others"),
    translated("stage", "kind", lambda config: Outcome(config.kind), "sft and pt: sft; rm: reward; dpo, kto, ppo"),
    translated(
        "dataset dataset_dir max_samples",
        "data",
        lambda config: data_of(config, "dataset"),
        "the paths, columns and first rows that dataset_info.json describes",
    ),
    translated("val_size eval_dataset", "validation", _validation_of, "a share of the rows, or the held-out data sets"),
    translated("template", "template", _template_of, "the template of the model's folder; pt: raw"),
    translated("enable_thinking", "template_arguments", _thinking_of, "{enable_thinking: ...}"),
    translated("cutoff_len", "max_length", _length_of, "the same, in tokens; ppo: with the answer"),
    translated("cutoff_len packing", "truncation", _truncation_of, "right; ppo: left"),
    translated("trust_remote_code", "trust_remote_code", as_flag("trust_remote_code"), "the same"),
    translated("use_dft_loss", "loss", _sft_loss_of, "true: dft", "sft"),
    translated(
        "train_on_prompt",
        "",
        _loss_mask_of("train_on_prompt", "only answers bear loss; rows of `text` do everywhere"),
        "false",
        "sft",
    ),
    translated(
        "mask_history",
        "",
        _loss_mask_of("mask_history", "mark the earlier answers of a row with `train: false`"),
        "`train: false` in the rows",
        "sft",
    ),
    *LLAMA_FACTORY_PAIRS,
    *LLAMA_FACTORY_PPO,
    translated("num_train_epochs max_steps", "epochs", epochs_of("num_train_epochs"), "the same"),
    translated("max_steps ppo_epochs ppo_buffer_size", "max_steps", _max_steps_of, "the same; ppo: optimiser steps"),
    translated(
        " ".join(_BATCH), "batch_size", _rows_of, "the rows of an optimiser step: per device x accumulation x devices"
    ),
    translated(
        f"packing neat_packing {' '.join(_BATCH)} cutoff_len",
        "batch_tokens",
        _tokens_of,
        "with `packing`, the rows of a step are filled to `cutoff_len`; they are counted in tokens",
        "sft",
    ),
    translated("bf16 pure_bf16 fp16", "precision", _precision_of, "dtype of matrix products; auto if unset"),
    *(key for key in TRAINER_KEYS if key.ours != "precision"),
    translated("early_stopping_steps", "patience", as_count("early_stopping_steps"), "the same, in evaluations"),
    *_LORA,
    *LLAMA_FACTORY_WITHOUT,
)

LLAMA_FACTORY = Peer(
    name="llamafactory",
    title="LLaMA-Factory",
    version="0.9",
    page="coming-from-llama-factory.md",
    marks=frozenset(
        [
            "stage",
            "finetuning_type",
            "cutoff_len",
            "dataset_dir",
            "dataset",
            "template",
            "lora_rank",
            "lora_target",
            "pref_beta",
            "pref_loss",
            "max_samples",
            "overwrite_cache",
            "preprocessing_num_workers",
            "plot_loss",
            "quantization_bit",
        ]
    ),
    kind_of=_kind_of,
    model="model_name_or_path",
    defaults={
        "all": {
            **TRAINER_DEFAULTS,
            "stage": "sft",
            "finetuning_type": "lora",
            "lora_rank": 8,
            "lora_target": "all",
            "cutoff_len": 2048,
            "dataset_dir": "data",
            "pref_beta": 0.1,
            "pref_loss": "sigmoid",
            "simpo_gamma": 0.5,
        },
        "ppo": {
            "max_new_tokens": 1024,
            "temperature": 0.95,
            "top_p": 0.7,
            "top_k": 50,
            "ppo_epochs": 4,
            "ppo_buffer_size": 1,
            "ppo_target": 6.0,
            "ppo_score_norm": False,
        },
    },
    keys=_KEYS,
    neutral={"repetition_penalty": 1.0},
)
