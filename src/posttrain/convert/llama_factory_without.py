"""The keys of LLaMA-Factory that a recipe does not need or has no counterpart for."""

from posttrain.convert.keys import Key, not_needed, not_supported

LLAMA_FACTORY_WITHOUT: tuple[Key, ...] = (
    not_needed(
        "preprocessing_num_workers preprocessing_batch_size overwrite_cache tokenized_path streaming buffer_size "
        "data_shared_file_system cache_dir tool_format ignore_pad_token_for_loss media_dir eval_on_each_dataset",
        "rows become tokens once, in a file that training reads",
    ),
    not_needed(
        "flash_attn enable_liger_kernel use_unsloth use_unsloth_gc disable_gradient_checkpointing use_reentrant_gc "
        "use_v1_kernels use_kv_cache upcast_layernorm upcast_lmhead_output low_cpu_mem_usage use_fast_tokenizer "
        "double_quantization quantization_method quantization_device_map offload_folder",
        "it changes the speed or the memory alone, which posttrain settles by itself",
    ),
    not_needed(
        "plot_loss compute_accuracy include_effective_tokens_per_second predict_with_generate print_param_status "
        "do_sample num_beams length_penalty infer_backend infer_dtype eval_num_beams skip_special_tokens",
        "the curves are on the run's page, and suites measure answers (docs/suites.md)",
    ),
    not_needed(
        "ray_run_name ray_storage_path ray_num_workers resources_per_worker placement_strategy "
        "ray_init_kwargs ray_storage_filesystem",
        "`posttrain run --processes` starts processes",
    ),
    not_needed("hf_hub_token ms_hub_token om_hub_token", "HF_TOKEN has effect"),
    not_needed("loraplus_lr_embedding pissa_iter pissa_convert ppo_mini_batch_size", "follows by itself"),
    not_supported("mix_strategy interleave_probs", "`kind: ift` draws tasks by weight"),
    not_supported("disable_shuffling", "every epoch has an order of its own"),
    not_supported("default_system", "write the system message into the rows"),
    not_supported(
        "resize_vocab add_tokens add_special_tokens new_special_tokens_config init_special_tokens split_special_tokens",
        "add tokens to the model's folder first",
    ),
    not_supported(
        "rope_scaling shift_attn mixture_of_depths train_from_scratch", "the model is loaded as its folder says"
    ),
    not_supported("model_revision", "download the revision, and set `model` to its folder"),
    not_supported("moe_aux_loss_coef", "experts get no load-balancing loss"),
    not_supported(
        "freeze_trainable_layers freeze_trainable_modules freeze_extra_modules use_llama_pro oft_rank "
        "oft_block_size oft_target module_dropout",
        "training is of all weights, or of LoRA adapters",
    ),
    not_supported(
        "use_galore galore_target galore_rank galore_update_interval galore_scale galore_layerwise use_apollo "
        "apollo_target apollo_rank use_badam badam_mode use_adam_mini use_muon",
        "the optimiser is AdamW",
    ),
    not_supported("pref_bco_weight ld_alpha", "this variant of DPO is not here"),
    not_supported("ref_model ref_model_adapters ref_model_quantization_bit", "the reference is the start model"),
    not_supported(
        "reward_model_adapters reward_model_type reward_model_quantization_bit",
        "a reward is a stage or a model's folder",
    ),
    not_supported("repetition_penalty", "sampling has temperature, top_k, top_p and min_p"),
    not_supported(
        "use_swanlab swanlab_project swanlab_run_name swanlab_mode swanlab_workspace swanlab_api_key",
        "docs/trackers.md lists the trackers there are",
    ),
    not_supported("fp8 fp8_backend use_mca", "training has bfloat16 and float32"),
    not_supported(
        "freeze_vision_tower freeze_multi_modal_projector freeze_language_model image_max_pixels "
        "image_min_pixels video_max_pixels video_fps video_maxlen",
        "rows hold text alone",
    ),
    not_supported("export_dir export_size export_device", "`posttrain export` makes a folder for other machines"),
)
