"""The configuration of Axolotl, key by key."""

from posttrain.convert.adapters import LINEAR, adapter_of, dropout_of, four_bits, names_of, targets_of, within
from posttrain.convert.axolotl_data import data_sets_of, prefixes_of_types
from posttrain.convert.axolotl_grpo import AXOLOTL_BATCH, AXOLOTL_GRPO
from posttrain.convert.axolotl_without import AXOLOTL_WITHOUT
from posttrain.convert.keys import (
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
from posttrain.convert.training import (
    batch_in_rows,
    batch_in_tokens,
    betas_of,
    clip_of,
    decay_of,
    epochs_of,
    min_rate_of,
    optimizer_of,
    precision_of,
    schedule_of,
    steps_between,
    validation_share,
    warmup_of,
)
from posttrain.convert.trl_dpo import prompts_alone_of
from posttrain.errors import InputError

_KINDS = {"dpo": "dpo", "ipo": "dpo", "simpo": "dpo", "orpo": "dpo", "kto": "kto", "grpo": "grpo", "gdpo": "grpo"}
_OFFLINE = "sft dpo kto reward"
_OWN_TEMPLATE = ("tokenizer_default", "chatml", "jinja")


def _kind_of(values: Values) -> str:
    if values.get("reward_model"):
        return "reward"
    technique = values.get("rl")
    if technique is not None and str(technique) not in _KINDS:
        raise InputError(f"rl: {technique} has no counterpart; there are {', '.join(_KINDS)}")
    return "sft" if technique is None else _KINDS[str(technique)]


def _adapter(config: PeerConfig) -> bool:
    return config.get("adapter") in ("lora", "qlora")


def _adapter_of(config: PeerConfig) -> Outcome:
    name = config.get("adapter")
    if name is None or _adapter(config):
        return adapter_of(_adapter)(config)
    return Outcome(lost=f"there is no adapter {name}, so all weights are trained; set `lora`")


def _targets_of(config: PeerConfig) -> Outcome:
    if config.flag("lora_target_linear"):
        return Outcome(LINEAR)
    return targets_of("lora_target_modules")(config)


def _start_of(config: PeerConfig) -> Outcome:
    way = config.get("peft_init_lora_weights")
    if config.get("peft.loftq_config") is not None or way == "loftq":
        return Outcome("loftq")
    if way in (None, True, "pissa"):
        return Outcome("pissa" if way == "pissa" else None)
    return Outcome(lost=f"`start` has no value {way}; it has default, pissa and loftq")


def _adapter_folder_of(config: PeerConfig) -> Outcome:
    folder = config.get("lora_model_dir")
    return Outcome(lost=f"to train the adapter further, set `model: {folder}` and `lora: {{earlier: continue}}`")


def _validation_of(config: PeerConfig) -> Outcome:
    if config.get("test_datasets") is not None:
        return data_sets_of(config, "test_datasets")
    return validation_share(config.number("val_set_size"))


def _template_of(config: PeerConfig) -> Outcome:
    prefixes = prefixes_of_types(config)
    if prefixes == {"chatml"}:
        return Outcome("chatml", "the types chatml.* of the data sets write ChatML")
    if prefixes:
        named = ", ".join(f"{prefix}.*" for prefix in sorted(prefixes))
        return Outcome(
            lost=f"the types {named} write chat templates of their own: set `template` to a file with theirs"
        )
    name, file = str(config.get("chat_template") or _OWN_TEMPLATE[0]), config.get("chat_template_jinja")
    if isinstance(file, str) and file.endswith((".jinja", ".jinja2")):
        return Outcome(file)
    if file is not None:
        return Outcome(lost="write the template to a file, and set `template` to it")
    if name == "chatml":
        return Outcome("chatml")
    other = (
        f"the chat template of the model's folder is used; see that it is that of {name}, or set `template` to a file"
    )
    return Outcome(lost="" if name in _OWN_TEMPLATE else other)


def _length_of(config: PeerConfig) -> Outcome:
    return Outcome(config.count("sequence_len") or None)


def _truncation_of(config: PeerConfig) -> Outcome:
    return Outcome("right" if config.get("excess_length_strategy") == "truncate" else "drop")


def _inputs_of(config: PeerConfig) -> Outcome:
    return Outcome(
        lost="only answers bear loss; rows of `text` do everywhere" if config.flag("train_on_inputs") else ""
    )


def _loss_of(config: PeerConfig) -> Outcome:
    technique = str(config.get("rl"))
    return Outcome("sigmoid" if technique == "dpo" else technique)


def _beta_of(config: PeerConfig) -> Outcome:
    keys = ("trl.beta", "rl_beta", "dpo_beta", "orpo_alpha")
    key = next((key for key in keys if config.get(key) is not None), None)
    if key is None:
        return Outcome(0.0 if config.kind == "grpo" else 0.1, "TRL's default")
    return Outcome(config.number(key))


def _gamma_of(config: PeerConfig) -> Outcome:
    return Outcome(config.number("simpo_gamma") if config.get("rl") == "simpo" else None)


def _sft_weight_of(config: PeerConfig) -> Outcome:
    if config.get("rl") == "simpo":
        alpha = 1.0 if config.get("cpo_alpha") is None else config.number("cpo_alpha")
        return Outcome(alpha or None, "" if "cpo_alpha" in config.given else "TRL's default")
    if config.get("rl") == "orpo":
        return Outcome()
    return Outcome(config.number("rpo_alpha") or None)


def _tracker_of(config: PeerConfig) -> Outcome:
    names = {"tensorboard": "use_tensorboard", "mlflow": "use_mlflow", "wandb": "use_wandb"}
    wanted = [name for name, key in names.items() if config.flag(key)]
    wandb = ["wandb"] if config.get("wandb_project") and "wandb" not in wanted else []
    return Outcome([*wanted, *wandb] or None)


_LOSS: tuple[Key, ...] = (
    translated("rl reward_model", "kind", lambda config: Outcome(config.kind), "dpo, kto, grpo, reward or sft"),
    translated("rl", "loss", _loss_of, "dpo: sigmoid; ipo, simpo and orpo stay", "dpo"),
    translated(
        "rl_beta dpo_beta orpo_alpha trl.beta rl", "beta", _beta_of, "the same; TRL's default if unset", "dpo kto grpo"
    ),
    translated("simpo_gamma", "gamma", _gamma_of, "the same, with simpo", "dpo"),
    translated("cpo_alpha rpo_alpha rl", "sft_weight", _sft_weight_of, "the same; 1 with simpo if unset", "dpo"),
    translated("kto_desirable_weight", "desirable_weight", as_number("kto_desirable_weight"), "the same", "kto"),
    translated("kto_undesirable_weight", "undesirable_weight", as_number("kto_undesirable_weight"), "the same", "kto"),
    translated("train_on_inputs", "", _inputs_of, "false", "sft"),
)

_TRAINING: tuple[Key, ...] = (
    translated("num_epochs max_steps", "epochs", epochs_of("num_epochs"), "the same"),
    translated("max_steps", "max_steps", as_count("max_steps"), "the same; it ends the run, whatever the epochs"),
    translated(
        " ".join(AXOLOTL_BATCH),
        "batch_size",
        batch_in_rows(*AXOLOTL_BATCH, ["sample_packing"]),
        "the rows of an optimiser step: micro batch x accumulation x devices",
        _OFFLINE,
    ),
    translated(
        f"sample_packing {' '.join(AXOLOTL_BATCH)} sequence_len",
        "batch_tokens",
        batch_in_tokens(*AXOLOTL_BATCH, ["sample_packing"], "sequence_len"),
        "with `sample_packing`, the rows of a step are filled to `sequence_len`; they are counted in tokens",
        "sft",
    ),
    translated("learning_rate", "learning_rate", as_number("learning_rate"), "the same"),
    translated("lr_scheduler", "schedule", schedule_of("lr_scheduler"), "linear, cosine, constant and wsd"),
    translated("cosine_min_lr_ratio", "min_rate", as_number("cosine_min_lr_ratio"), "the same"),
    translated("lr_scheduler_kwargs", "min_rate", min_rate_of, "`min_lr_rate`, or `min_lr` as a share of the peak"),
    translated("lr_scheduler_kwargs", "decay", decay_of, "`num_decay_steps` as a share of the steps"),
    translated(
        "warmup_ratio warmup_steps",
        "warmup",
        warmup_of("lr_scheduler", 100),
        "share of the steps; a number of steps is divided by `max_steps`; 0.03 if unset",
    ),
    translated("optimizer", "optimizer", optimizer_of("optimizer"), "AdamW, with moments in 32 or 8 bits"),
    translated("weight_decay", "weight_decay", as_number("weight_decay"), "the same"),
    translated("adam_beta1 adam_beta2", "betas", betas_of, "the same"),
    translated("adam_epsilon", "epsilon", as_number("adam_epsilon"), "the same"),
    translated("max_grad_norm", "max_grad_norm", clip_of, "the same; 0 means that gradients are not clipped"),
    translated("bf16 bfloat16 fp16 float16", "precision", precision_of("bf16", "bfloat16"), "dtype of matrix products"),
    translated("eval_steps", "eval_every", steps_between("eval_steps", "eval_strategy"), "the same, in steps"),
    translated("save_steps", "save_every", steps_between("save_steps"), "the same, in steps"),
    translated("save_total_limit", "keep_checkpoints", as_count("save_total_limit"), "the same"),
    translated("early_stopping_patience", "patience", as_count("early_stopping_patience"), "the same, in evaluations"),
    translated("use_tensorboard use_mlflow use_wandb wandb_project", "trackers", _tracker_of, "their names"),
)

_LORA: tuple[Key, ...] = (
    translated("adapter", "lora", _adapter_of, "lora and qlora: train an adapter"),
    translated("lora_r", "lora.rank", within(_adapter, as_count("lora_r")), "the same"),
    translated("lora_alpha", "lora.alpha", within(_adapter, as_number("lora_alpha")), "the same"),
    translated(
        "lora_target_linear lora_target_modules",
        "lora.target_modules",
        within(_adapter, _targets_of),
        "linear: all-linear; names stay; if unset, peft's choice for the model",
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
    translated("peft_use_rslora", "lora.rslora", within(_adapter, as_flag("peft_use_rslora")), "the same"),
    translated("peft_use_dora", "lora.dora", within(_adapter, as_flag("peft_use_dora")), "the same"),
    translated(
        "peft_init_lora_weights peft.loftq_config", "lora.start", within(_adapter, _start_of), "pissa and loftq"
    ),
    translated("loraplus_lr_ratio", "lora.plus_ratio", within(_adapter, as_number("loraplus_lr_ratio")), "the same"),
    translated("lora_dropout", "", within(_adapter, dropout_of("lora_dropout")), "no counterpart: there is no dropout"),
    translated("load_in_4bit load_in_8bit", "quantization", within(_adapter, four_bits), "4 bits, in NF4"),
    translated("lora_model_dir", "", _adapter_folder_of, "`model` and `lora.earlier`"),
)

AXOLOTL = Peer(
    name="axolotl",
    title="Axolotl",
    version="0.15",
    page="coming-from-axolotl.md",
    marks=frozenset(
        [
            "base_model",
            "sequence_len",
            "micro_batch_size",
            "adapter",
            "val_set_size",
            "sample_packing",
            "dataset_prepared_path",
            "num_epochs",
            "lora_target_linear",
            "lr_scheduler",
            "rl",
            "special_tokens",
        ]
    ),
    kind_of=_kind_of,
    model="base_model",
    defaults={
        "all": {
            "seed": 42,
            "sequence_len": 512,
            "micro_batch_size": 1,
            "gradient_accumulation_steps": 1,
            "num_epochs": 1.0,
            "optimizer": "adamw_torch_fused",
            "lr_scheduler": "cosine",
            "warmup_ratio": 0.03,
            "weight_decay": 0.0,
            "bf16": "auto",
            "adam_beta1": 0.9,
            "adam_beta2": 0.999,
            "lora_target_linear": None,
        },
        "dpo": {"simpo_gamma": 0.5},
        "grpo": {
            "trl.reward_funcs": None,
            "trl.num_generations": 8,
            "trl.max_completion_length": 512,
            "trl.temperature": 1.0,
            "trl.loss_type": "dapo",
            "trl.epsilon": 0.2,
        },
    },
    keys=(
        translated("base_model", "model", None, "the same"),
        translated("seed", "seed", as_count("seed"), "the same; the random numbers are others"),
        translated(
            "datasets",
            "data",
            lambda config: data_sets_of(config, "datasets"),
            "paths, or `hf://org/name/config/split`; `type` and the fields become `columns`",
        ),
        translated("val_set_size test_datasets", "validation", _validation_of, "a share of the rows, or data sets"),
        translated(
            "chat_template chat_template_jinja datasets",
            "template",
            _template_of,
            "chatml (also for data of the types `chatml.*`), or a Jinja file",
        ),
        translated("sequence_len", "max_length", _length_of, "the same, in tokens", _OFFLINE),
        translated("max_prompt_len", "", prompts_alone_of("max_prompt_len"), "no counterpart", "dpo kto"),
        translated("excess_length_strategy", "truncation", _truncation_of, "drop; truncate: right", _OFFLINE),
        translated("trust_remote_code", "trust_remote_code", as_flag("trust_remote_code"), "the same"),
        *_LOSS,
        *AXOLOTL_GRPO,
        *_TRAINING,
        *_LORA,
        *AXOLOTL_WITHOUT,
    ),
    neutral={"trl.repetition_penalty": 1.0},
    nested=("trl", "peft"),
)
