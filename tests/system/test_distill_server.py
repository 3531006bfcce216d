"""Distillation from a teacher on a server, over real HTTP: the same as from a folder, and it survives the server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from byte_model import save_byte_model
from command_line import Answer, Posttrain
from http_server import Endpoint, serving, status
from teacher_server import scorer

RECIPE = """\
model: model
stages:
  distill:
    kind: distill
    data: prompts.jsonl
    validation: 0.25
    max_length: 64
    teacher: {teacher}
    max_new_tokens: 8
    num_generations: 2
    batch_size: 4
    epochs: 10
    max_steps: 4
    save_every: 1
    eval_every: 1000
    learning_rate: 3.0e-3
    show_every: 0
"""


@pytest.fixture
def server() -> Iterator[Any]:
    with serving() as httpd:
        yield httpd


@pytest.fixture
def folder(work: Path) -> Path:
    """The working directory, with prompts and a teacher."""
    save_byte_model(work / "teacher", seed=1)
    (work / "prompts.jsonl").write_text("".join(json.dumps({"prompt": f"Say {n}"}) + "\n" for n in range(14)))
    return work


def run(posttrain: Posttrain, teacher: Any, out: str, *more: str) -> Answer:
    Path("distill.yaml").write_text(RECIPE.format(teacher=json.dumps(teacher)))
    return posttrain("run", "distill.yaml", "--out", out, *more)


def at(server: Any, **more: Any) -> dict[str, Any]:
    return {"url": server.url, "model": "large", "retries": 0, "backoff": 0, **more}


def metrics(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(out, "stages/distill/metrics.jsonl").read_text().splitlines()]


def test_a_run_whose_server_goes_away_stops_with_one_sentence_and_resumes_at_another_address(
    folder: Path, server: Any, posttrain: Posttrain
) -> None:
    good = scorer(folder / "teacher")
    server.script[:] = [good]
    assert run(posttrain, at(server), "whole").code == 0
    requests = len(server.requests)
    server.requests.clear()
    server.script[:] = [*[good] * (requests // 2), status(503, "the teacher is being replaced")]
    answer = run(posttrain, at(server), "cut")
    assert answer.code == 1
    assert "stages.distill.teacher: prompts.jsonl:" in answer.err
    assert "answers 503: the teacher is being replaced (1 tries)" in answer.err
    assert "Traceback" not in answer.err
    assert 0 < len(metrics("cut")) < len(metrics("whole"))
    with serving() as moved:
        moved.script[:] = [good]
        answer = run(posttrain, at(moved, timeout=30, concurrency=2, scoring="echo"), "cut")
        assert answer.code == 0, answer.err
        assert len(moved.requests) < requests
    model = "stages/distill/model/model.safetensors"
    assert Path("cut", model).read_bytes() == Path("whole", model).read_bytes()


def test_a_server_with_another_tokenizer_is_refused_before_training(
    folder: Path, server: Any, posttrain: Posttrain
) -> None:
    other = folder / "other"
    save_byte_model(other)
    tokenizer = AutoTokenizer.from_pretrained(other)
    tokenizer.add_tokens(["Say"])  # a token that the policy does not have
    tokenizer.save_pretrained(other)
    good = scorer(folder / "teacher")
    encode = AutoTokenizer.from_pretrained(other)

    def reply(endpoint: Endpoint, body: dict[str, Any]) -> None:
        ids = [min(i, 261) for i in encode(body["prompt"])["input_ids"]] if isinstance(body["prompt"], str) else None
        good(endpoint, body if ids is None else {**body, "prompt": ids})

    server.script[:] = [reply]
    answer = run(posttrain, at(server), "out")
    assert answer.code == 2
    assert (
        f"stages.distill.teacher: large at {server.url} has another tokenizer than the policy (there are" in answer.err
    )
    assert "train with sft on the teacher's answers" in answer.err
    assert not Path("out/stages/distill/metrics.jsonl").exists()


def test_a_key_that_is_not_set_stops_the_run_before_a_request(
    folder: Path, server: Any, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TEACHER_KEY", raising=False)
    answer = run(posttrain, at(server, key_from="TEACHER_KEY"), "out")
    assert answer.code == 2
    assert "stages.distill.teacher: key_from: the environment variable TEACHER_KEY is not set" in answer.err
    assert not server.requests


def test_a_server_scores_at_temperature_one_only(folder: Path, server: Any, posttrain: Posttrain) -> None:
    answer = run(posttrain, at(server), "out", "--set", "stages.distill.temperature=0.7")
    assert answer.code == 2
    assert "a server returns log-probs at temperature 1; remove `temperature`" in answer.err


def test_the_plan_sends_no_request_and_counts_no_memory_for_the_server(
    folder: Path, server: Any, posttrain: Posttrain
) -> None:
    Path("distill.yaml").write_text(RECIPE.format(teacher=json.dumps(at(server))))
    answer = posttrain("plan", "distill.yaml", "--json")
    assert answer.code == 0, answer.err
    assert '"teacher"' not in answer.out
    assert '"reference"' not in answer.out
    assert not server.requests
