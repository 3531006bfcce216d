"""Candidates from the command line: one model or several, here or behind HTTP, killed and gone on with."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from byte_model import save_byte_model
from command_line import Posttrain
from http_server import Endpoint, says, serving, status
from posttrain.data.files.read import read_rows
from posttrain.data.formats.examples import read_examples

STAGES = """\
model: model
stages:
  sft: {kind: sft, data: train.jsonl, max_length: 128, max_steps: 2}
  candidates:
    kind: candidates
    models: [sft, other]
    data: prompts.jsonl
    max_new_tokens: 12
"""

SHORT = ("--max-new-tokens", "12")


@pytest.fixture
def prompts_folder(work: Path) -> Path:
    rows: list[dict[str, Any]] = [{"id": f"row-{n}", "prompt": f"Say {n}"} for n in range(20)]
    rows.append({"id": "talk", "prompt": [{"role": "user", "content": "Hi"}], "system": "Be kind"})
    (work / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (work / "stages.yaml").write_text(STAGES)
    save_byte_model(work / "other", seed=1)
    return work


@pytest.fixture
def server() -> Iterator[Any]:
    with serving() as httpd:
        yield httpd


def echo(endpoint: Endpoint, body: dict[str, Any]) -> None:
    question = body["messages"][-1]["content"]
    says(*(f"{question}, seed {body['seed']}, {n}" for n in range(body.get("n", 1))))(endpoint, body)


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_stage_writes_what_people_rank_and_rankings_train_a_reward_model(
    prompts_folder: Path, posttrain: Posttrain
) -> None:
    answer = posttrain("run", "stages.yaml", "--out", "out", "--json")
    assert answer.code == 0, answer.err
    figures = json.loads(answer.out)["candidates"]
    assert figures["candidates/per_prompt"]["after"] == 4.0
    assert figures["candidates/per_prompt"]["n"] == 21
    folder = prompts_folder / "out/stages/candidates"
    assert not (folder / "model").exists()
    rows = rows_of(folder / "candidates.jsonl")
    assert rows[3]["id"] == "row-3"
    assert rows[-1]["prompt"][0] == {"role": "system", "content": "Be kind"}
    assert all(Counter(c["model"] for c in row["candidates"]) == {"sft": 2, "other": 2} for row in rows)
    params = json.loads((folder / "params.json").read_text())
    assert {c["params_hash"] for row in rows for c in row["candidates"]} == set(params)
    ranked = [{**row, "ranks": {c["id"]: n for n, c in enumerate(row["candidates"], 1)}} for row in rows]
    (prompts_folder / "ranked.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ranked))
    read = list(read_examples(read_rows("ranked.jsonl", base=prompts_folder), "preference"))
    assert [[turns[0]["content"] for turns in e.completions] for e in read] == [
        [c["text"] for c in row["candidates"]] for row in rows
    ]
    (prompts_folder / "reward.yaml").write_text(
        "model: model\nstages:\n  reward: {kind: reward, data: ranked.jsonl, max_length: 128, max_steps: 1}\n"
    )
    answer = posttrain("run", "reward.yaml", "--out", "reward")
    assert answer.code == 0, answer.err


def test_generate_writes_the_same_in_one_file_by_seed(prompts_folder: Path, posttrain: Posttrain) -> None:
    for out, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        answer = posttrain(
            "generate", "model", "--data", "prompts.jsonl", "--out", f"{out}.jsonl", "-k", "3", "--seed", seed, *SHORT
        )
        assert answer.code == 0, answer.err
    a, b, c = ((prompts_folder / f"{name}.jsonl").read_bytes() for name in "abc")
    assert a == b != c
    assert all(len(row["candidates"]) == 3 for row in rows_of(prompts_folder / "a.jsonl"))
    assert (prompts_folder / "a.params.json").read_text() == (prompts_folder / "c.params.json").read_text()
    assert not list(prompts_folder.glob("*.draws"))


def test_a_plan_tells_prompts_memory_and_stops_without_weights(prompts_folder: Path, posttrain: Posttrain) -> None:
    (prompts_folder / "other/model.safetensors").write_bytes(b"not weights")
    answer = posttrain("plan", "stages.yaml", "--json")
    assert answer.code == 0, answer.err
    plan = json.loads(answer.out)[1]
    assert plan["models"] == ["sft", "other"]
    assert plan["parts"]["train"]["groups"] == 21
    assert plan["steps"] == 0
    assert plan["stops_on"] == ["</s>"]
    assert plan["memory_bytes"]["weights"] > 0
    assert posttrain("plan", "stages.yaml").code == 0


def test_a_server_writes_beside_a_model_of_our_own(prompts_folder: Path, server: Any, posttrain: Posttrain) -> None:
    server.script[:] = [echo]
    remote = f"theirs@{server.url}"
    answer = posttrain(
        "generate", "model", "--model", remote, "--data", "prompts.jsonl", "--out", "c.jsonl", "--json", *SHORT
    )
    assert answer.code == 0, answer.err
    rows = rows_of(prompts_folder / "c.jsonl")
    assert len(rows) == 21
    for row in rows:
        assert Counter(c["model"] for c in row["candidates"]) == {"model": 2, remote: 2}
        question = row["prompt"] if isinstance(row["prompt"], str) else row["prompt"][-1]["content"]
        assert all(c["text"].startswith(question) for c in row["candidates"] if c["model"] == remote)
    assert {body["model"] for _, _, body in server.requests} == {"theirs"}
    assert {body["max_tokens"] for _, _, body in server.requests} == {12}
    settings = {one["name"]: one for one in json.loads((prompts_folder / "c.params.json").read_text()).values()}
    assert settings[remote]["url"] == server.url


def test_a_recipe_asks_a_server_alone_and_replaces_what_it_repeats(
    prompts_folder: Path, server: Any, posttrain: Posttrain
) -> None:
    def repeats(endpoint: Endpoint, body: dict[str, Any]) -> None:
        fresh = len([b for _, _, b in server.requests if b["messages"] == body["messages"]])
        says(*(f"answer {fresh}" for _ in range(body.get("n", 1))))(endpoint, body)

    server.script[:] = [repeats]
    (prompts_folder / "remote.yaml").write_text(
        "model: model\nstages:\n  candidates:\n    kind: candidates\n    data: prompts.jsonl\n    k: 3\n"
        f'    models: [{{url: "{server.url}", model: m}}]\n    redraws: 2\n'
    )
    answer = posttrain("run", "remote.yaml", "--out", "out", "--json")
    assert answer.code == 0, answer.err
    figures = json.loads(answer.out)["candidates"]
    assert figures["candidates/per_prompt"]["after"] == 3.0
    assert figures["candidates/replaced_ratio"]["after"] == pytest.approx(2 / 3)
    assert len(server.requests) == 3 * 21
    assert posttrain("plan", "remote.yaml", "--json").code == 0


def test_what_a_server_wrote_before_it_failed_is_kept(prompts_folder: Path, server: Any, posttrain: Posttrain) -> None:
    rows = [{"prompt": f"Say {n}"} for n in range(150)]
    (prompts_folder / "many.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ("generate", f"m@{server.url}", "--data", "many.jsonl", "--out", "c.jsonl")
    server.script[:] = [echo] * 100 + [status(401)]
    answer = posttrain(*arguments)
    assert answer.code == 2
    assert "many.jsonl:" in answer.err
    assert "401" in answer.err
    assert not (prompts_folder / "c.jsonl").exists()
    before = {body["messages"][-1]["content"] for _, _, body in server.requests[:64]}
    server.requests.clear()
    server.script[:] = [echo]
    assert posttrain(*arguments).code == 0
    again = {body["messages"][-1]["content"] for _, _, body in server.requests}
    assert len(before - again) == 64, "the first chunk is not requested again"
    assert len(rows_of(prompts_folder / "c.jsonl")) == 150


@pytest.mark.slow
def test_killed_again_and_again_it_ends_with_the_same_bytes(prompts_folder: Path, posttrain: Posttrain) -> None:
    rows = [{"prompt": f"Tell {n}"} for n in range(160)]
    (prompts_folder / "many.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def arguments(out: str) -> list[str]:
        models = ["model", "--model", "other"]
        settings = ["-k", "4", "--max-new-tokens", "24", "--set", "similar=0.3"]  # so that there is much to replace
        return ["generate", *models, "--data", "many.jsonl", "--out", out, *settings]

    assert posttrain(*arguments("whole.jsonl")).code == 0
    rng = random.Random(0)
    kills = 0
    for _ in range(20):
        chunks = len(list(prompts_folder.glob("killed.jsonl.draws/stages/candidates/draws/*/*/*.json")))
        process = subprocess.Popen(
            [sys.executable, "-m", "posttrain", *arguments("killed.jsonl")],
            cwd=prompts_folder,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < until:
            if len(list(prompts_folder.glob("killed.jsonl.draws/stages/candidates/draws/*/*/*.json"))) > chunks:
                break
            time.sleep(0.01)
        time.sleep(rng.random() * 0.5)
        process.kill()
        kills += process.wait() == -signal.SIGKILL
        if kills == 2 or process.returncode == 0:
            break
    assert kills > 0
    if not (prompts_folder / "killed.jsonl").exists():
        assert posttrain(*arguments("killed.jsonl")).code == 0
    assert (prompts_folder / "killed.jsonl").read_bytes() == (prompts_folder / "whole.jsonl").read_bytes()


WRONG: dict[str, tuple[tuple[str, str], tuple[str, ...]]] = {
    "no such model": (("models: [sft, other]", "models: [sft, othr]"), ("stages.yaml:6", "models.1", "othr")),
    "both model and models": (("models:", "model: sft\n    models:"), ("stages.candidates", "keep one")),
    "a model named twice": (("models: [sft, other]", "models: [sft, sft]"), ("twice",)),
    "more models than candidates": (
        ("data: prompts", "k: 2\n    models: [a/a, b/b, c/c]\n    data: prompts"),
        ("k = 2",),
    ),
    "a server without a model": (
        ("models: [sft, other]", 'models: [{url: "http://localhost/v1"}]'),
        ("stages.yaml:6", "models.0.model", "missing"),
    ),
    "a server's misspelt key": (
        ("models: [sft, other]", 'models: [{url: "http://localhost/v1", modle: m}]'),
        ("stages.candidates.models.0.modle", "did you mean model"),
    ),
    "no server": (("models: [sft, other]", "models: [{url: nowhere, model: m}]"), ("models.0.url", "nowhere")),
    "one candidate": (("kind: candidates", "kind: candidates\n    k: 1"), ("stages.candidates.k", "greater")),
    "held-out prompts": (("kind: candidates", "kind: candidates\n    validation: 0.1"), ("validation", "unknown key")),
    "no room": (("max_new_tokens: 12", "max_new_tokens: 4000"), ("max_new_tokens", "max_length")),
    "no such prompts": (("prompts.jsonl", "promts.jsonl"), ("did you mean prompts.jsonl",)),
    "a stage from what was never trained": (
        ("stages:\n", "stages:\n  dpo: {kind: dpo, model: candidates, data: pairs.jsonl}\n"),
        ("stages.dpo.model", "candidates", "no model"),
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_in_a_recipe_is_one_sentence(case: str, prompts_folder: Path, posttrain: Posttrain) -> None:
    (old, new), messages = WRONG[case]
    if case == "more models than candidates":
        (prompts_folder / "stages.yaml").write_text(STAGES.replace("    models: [sft, other]\n", ""))
    text = (prompts_folder / "stages.yaml").read_text()
    assert old in text
    (prompts_folder / "stages.yaml").write_text(text.replace(old, new))
    answer = posttrain("run", "stages.yaml", "--out", "out")
    assert answer.code == 2, answer.err
    assert answer.err.count("error: ") == 1
    assert "Traceback" not in answer.err
    for words in messages:
        assert words in answer.err, answer.err


COMMANDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "no such folder": (("nowhere",), ("nowhere", "no such model folder")),
    "no model at all": ((), ("model",)),
    "misspelt key": (("model", "--set", "similr=0.9"), ("did you mean similar",)),
    "a value out of bounds": (("model", "--set", "similar=2"), ("similar", "less than")),
    "temperature of nothing": (("model", "--temperature", "0"), ("temperature", "greater than 0")),
    "one candidate": (("model", "-k", "1"), ("-k",)),
    "the same model twice": (("model", "--model", "model"), ("twice",)),
    "a server that is none": (("m@http://",), ("url",)),
    "a file that is there": (("model", "--out", "train.jsonl"), ("train.jsonl", "already")),
    "another kind of file": (("model", "--out", "c.csv"), ("c.csv", ".jsonl")),
    "no prompts": (("model", "--data", "promts.jsonl"), ("did you mean prompts.jsonl",)),
    "rows without prompts": (("model", "--data", "other.jsonl"), ("other.jsonl:1", "prompt")),
    "an id twice": (("model", "--data", "twice.jsonl"), ("twice.jsonl:2", "twice.jsonl:1")),
    "tools for a server": (("m@http://127.0.0.1:1/v1", "--data", "tools.jsonl"), ("tools.jsonl:1", "tools")),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_a_mistake_on_the_command_line_is_one_sentence(case: str, prompts_folder: Path, posttrain: Posttrain) -> None:
    (prompts_folder / "other.jsonl").write_text('{"question": "?"}\n')
    (prompts_folder / "twice.jsonl").write_text('{"id": 1, "prompt": "a"}\n{"id": 1, "prompt": "b"}\n')
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    (prompts_folder / "tools.jsonl").write_text(json.dumps({"prompt": "a", "tools": [tool]}) + "\n")
    arguments, messages = COMMANDS[case]
    answer = posttrain("generate", "--data", "prompts.jsonl", "--out", "c.jsonl", *SHORT, *arguments)
    assert answer.code == 2, answer.err
    assert not list(prompts_folder.glob("*.draws")), "nothing was drawn, so nothing is kept"
    assert "Traceback" not in answer.err
    assert not (prompts_folder / "c.jsonl").exists()
    for words in messages:
        assert words in answer.err, answer.err


def test_prompts_that_cannot_be_used_are_counted(prompts_folder: Path, posttrain: Posttrain) -> None:
    rows = [{"prompt": "Say 1"}, {"prompt": "Say 1"}, {"prompt": ""}, {"prompt": "long " * 100}, {"prompt": "Say 2"}]
    (prompts_folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    answer = posttrain("generate", "model", "--data", "prompts.jsonl", "--out", "c.jsonl", *SHORT)
    assert answer.code == 0, answer.err
    assert len(rows_of(prompts_folder / "c.jsonl")) == 2
    for place in (2, 3, 4):
        assert f"prompts.jsonl:{place}" in answer.err


def test_stop_strings_are_cut_off_and_help_gives_an_example(prompts_folder: Path, posttrain: Posttrain) -> None:
    command = ("generate", "model", "--data", "prompts.jsonl", "--max-new-tokens", "40")
    assert posttrain(*command, "--out", "plain.jsonl").code == 0
    plain = [c["text"] for row in rows_of(prompts_folder / "plain.jsonl") for c in row["candidates"]]
    letter = Counter("".join(plain)).most_common(1)[0][0]
    assert posttrain(*command, "--out", "cut.jsonl", "--set", f"stop=[{json.dumps(letter)}]").code == 0
    cut = [c["text"] for row in rows_of(prompts_folder / "cut.jsonl") for c in row["candidates"]]
    assert not any(letter in text for text in cut)
    assert "Example: posttrain generate" in posttrain("generate", "--help").out
