"""A packed forward pass gives the results that transformers gives for each prompt and completion alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification

from posttrain.core.group import Completion, Group
from posttrain.core.packing import Batch, collate, with_padding
from posttrain.errors import InputError
from posttrain.policy.forward import backbone_of, forward, packed_hidden
from posttrain.policy.load import Policy, load_policy
from posttrain.policy.probe import settle_layout
from structures import random_group
from tiny_models import (
    BRANCHING,
    COMMON,
    CONTEXT,
    LONE,
    assert_same_gradients,
    gradients,
    groups_of,
    one_by_one,
    plain,
    save_model,
    save_scored,
    texts_in,
)

FolderOf = Callable[[str], str]
BOTH = frozenset({"logp", "entropy"})


def batch_of(seed: int = 0, *, end: int | None = None) -> Batch:
    return collate(groups_of(np.random.default_rng(seed), end=end))


def settled(folder: str, **options: object) -> Policy:
    policy = load_policy(folder, **options)  # type: ignore[arg-type]
    settle_layout(policy)
    return policy


def weighted(logp: Tensor, entropy: Tensor) -> Tensor:
    """A loss in which every token has another weight."""
    return (torch.linspace(0.5, 2.0, len(logp)) * logp).sum() + 0.3 * (
        torch.linspace(1.0, 0.0, len(logp)) * entropy
    ).sum()


def assert_equals_one_by_one(policy: Policy, folder: str, batch: Batch, implementation: str | None) -> None:
    reference = plain(folder, implementation=implementation)
    outputs = forward(policy, batch, BOTH)
    assert outputs.logp_N is not None
    assert outputs.entropy_N is not None
    expected, entropy = one_by_one(reference, batch)
    torch.testing.assert_close(outputs.logp_N, expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(outputs.entropy_N, entropy, atol=1e-4, rtol=0)
    result = list(gradients(policy.model, weighted(outputs.logp_N, outputs.entropy_N)))
    assert_same_gradients(result, list(gradients(reference, weighted(expected, entropy))))


@pytest.mark.parametrize("name", BRANCHING)
def test_shared_prompts_give_the_values_and_gradients_of_one_text_a_call(name: str, folder_of: FolderOf) -> None:
    policy = load_policy(folder_of(name))
    assert settle_layout(policy) is None
    assert policy.branching
    assert_equals_one_by_one(policy, folder_of(name), batch_of(), "eager")


@pytest.mark.parametrize("name", LONE)
def test_models_that_cannot_share_a_prompt_say_so_and_are_still_right(name: str, folder_of: FolderOf) -> None:
    policy = load_policy(folder_of(name))
    sentence = settle_layout(policy)
    assert sentence is not None
    assert sentence.startswith(f"{type(policy.base).__name__} cannot share a prompt between completions")
    assert not policy.branching
    assert_equals_one_by_one(policy, folder_of(name), batch_of(), None)


@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt2"])
def test_padded_rows_on_request_give_the_same(name: str, folder_of: FolderOf) -> None:
    policy = load_policy(folder_of(name), padded=True)
    assert settle_layout(policy) is None
    assert not policy.branching
    assert_equals_one_by_one(policy, folder_of(name), batch_of(), "eager")


@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt2", "phi3, longrope"])
def test_changing_one_completion_changes_no_bit_of_another(name: str, folder_of: FolderOf) -> None:
    policy = settled(folder_of(name))
    rng = np.random.default_rng(5)
    groups = groups_of(rng)
    before = forward(policy, collate(groups), {"logp"}).logp_N
    chosen = groups[3].completions[1]
    other = Completion((chosen.tokens + 1).astype(np.int32), chosen.loss)
    siblings = groups[3].completions
    groups[3] = Group("x", groups[3].prompt, (siblings[0], other, *siblings[2:]), groups[3].columns)
    batch = collate(groups)
    after = forward(policy, batch, {"logp"}).logp_N
    assert before is not None
    assert after is not None
    changed = batch.completion_N == 7
    assert after[~changed].equal(before[~changed])
    assert not after[changed].allclose(before[changed])


def test_a_neighbour_of_another_length_changes_nothing_beyond_rounding(folder_of: FolderOf) -> None:
    policy = settled(folder_of("llama"))
    rng = np.random.default_rng(5)
    groups = groups_of(rng)
    alone = forward(policy, collate(groups[:1]), {"logp"}).logp_N
    together = forward(policy, collate([*groups[:1], random_group(rng, 31, [40, 2])]), {"logp"}).logp_N
    assert alone is not None
    assert together is not None
    torch.testing.assert_close(together[: len(alone)], alone, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", ["llama", "mistral, window 4", "gemma2", "gpt2", "gpt_neox"])
@pytest.mark.parametrize("padded", [False, True])
def test_scores_are_those_of_the_last_token_even_where_end_and_pad_are_one(
    name: str, padded: bool, tmp_path: Path
) -> None:
    folder = save_scored(tmp_path, BRANCHING[name])
    policy = settled(folder, task="score", padded=padded)
    assert policy.branching is not padded
    reference = plain(folder, AutoModelForSequenceClassification)
    # With a pad token transformers looks for the last token that is not one, and skips the end token.
    reference.config.pad_token_id = reference.config.get_text_config().pad_token_id = None
    batch = batch_of(end=policy.tokenizer.pad_token_id)
    assert policy.tokenizer.pad_token_id == policy.tokenizer.eos_token_id
    result = forward(policy, batch, {"score"}).score_C
    assert result is not None
    expected = torch.stack([reference(input_ids=text[None], use_cache=False).logits[0, 0] for text in texts_in(batch)])
    torch.testing.assert_close(result, expected, atol=1e-4, rtol=0)
    weights = torch.linspace(-1.0, 1.0, len(result))
    assert_same_gradients(
        list(gradients(policy.model, weights @ result)), list(gradients(reference, weights @ expected))
    )


def test_one_text_beyond_the_context_does_not_change_the_frequencies_of_its_neighbours(tmp_path: Path) -> None:
    """With longrope, short texts keep the short factors and long texts get the long ones, also with a shared prompt."""
    folder = save_model(tmp_path, BRANCHING["phi3, longrope"])
    rng = np.random.default_rng(0)
    mixed = [random_group(rng, 8, [2, 9]), random_group(rng, 2, [3]), random_group(rng, 9, [20])]
    lengths = {len(text) for text in texts_in(collate(mixed))}
    assert min(lengths) <= CONTEXT < max(lengths)
    for padded in (False, True):
        policy = settled(folder, padded=padded)
        for groups in (mixed, mixed[:1], mixed[1:2], mixed[2:]):
            assert_equals_one_by_one(policy, folder, collate(groups), "eager")


def test_texts_beyond_the_context_of_a_dynamic_rope_are_refused_by_name(tmp_path: Path) -> None:
    dynamic = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}
    folder = save_model(
        tmp_path, {"model_type": "llama", **COMMON, "max_position_embeddings": CONTEXT, "rope_parameters": dynamic}
    )
    policy = settled(folder)
    rng = np.random.default_rng(0)
    fits = random_group(rng, 6, [6, 2])
    assert_equals_one_by_one(policy, folder, collate([fits]), "eager")
    too_long = random_group(rng, 6, [2, 7])
    with pytest.raises(InputError, match=rf"{too_long.where}: 13 tokens.*`max_length` to at most 12"):
        forward(policy, collate([fits, too_long]), {"logp"})


@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt2"])
def test_log_probs_refer_to_the_sampling_temperature(name: str, folder_of: FolderOf) -> None:
    batch = batch_of()
    result = forward(settled(folder_of(name)), batch, BOTH, temperature=0.7)
    expected, entropy = one_by_one(plain(folder_of(name)), batch, temperature=0.7)
    torch.testing.assert_close(result.logp_N, expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(result.entropy_N, entropy, atol=1e-4, rtol=0)


def test_only_what_is_wanted_is_computed(folder_of: FolderOf) -> None:
    outputs = forward(settled(folder_of("llama")), batch_of(), {"logp"})
    assert outputs.logp_N is not None
    assert outputs.entropy_N is None
    assert outputs.score_C is None


@pytest.mark.parametrize("name", ["llama", "gemma2"])
def test_a_uniform_loss_has_the_same_gradients(name: str, folder_of: FolderOf) -> None:
    policy, batch = settled(folder_of(name)), batch_of()
    result, expected = (
        list(gradients(policy.model, -forward(policy, batch, {"logp"}, gradient=gradient).logp_N.sum()))  # type: ignore[union-attr]
        for gradient in (-1.0, None)
    )
    assert_same_gradients(result, expected, 1e-5)


def test_bfloat16_products_stay_near_float32_and_their_gradients_reach_float32_weights(folder_of: FolderOf) -> None:
    batch = batch_of()
    exact = forward(settled(folder_of("llama")), batch, {"logp"}).logp_N
    policy = settled(folder_of("llama"), autocast=torch.bfloat16)
    result = forward(policy, batch, {"logp"}).logp_N
    assert exact is not None
    assert result is not None
    assert result.dtype == torch.float32
    assert 0 < (result - exact).abs().mean() < 0.05
    for _, gradient in gradients(policy.model, result.sum()):
        assert gradient.dtype == torch.float32
        assert gradient.isfinite().all()


def test_the_prompt_is_computed_once(folder_of: FolderOf) -> None:
    """The row that goes through the layers holds each prompt once, whatever the number of completions."""
    policy = settled(folder_of("llama"))
    batch = collate([random_group(np.random.default_rng(0), 30, [1, 1, 1, 1])])
    assert packed_hidden(backbone_of(policy.base), batch).shape[0] == 34


@pytest.mark.parametrize("name", ["llama", "gemma2"])
def test_padding_behind_a_row_changes_nothing(name: str, tmp_path: Path) -> None:
    """Rows are padded on a GPU, so that few shapes are compiled."""
    policy = load_policy(save_model(tmp_path / "model", BRANCHING[name]))
    batch = batch_of()
    longer = with_padding(batch, len(batch.tokens_T) + 37)
    assert longer.predictor_N is batch.predictor_N
    body = backbone_of(policy.base)
    with torch.no_grad():
        before = packed_hidden(body, batch)
        after = packed_hidden(body, longer)[: len(before)]
    assert after.numpy() == pytest.approx(before.numpy(), abs=1e-5)
