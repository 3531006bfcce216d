"""The keys of Axolotl that a recipe does not need or has no counterpart for."""

from posttrain.convert.keys import Key, not_needed, not_supported

AXOLOTL_WITHOUT: tuple[Key, ...] = (
    not_needed(
        "flash_attention sdp_attention xformers_attention flex_attention flex_attn_compile_kwargs eager_attention "
        "attn_implementation flash_attn_cross_entropy flash_attn_rms_norm flash_attn_fuse_qkv flash_attn_fuse_mlp "
        "flash_optimum lora_mlp_kernel lora_qkv_kernel lora_o_kernel unsloth_lora_mlp unsloth_lora_qkv unsloth_lora_o "
        "unsloth_cross_entropy_loss unsloth_rms_norm unsloth_rope torch_compile torch_compile_backend "
        "torch_compile_mode tf32 liger_rope liger_rms_norm liger_glu_activation liger_layer_norm "
        "liger_fused_linear_cross_entropy cut_cross_entropy plugins",
        "the fast forward pass needs no switch, and there is no tensor of all logits",
    ),
    not_needed(
        "sample_packing_group_size sample_packing_bin_size sample_packing_sequentially eval_sample_packing "
        "pad_to_sequence_len group_by_length multipack_real_batches batch_flattening pad_to_multiple_of",
        "rows are always packed, and never padded",
    ),
    not_needed(
        "gradient_checkpointing gradient_checkpointing_kwargs activation_offloading auto_find_batch_size gc_steps "
        "max_memory gpu_memory_limit low_cpu_mem_usage lora_on_cpu qlora_sharded_model_loading",
        "rows take a fixed amount of memory, and long rows are recomputed where needed",
    ),
    not_needed(
        "deepspeed fsdp fsdp_config fsdp_version fsdp_final_state_dict_type ddp ddp_timeout ddp_bucket_cap_mb "
        "ddp_broadcast_buffers ddp_find_unused_parameters local_rank world_size device_map",
        "`posttrain run --processes` starts several processes, and `parallel` divides the weights (docs/processes.md)",
    ),
    not_needed(
        "dataset_prepared_path dataset_processes dataset_num_proc dataset_keep_in_memory dataset_shard_num "
        "dataset_shard_idx skip_prepare_dataset remove_unused_columns dataloader_num_workers dataloader_pin_memory "
        "dataloader_prefetch_factor dataloader_drop_last accelerator_config shuffle_merged_datasets",
        "rows become tokens once, in a file that training reads",
    ),
    not_needed(
        "output_dir resume_from_checkpoint auto_resume_from_checkpoints", "the same command resumes a stopped run"
    ),
    not_needed(
        "eval_batch_size evals_per_epoch saves_per_epoch eval_strategy save_strategy save_only_model save_safetensors "
        "save_first_step logging_steps eval_table_size eval_max_new_tokens include_tokens_per_second profiler_steps",
        "evaluations and checkpoints come ten times a run, and every step is in metrics.jsonl",
    ),
    not_needed(
        "wandb_entity wandb_name wandb_watch wandb_log_model wandb_run_id wandb_mode mlflow_tracking_uri "
        "mlflow_experiment_name mlflow_run_name hf_mlflow_log_artifacts",
        "docs/trackers.md describes the options of a tracker",
    ),
    not_needed("hub_model_id hub_strategy hf_use_auth_token push_dataset_to_hub", "`posttrain export` makes a folder"),
    not_needed(
        "model_type tokenizer_type tokenizer_use_fast tokenizer_legacy base_model_config cls_model_config "
        "is_llama_derived_model is_mistral_derived_model is_qwen_derived_model is_falcon_derived_model "
        "processor_type lora_fan_in_fan_out peft strict debug device trl",
        "the model's folder says it",
    ),
    not_needed(
        "loraplus_lr_embedding dataset_exact_deduplication min_sample_len",
        "`posttrain audit` finds duplicates",
    ),
    not_needed("special_tokens eot_tokens", "the tokens of the model's folder are used; nothing is padded"),
    not_supported(
        "tokens added_tokens_overrides resize_token_embeddings_to_32x fix_untrained_tokens tokenizer_config",
        "add tokens to the model's folder first",
    ),
    not_supported("default_system_message", "write the system message into the rows"),
    not_supported("neftune_noise_alpha noisy_embedding_alpha", "no noise is added to embeddings"),
    not_supported(
        "embedding_lr embedding_lr_scale lr_groups lr_div_factor cosine_constant_lr_ratio lr_quadratic_warmup",
        "all weights have one learning rate, but for `lora.plus_ratio`",
    ),
    not_supported("optim_args optim_target_modules adam_beta3 adam_epsilon2", "the optimiser is AdamW"),
    not_supported(
        "relora relora_steps relora_warmup_steps relora_prune_ratio lisa_n_layers lisa_step_interval "
        "unfrozen_parameters peft_layers_to_transform peft_layers_pattern peft_trainable_token_indices",
        "training is of all weights, or of LoRA adapters",
    ),
    not_supported(
        "load_best_model_at_end metric_for_best_model greater_is_better",
        "`patience` stops early and keeps the weights with the best held-out loss",
    ),
    not_supported("loss_watchdog_threshold loss_watchdog_patience", "`max_loss_jump` stops a run whose loss jumps"),
    not_supported("dpo_use_weighting dpo_label_smoothing", "this variant of DPO is not here"),
    not_supported("gptq bnb_config_kwargs model_quantization_config qat quantization fp8", "the base may have NF4"),
    not_supported(
        "sequence_parallel_degree context_parallel_size tensor_parallel_size heads_k_stride ring_attn_func",
        "a long row is computed on one device",
    ),
    not_supported(
        "pretraining_dataset pretraining_sample_concatenation curriculum_sampling use_pose s2_attention",
        "rows of `text` are learnt by SFT; their order changes with each epoch",
    ),
    not_supported("do_bench_eval do_causal_lm_eval eval_causal_lm_metrics bench_dataset", "suites measure answers"),
    not_supported("process_reward_model num_labels", "a reward model scores whole completions"),
    not_supported("revision_of_model", "download the revision, and set `base_model` to its folder"),
)
