"""Template arguments and traces in whole runs: plan, audit, training, suites, the saved folder and `posttrain eval`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from byte_model import save_byte_model
from command_line import Posttrain
from http_server import says, serving
from posttrain.api.models import opened_model
from posttrain.data.example import Example
from posttrain.policy.options import PolicyOptions
from posttrain.rollouts.scoring import conversation_scores
from suite_rows import write_rows

# Earlier traces are left out, and a new answer starts behind <think> if the model thinks.
TEMPLATE = """\
{%- set ns = namespace(last=0) %}
{%- for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}
{%- for m in messages %}{{ '<|' + m.role + '|>' }}
{%- if m.reasoning_content and loop.index0 > ns.last %}{{ '<think>' + m.reasoning_content + '</think>' }}{% endif %}
{{- m.content + '</s>' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|assistant|>' }}{% if thinking %}{{ '<think>' }}{% endif %}{% endif %}"""

RECIPE = """\
model: thinker
suites:
  own: {data: asks.jsonl, metrics: contains, max_new_tokens: 2}
  thinks: {data: asks.jsonl, metrics: contains, max_new_tokens: 2, template_arguments: {thinking: true}}
stages:
  sft:
    kind: sft
    data: talks.jsonl
    template_arguments: {thinking: false}
    max_length: 128
    max_steps: 1
"""
REWARDED = """\
model: thinker
stages:
  rm: {kind: reward, data: pairs.jsonl, reasoning: drop, max_length: 128, max_steps: 1}
  grpo:
    kind: grpo
    data: asks.jsonl
    max_length: 64
    max_new_tokens: 2
    num_generations: 2
    batch_size: 2
    max_steps: 1
    rewards: {rm: {kind: model, model: rm}}
"""
EARLIER = "earlier reasoning traces that the template leaves out; they are not trained on: 12"


def thought(content: str) -> dict[str, str]:
    return {"role": "assistant", "reasoning_content": "I count.", "content": content}


@pytest.fixture(scope="module")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_byte_model(tmp_path_factory.mktemp("thinker") / "model", template=TEMPLATE)


@pytest.fixture
def thinks(work: Path, thinker: Path) -> Path:
    (work / "thinker").symlink_to(thinker)
    questions = [{"role": "user", "content": f"Say {n}"} for n in range(13)]
    talks = [{"messages": [questions[n], thought("a"), questions[n + 1], thought("b")]} for n in range(12)]
    write_rows(work / "talks.jsonl", talks)
    write_rows(work / "asks.jsonl", [{"prompt": "Say 1", "target": "1"}, {"prompt": "Say 2", "target": "2"}])
    pairs = [{"prompt": [q], "chosen": [thought("yes")], "rejected": [thought("no")]} for q in questions]
    write_rows(work / "pairs.jsonl", pairs)
    (work / "recipe.yaml").write_text(RECIPE)
    (work / "rewarded.yaml").write_text(REWARDED)
    return work


@pytest.fixture
def server() -> Iterator[Any]:
    with serving() as httpd:
        httpd.script = [says("1")]
        yield httpd


def opened(file: Path) -> set[bool]:
    """Whether the answers of a suite begin with <think>."""
    return {json.loads(line)["answer"].startswith("<think>") for line in file.read_text().splitlines()}


def test_training_suites_the_folder_and_eval_agree_unless_told_otherwise(
    thinks: Path, posttrain: Posttrain, server: Any
) -> None:
    plan = posttrain("plan", "recipe.yaml", "--json")
    assert plan.code == 0, plan.err
    assert EARLIER in plan.out
    run = posttrain("run", "recipe.yaml", "--out", "out", "--json")
    assert run.code == 0, run.err
    for place in ("base", "stages/sft"):
        assert opened(thinks / f"out/{place}/behaviour/samples_own.jsonl") == {False}
        assert opened(thinks / f"out/{place}/behaviour/samples_thinks.jsonl") == {True}
    card = (thinks / "out/stages/sft/model/README.md").read_text()
    assert "`thinking: false`" in card
    assert '`{"chat_template_kwargs": {"thinking": false}}`' in card
    suite = ("--data", "asks.jsonl", "--metrics", "contains", "--set", "max_new_tokens=2", "--out")
    assert posttrain("eval", "out:sft", *suite, "own").code == 0
    assert opened(thinks / "own/samples_asks.jsonl") == {False}
    assert posttrain("eval", "out:sft", *suite, "other", "--template-arguments", "thinking=true").code == 0
    assert opened(thinks / "other/samples_asks.jsonl") == {True}
    evaluation = json.loads((thinks / "other/evaluation.json").read_text())
    assert evaluation["suites"]["asks"]["template_arguments"] == {"thinking": True}
    served = posttrain("eval", f"m@{server.url}", *suite, "served", "--template-arguments", "thinking=false")
    assert served.code == 0, served.err
    assert [body["chat_template_kwargs"] for _, _, body in server.requests] == [{"thinking": False}] * 2


def test_a_stage_and_the_first_measurement_run_again_when_the_template_file_changes(
    thinks: Path, posttrain: Posttrain
) -> None:
    (thinks / "mine.jinja").write_text(TEMPLATE)
    (thinks / "recipe.yaml").write_text(RECIPE.replace("kind: sft\n", "kind: sft\n    template: mine.jinja\n"))
    assert posttrain("run", "recipe.yaml", "--out", "out").code == 0
    stages = (thinks / "out/base", thinks / "out/stages/sft")
    before = [(folder / "started.json").read_text() for folder in stages]
    (thinks / "mine.jinja").write_text(TEMPLATE + "{# another version #}")
    assert posttrain("run", "recipe.yaml", "--out", "out").code == 0
    assert all((folder / "started.json").read_text() != text for folder, text in zip(stages, before, strict=True))


@pytest.mark.parametrize("command", ["plan", "run", "audit"])
def test_arguments_that_the_template_never_reads_are_errors_before_training(
    thinks: Path, posttrain: Posttrain, command: str
) -> None:
    start = (command, "--recipe", "recipe.yaml") if command == "audit" else (command, "recipe.yaml")
    row = {"prompt": "Say 1", "completion": "1", "chat_template_kwargs": {"thinkin": True}}
    write_rows(thinks / "talks.jsonl", [row])
    answer = posttrain(*start)
    assert answer.code == 2
    assert "talks.jsonl:1: chat_template_kwargs.thinkin: the chat template never reads it" in " ".join(
        answer.err.split()
    )
    if command != "audit":
        (thinks / "recipe.yaml").write_text(RECIPE.replace("{thinking: true}", "{thinkin: true}"))
        write_rows(thinks / "talks.jsonl", [{"prompt": "Say 1", "completion": "1"}])
        answer = posttrain(*start)
        assert answer.code == 2
        assert "suites.thinks.template_arguments.thinkin: the chat template never reads it" in " ".join(
            answer.err.split()
        )


def test_the_audit_names_rows_whose_arguments_are_no_object(thinks: Path, posttrain: Posttrain) -> None:
    rows = [{"prompt": f"Say {n}", "completion": "1", "chat_template_kwargs": 7 if n == 3 else None} for n in range(6)]
    write_rows(thinks / "talks.jsonl", rows)
    found = json.loads(posttrain("audit", "talks.jsonl", "--json").out)
    text = json.dumps(found)
    assert "talks.jsonl:4" in text
    assert "chat_template_kwargs must be an object" in text


def test_saved_answers_have_no_template(thinks: Path, posttrain: Posttrain) -> None:
    answer = posttrain(
        "eval", "--saved", "a.jsonl", "--data", "asks.jsonl", "--out", "x", "--template-arguments", "thinking=true"
    )
    assert answer.code == 2
    assert "saved answers exist already, and no template is read" in " ".join(answer.err.split())


def test_a_reward_model_without_traces_scores_answers_without_them(thinks: Path, posttrain: Posttrain) -> None:
    asks = [{"prompt": "Say 1", "chat_template_kwargs": {"thinking": True}}, {"prompt": "Say 2"}]
    write_rows(thinks / "asks.jsonl", asks)
    run = posttrain("run", "rewarded.yaml", "--out", "out")
    assert run.code == 0, run.err
    assert "rewards.rm: rm scores answers without their reasoning traces" in " ".join(run.err.split())
    rows = [json.loads(line) for line in next((thinks / "out/stages/grpo/completions").iterdir()).open()]
    assert {(row["prompt"], row["completion"].startswith("<think>")) for row in rows} == {
        ("Say 1", True),
        ("Say 2", False),
    }
    model = opened_model("out/stages/rm/model", PolicyOptions(), template=None, task="score")
    question = ({"role": "user", "content": "Say 1"},)
    answers = ("yes", "<think>I count.</think>yes", "no")
    talks = [Example("x", question, (({"role": "assistant", "content": text},),)) for text in answers]
    scores = conversation_scores(model.policy, model.renderer, talks)
    assert scores[0] == scores[1] != scores[2]
