"""The keys of transformers' Trainer, which TRL and LLaMA-Factory share, with its defaults."""

from posttrain.convert.keys import Key, Values, as_count, as_number, not_needed, not_supported, translated
from posttrain.convert.training import (
    betas_of,
    clip_of,
    decay_of,
    epochs_of,
    min_rate_of,
    on_cpu,
    optimizer_of,
    precision_of,
    schedule_of,
    steps_between,
    trackers_of,
    warmup_of,
)

TRAINER_DEFAULTS: Values = {
    "seed": 42,
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "num_train_epochs": 3.0,
    "learning_rate": 5e-5,
    "lr_scheduler_type": "linear",
    "warmup_ratio": 0.0,
    "optim": "adamw_torch",
    "weight_decay": 0.0,
    "adam_beta1": 0.9,
    "adam_beta2": 0.999,
    "adam_epsilon": 1e-8,
    "max_grad_norm": 1.0,
    "bf16": False,
    "eval_strategy": "no",
}

SHARE = "share of the steps; a number of steps is divided by `max_steps`"

EPOCHS = (
    translated("num_train_epochs max_steps", "epochs", epochs_of("num_train_epochs"), "the same"),
    translated("max_steps", "max_steps", as_count("max_steps"), "the same; it ends the run, whatever the epochs"),
)
"""The keys of the length of a run."""

TRAINER_KEYS: tuple[Key, ...] = (
    translated("learning_rate", "learning_rate", as_number("learning_rate"), "the same"),
    translated("lr_scheduler_type", "schedule", schedule_of("lr_scheduler_type"), "linear, cosine, constant and wsd"),
    translated("lr_scheduler_kwargs", "min_rate", min_rate_of, "`min_lr_rate`, or `min_lr` as a share of the peak"),
    translated("lr_scheduler_kwargs", "decay", decay_of, f"`num_decay_steps`: {SHARE}"),
    translated("warmup_ratio warmup_steps", "warmup", warmup_of("lr_scheduler_type"), SHARE),
    translated("optim", "optimizer", optimizer_of("optim"), "AdamW, with moments in 32 or 8 bits"),
    translated("weight_decay", "weight_decay", as_number("weight_decay"), "the same"),
    translated("adam_beta1 adam_beta2", "betas", betas_of, "the same"),
    translated("adam_epsilon", "epsilon", as_number("adam_epsilon"), "the same"),
    translated("max_grad_norm", "max_grad_norm", clip_of, "the same; 0 means that gradients are not clipped"),
    translated("bf16 fp16", "precision", precision_of("bf16"), "dtype of matrix products; weights stay in float32"),
    translated(
        "eval_steps eval_strategy evaluation_strategy",
        "eval_every",
        steps_between("eval_steps", "eval_strategy"),
        "the same, in steps",
    ),
    translated("save_steps", "save_every", steps_between("save_steps"), "the same, in steps"),
    translated("save_total_limit", "keep_checkpoints", as_count("save_total_limit"), "the same"),
    translated("use_cpu", "device", on_cpu, "true: cpu"),
    translated("report_to", "trackers", trackers_of, "the trackers of docs/trackers.md"),
    not_needed("output_dir overwrite_output_dir run_name", "`posttrain run --out` names the run's folder"),
    not_needed(
        "resume_from_checkpoint ignore_data_skip restore_callback_states_from_checkpoint enable_jit_checkpoint",
        "the same command resumes a stopped run",
    ),
    not_needed(
        "gradient_checkpointing gradient_checkpointing_kwargs activation_checkpointing activation_checkpointing_kwargs "
        "activation_offloading torch_empty_cache_steps auto_find_batch_size",
        "rows take a fixed amount of memory, and long rows are recomputed where needed",
    ),
    not_needed(
        "per_device_eval_batch_size eval_accumulation_steps batch_eval_metrics eval_on_start eval_delay "
        "prediction_loss_only eval_do_concat_batches eval_use_gather_object include_for_metrics "
        "bf16_full_eval fp16_full_eval",
        "the held-out loss is measured before, during and after training, in packed rows",
    ),
    not_needed(
        "group_by_length train_sampling_strategy length_column_name pad_to_multiple_of", "rows are never padded"
    ),
    not_needed("save_strategy save_only_model save_on_each_node save_safetensors", "checkpoints are always complete"),
    not_needed(
        "logging_strategy logging_steps logging_first_step logging_dir logging_nan_inf_filter log_level "
        "log_level_replica log_on_each_node disable_tqdm include_num_input_tokens_seen include_tokens_per_second",
        "every step is in metrics.jsonl",
    ),
    not_needed(
        "dataloader_num_workers dataloader_pin_memory dataloader_drop_last dataloader_persistent_workers "
        "dataloader_prefetch_factor dataloader_multiprocessing_context dataloader_in_order "
        "remove_unused_columns label_names accelerator_config",
        "rows become tokens once, in a file that training reads",
    ),
    not_needed(
        "ddp_find_unused_parameters ddp_bucket_cap_mb ddp_broadcast_buffers ddp_timeout ddp_backend ddp_static_graph "
        "fsdp fsdp_config deepspeed parallelism_config local_rank average_tokens_across_devices",
        "`posttrain run --processes` starts several processes, and `parallel` divides the weights (docs/processes.md)",
    ),
    not_needed(
        "tf32 torch_compile torch_compile_backend torch_compile_mode use_liger_kernel liger_kernel_config",
        "the fast forward pass needs no switch",
    ),
    not_needed(
        "project trackio_space_id trackio_bucket_id trackio_static_space_id",
        "docs/trackers.md describes the options of a tracker",
    ),
    not_needed("data_seed full_determinism", "`seed` determines the run"),
    not_needed("do_train do_eval do_predict", "`posttrain run` trains and evaluates"),
    not_needed("env", "set environment variables in the shell"),
    not_needed("skip_memory_metrics debug use_cache", "the run is measured by itself"),
    not_needed(
        "push_to_hub hub_model_id hub_strategy hub_token hub_private_repo hub_always_push hub_revision",
        "`posttrain export` makes a folder for other machines",
    ),
    not_supported("neftune_noise_alpha", "no noise is added to embeddings"),
    not_supported("label_smoothing_factor", "the loss of a token is not smoothed"),
    not_supported("optim_args optim_target_modules", "the optimiser has the keys of `posttrain keys sft` alone"),
    not_supported(
        "load_best_model_at_end metric_for_best_model greater_is_better",
        "`patience` stops early and keeps the weights with the best held-out loss",
    ),
)
"""What becomes of the Trainer's keys."""
