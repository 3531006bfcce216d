"""The names that other trainers use for the keys of a recipe."""

from collections.abc import Mapping

ALIASES: Mapping[str, str] = {
    alias: key
    for key, aliases in {
        "alpha": "lora_alpha",
        "batch_size": "bs batch per_device_train_batch_size train_batch_size micro_batch_size batchsize",
        "beta": "kl_coef init_kl_coef kl_weight",
        "columns": "column_mapping rename",
        "decay": "decay_ratio num_decay_steps decay_steps",
        "dora": "use_dora",
        "data": "dataset datasets train_file train_data data_path dataset_name",
        "eval_every": "eval_steps eval_interval evaluation_steps",
        "epochs": "epoch n_epochs num_epochs num_train_epochs",
        "epsilon": "eps adam_epsilon",
        "gradient_checkpointing": "activation_checkpointing",
        "kind": "type method trainer",
        "learning_rate": "lr rate",
        "lora": "peft adapter qlora",
        "loss": "loss_type",
        "max_grad_norm": "grad_clip gradient_clipping max_norm clip_grad_norm",
        "max_length": "max_seq_length max_seq_len seq_len seq_length sequence_len context_length cutoff_len",
        "max_new_tokens": "max_tokens max_completion_length max_response_length",
        "max_steps": "steps num_steps n_steps total_steps",
        "min_rate": "min_lr_ratio min_lr_rate min_lr cosine_min_lr_ratio",
        "model": "base_model model_name model_name_or_path model_path",
        "num_generations": "group_size num_return_sequences n_samples",
        "path": "file data_files",
        "patience": "early_stopping early_stopping_patience",
        "precision": "dtype torch_dtype bf16 fp16 mixed_precision",
        "quantization": "load_in_4bit",
        "plus_ratio": "loraplus_lr_ratio lora_plus_ratio loraplus_ratio",
        "rank": "r lora_r lora_rank",
        "rslora": "use_rslora",
        "rewards": "reward reward_funcs reward_function",
        "save_every": "save_steps save_interval checkpoint_every",
        "schedule": "scheduler lr_scheduler lr_scheduler_type lr_schedule",
        "start": "init_lora_weights",
        "suites": "evaluation evaluate benchmarks tasks suite",
        "template": "chat_template",
        "template_arguments": "chat_template_kwargs template_kwargs",
        "trackers": "report_to tracker loggers use_wandb use_mlflow use_tensorboard",
        "validation": "val eval valid test_size val_size eval_data validation_data eval_dataset",
        "warmup": "warmup_ratio warmup_steps",
        "weight_decay": "wd",
    }.items()
    for alias in aliases.split()
}
"""Name in another trainer → key of a recipe."""

RENAMED: Mapping[str, str] = {"clip": "clip_low and clip_high", "metric": "metrics", "policy": "pairs"}
"""Keys of earlier versions → the keys that replace them."""
