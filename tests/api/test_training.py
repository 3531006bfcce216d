"""`fit`: the loop on groups and losses of one's own, the same as a stage trains."""

from pathlib import Path

import numpy as np
import pytest
import torch

import posttrain as pt
from posttrain.policy.inference import outputs_by_group

OPTIONS = pt.TrainOptions(epochs=3, batch_size=4, learning_rate=1e-2)
WORDS = ("abc", "bcd", "cde", "def", "efa", "fab", "ace", "bdf")


@pytest.fixture
def model(work: Path) -> pt.Model:
    return pt.load("model", precision="float32")


def imitation(model: pt.Model) -> list[pt.Group]:
    return [model.group(f"Say {word}.", [word], where=word) for word in WORDS]


def weights(model: pt.Model) -> list[bytes]:
    return [parameter.detach().numpy().tobytes() for parameter in model.policy.model.parameters()]


def test_each_step_is_reported_and_the_loss_falls(model: pt.Model) -> None:
    before = weights(model)
    result = pt.fit(
        model.policy, imitation(model), pt.objectives.SFT, OPTIONS, held_out=imitation(model)[:2], quiet=True
    )
    assert [step["step"] for step in result.metrics] == [1, 2, 3, 4, 5, 6]
    assert result.metrics[-1]["loss"] < result.metrics[0]["loss"]
    assert result.policy is model.policy
    assert weights(model) != before
    assert result.held_out["eval_loss"].value == pytest.approx(result.evaluations[-1]["eval_loss"])
    assert "loss" in repr(result)


def test_an_own_loss_that_is_imitation_trains_the_same_weights_as_sft(model: pt.Model, work: Path) -> None:
    def loss(outputs: pt.Outputs, batch: pt.Batch) -> pt.Loss:
        assert outputs.logp_N is not None
        total = -outputs.logp_N.sum()
        return pt.Loss(total, {"loss": (total.detach(), len(outputs.logp_N))})

    own = pt.Objective(loss, wants=frozenset({"logp"}), needs=frozenset(), unit="token")
    other = pt.load("model", precision="float32")
    first = pt.fit(model.policy, imitation(model), pt.objectives.SFT, OPTIONS, quiet=True)
    second = pt.fit(other.policy, imitation(other), own, OPTIONS, quiet=True)
    assert [step["loss"] for step in second.metrics] == pytest.approx(
        [step["loss"] for step in first.metrics], rel=1e-4
    )


def test_the_reference_is_the_policy_before_the_first_step(model: pt.Model) -> None:
    groups = [model.group(f"Say {word}.", [word, "no"], rank=[1, 2]) for word in WORDS]
    reference = [outputs.logp_N for outputs in outputs_by_group(model.policy, groups, {"logp"}, 2048)]
    given = [
        pt.Group(g.where, g.prompt, g.completions, {**g.columns, "ref_logp": r.numpy()})
        for g, r in zip(groups, reference, strict=True)
        if r is not None
    ]
    dpo = pt.objectives.dpo_objective(pt.objectives.DPOOptions(beta=0.5))
    other = pt.load("model", precision="float32")
    computed = pt.fit(model.policy, groups, dpo, OPTIONS, quiet=True)
    expected = pt.fit(other.policy, given, dpo, OPTIONS, quiet=True)
    assert computed.metrics[0]["loss"] == pytest.approx(np.log(2), abs=1e-5)
    assert weights(model) == weights(other)
    assert computed.metrics[-1]["rewards/accuracies"] == expected.metrics[-1]["rewards/accuracies"] == 1.0


def test_a_folder_keeps_checkpoints_and_goes_on_to_the_same_weights(model: pt.Model, tmp_path: Path) -> None:
    short = OPTIONS.model_copy(update={"max_steps": 6, "save_every": 2})
    whole = pt.load("model", precision="float32")
    pt.fit(whole.policy, imitation(whole), pt.objectives.SFT, short, folder=tmp_path / "whole", quiet=True)
    again = pt.load("model", precision="float32")
    result = pt.fit(again.policy, imitation(again), pt.objectives.SFT, short, folder=tmp_path / "whole", quiet=True)
    assert result.folder == tmp_path / "whole"
    assert len(result.metrics) == 6
    assert weights(again) == weights(whole)


def test_the_saved_folder_is_the_trained_model(model: pt.Model, tmp_path: Path) -> None:
    result = pt.fit(model.policy, imitation(model), pt.objectives.SFT, OPTIONS, quiet=True)
    loaded = pt.load(result.save(tmp_path / "saved"), precision="float32")
    for ours, theirs in zip(model.policy.model.parameters(), loaded.policy.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_what_is_missing_is_named_by_its_group(model: pt.Model) -> None:
    groups = [model.group("a", ["b", "c"], rank=[1, 2]), model.group("a", ["b", "c"], where="second")]
    dpo = pt.objectives.dpo_objective(pt.objectives.DPOOptions())
    with pytest.raises(pt.InputError, match=r"^groups\[1\] \(second\): .*rank"):
        pt.fit(model.policy, groups, dpo, OPTIONS)
    with pytest.raises(pt.InputError, match=r"^groups: "):
        pt.fit(model.policy, [], pt.objectives.SFT, OPTIONS)
    with pytest.raises(pt.InputError, match=r"^mine: rank needs a number for each of the 2"):
        model.group("a", ["b", "c"], where="mine", rank=[1])
    with pytest.raises(pt.InputError, match=r"^long: cannot train, longer than max_length"):
        model.group("a" * 300, ["b"], where="long")


def test_loss_falls_on_the_completion_through_its_end_token_alone(model: pt.Model) -> None:
    (completion,) = model.group("Say abc.", ["abc"]).completions
    text = model.policy.tokenizer.decode(completion.tokens[completion.loss])
    assert text == "abc</s>"
