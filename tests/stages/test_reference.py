"""A teacher on a server gives the same log-probs as the same model in memory."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from byte_model import save_byte_model
from http_server import serving
from posttrain.core.group import Completion, Group
from posttrain.generation.options import ScoringEndpointOptions
from posttrain.policy.open import open_policy
from posttrain.policy.options import PolicyOptions
from posttrain.policy.reference_model import freeze, frozen_logprobs
from posttrain.stages.reference import server_reference
from teacher_server import scorer


def group(where: str, prompt: list[int], *completions: list[int]) -> Group:
    """A group in which only the tokens above 100 bear loss."""
    written = [Completion(np.array(tokens, np.int32), np.array(tokens) > 100) for tokens in completions]
    return Group(where, np.array(prompt, np.int32), tuple(written))


@pytest.mark.parametrize("form", ["prompt_logprobs", "echo"])
def test_logprobs_of_a_server_are_those_of_the_model_in_memory(tmp_path: Path, form: Any) -> None:
    folder = save_byte_model(tmp_path / "teacher")
    groups = [
        group("p:1", [1, 4, 80, 5], [120, 90, 130], [101, 2, 250, 140]),
        group("p:2", [1], [200, 201]),
    ]
    policy = freeze(open_policy(str(folder), PolicyOptions(device="cpu", precision="float32"), train=False))
    here = frozen_logprobs(policy, policy, row_tokens=64, temperature=1.0)(groups)
    with serving() as server:
        server.script[:] = [scorer(folder)]
        options = ScoringEndpointOptions(url=server.url, model="m", scoring=form)
        there = server_reference(options, "stages.distill.teacher")(groups)
    assert [len(values) for values in there] == [each.loss_tokens for each in groups]
    for one, other in zip(here, there, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
