"""A saved folder is the model that was trained and measured, whichever stages were stacked."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import AutoPeftModelForCausalLM, AutoPeftModelForSequenceClassification
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

import posttrain
from command_line import Posttrain
from posttrain.core.group import Group
from posttrain.data.sets.store import GroupStore
from posttrain.files import sha256_of
from posttrain.policy import verify

BASE = Path(posttrain.__file__).parent / "demo/base"

FLOAT32: Any = {"dtype": torch.float32}  # the base is stored in half precision, and trained in float32

LORA = "lora: {rank: 4}, "
SHARED = "validation: 0.4, max_length: 96, batch_size: 8, epochs: 1, learning_rate: 3.0e-3"
SHORT = "rewards: {short: {kind: length, unit: characters, free: 5, margin: 40}}"
WRITING = f"max_new_tokens: 8, num_generations: 4, max_steps: 2, {SHORT}"


def sft(lora: str, model: str = "") -> str:
    return f"{{kind: sft, {model}data: texts.jsonl, {lora}{SHARED}}}"


def dpo(lora: str, model: str) -> str:
    return f"{{kind: dpo, {model}data: pairs.jsonl, {lora}{SHARED}}}"


def reward(lora: str, model: str) -> str:
    return f"{{kind: reward, {model}data: pairs.jsonl, {lora}{SHARED}}}"


def on_policy(kind: str, lora: str, model: str) -> str:
    return f"{{kind: {kind}, {model}data: asks.jsonl, beta: 0.05, {lora}{WRITING}, {SHARED}}}"


def after(stage: str) -> str:
    return f"model: {stage}, "


STACKS = {
    "two adapters": {"a": sft(LORA), "b": dpo(LORA, after("a"))},
    "four adapters": {
        "a": sft(LORA),
        "b": dpo(LORA, after("a")),
        "c": sft("lora: {rank: 2, target_modules: [q_proj]}, ", after("b")),
        "d": dpo("lora: {rank: 3, target_modules: [v_proj, up_proj]}, ", after("c")),
    },
    "an adapter, then all weights": {"a": sft(LORA), "b": dpo("", after("a")), "c": sft("", after("b"))},
    "all weights, then an adapter": {"a": sft(""), "b": dpo(LORA, after("a"))},
    "an adapter beside a layer trained whole": {
        "a": sft("lora: {rank: 2, modules_to_save: [norm]}, "),
        "b": sft(LORA, after("a")),
        "c": sft("lora: {rank: 2, modules_to_save: [norm]}, ", after("b")),
    },
    "reward models on an adapter": {
        "a": sft(LORA),
        "rm": reward(LORA, after("a")),
        "whole": reward("", after("a")),
    },
    "GRPO on an adapter": {"a": sft(LORA), "g": on_policy("grpo", LORA, after("a")), "b": sft(LORA, after("g"))},
    "PPO on an adapter": {"a": sft(LORA), "p": on_policy("ppo", LORA, after("a")), "b": sft("", after("p"))},
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rows = [f"the {animal} number {n}" for n in range(5) for animal in ("cat", "dog", "owl", "fox")]
    texts = [{"prompt": f"Tell me of {row}.", "completion": f"Once there was {row}."} for row in rows]
    pairs = [{"prompt": f"Of {row}?", "chosen": f"It was {row}.", "rejected": "No."} for row in rows]
    asks = [{"prompt": f"Say {row}.", "answer": row} for row in rows]
    for name, some in (("texts", texts), ("pairs", pairs), ("asks", asks)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_recipe(stages: Mapping[str, str], **more: object) -> None:
    lines = [f"model: {BASE}", *(f"{key}: {value}" for key, value in more.items()), "stages:"]
    Path("recipe.yaml").write_text("\n".join([*lines, *(f"  {name}: {text}" for name, text in stages.items())]) + "\n")


def opened(folder: Path, score: bool) -> Any:
    """The saved model, by the libraries' own loaders."""
    if (folder / "adapter_config.json").is_file():
        if score:
            return AutoPeftModelForSequenceClassification.from_pretrained(folder, num_labels=1, **FLOAT32).eval()
        return AutoPeftModelForCausalLM.from_pretrained(folder, **FLOAT32).eval()
    auto: Any = AutoModelForSequenceClassification if score else AutoModelForCausalLM
    return auto.from_pretrained(folder, **FLOAT32).eval()


@torch.no_grad()
def logits(model: Any, group: Group, completion: int) -> Tensor:
    text = np.concatenate([group.prompt, group.completions[completion].tokens])
    return model(input_ids=torch.from_numpy(text).long()[None]).logits[0].float()


def log_probs(model: Any, group: Group, completion: int) -> Tensor:
    """Of the loss tokens."""
    one, start = group.completions[completion], len(group.prompt)
    every = logits(model, group, completion)[start - 1 : -1].log_softmax(-1)
    own = every.gather(1, torch.from_numpy(one.tokens).long()[:, None])[:, 0]
    return own[torch.from_numpy(one.loss)]


def groups_of(store: Path) -> list[Group]:
    held = GroupStore(store)
    return [held[i] for i in range(len(held))]


def loss_on_texts(folder: Path, store: Path) -> float:
    model = opened(folder, False)
    return -float(torch.cat([log_probs(model, group, 0) for group in groups_of(store)]).mean())


def chosen_on_pairs(folder: Path, store: Path) -> float:
    model = opened(folder, False)
    return float(np.mean([float(log_probs(model, group, 0).sum()) for group in groups_of(store)]))


def margin_on_pairs(folder: Path, store: Path) -> float:
    model = opened(folder, True)
    return float(np.mean([float(logits(model, g, 0)[0] - logits(model, g, 1)[0]) for g in groups_of(store)]))


MEASURED: dict[str, tuple[str, Callable[[Path, Path], float]]] = {
    "sft": ("eval_loss", loss_on_texts),
    "dpo": ("eval_logps/chosen", chosen_on_pairs),
    "reward": ("eval_margin", margin_on_pairs),
}


@pytest.mark.parametrize("stack", STACKS)
def test_every_folder_gives_what_the_run_measured(stack: str, here: Path, posttrain: Posttrain) -> None:
    """And a stage's first figures are those of the folder that it starts from."""
    write_recipe(STACKS[stack])
    answer = posttrain("run", "recipe.yaml", "--out", "out", "--json", "--set", "seed=3")
    assert answer.code == 0, answer.err
    summary = json.loads(answer.out)
    compared = 0
    for name, text in STACKS[stack].items():
        kind = text.split(",")[0].removeprefix("{kind: ")
        if kind not in MEASURED:
            continue
        metric, measure = MEASURED[kind]
        stage = here / "out/stages" / name
        figure = summary[name][metric]
        assert measure(stage / "model", stage / "data/validation") == pytest.approx(figure["after"], abs=1e-4)
        assert figure["after"] != pytest.approx(figure["before"], abs=1e-3), "the stage did train"
        compared += 1
        if "model: " in text and kind != "reward":
            origin = here / "out/stages" / text.split("model: ")[1].split(",")[0] / "model"
            assert measure(origin, stage / "data/validation") == pytest.approx(figure["before"], abs=1e-4)
            compared += 1
    assert compared >= 2


def test_an_adapter_without_a_tokenizer_is_a_model_to_start_from(here: Path, posttrain: Posttrain) -> None:
    """peft alone writes none; its base has one."""
    write_recipe({"a": sft(LORA)})
    assert posttrain("run", "recipe.yaml", "--out", "out").code == 0
    folder = here / "out/stages/a/model"
    for path in [*folder.glob("tokenizer*"), *folder.glob("*.jinja")]:
        path.unlink()
    write_recipe({"b": sft(LORA)})
    answer = posttrain("run", "recipe.yaml", "--out", "two", "--set", f"model={folder}")
    assert answer.code == 0, answer.err


@pytest.mark.parametrize("lora", ["", pytest.param(LORA, marks=pytest.mark.slow)], ids=["all weights", "lora"])
def test_a_seed_gives_the_same_bytes_in_every_kind_of_stage(lora: str, here: Path, posttrain: Posttrain) -> None:
    """Whatever else has drawn random numbers in the process; another seed gives others."""
    stages = {
        "a": sft(lora),
        "b": dpo(lora, after("a")),
        "rm": reward(lora, ""),
        "g": on_policy("grpo", lora, ""),
        "p": on_policy("ppo", lora, ""),
    }
    write_recipe(stages)
    hashes: dict[str, list[str]] = {}
    for out, seed in (("one", 0), ("two", 0), ("other", 1)):
        torch.rand(len(out))
        answer = posttrain("run", "recipe.yaml", "--out", out, "--set", f"seed={seed}")
        assert answer.code == 0, answer.err
        weights = "adapter_model.safetensors" if lora else "model.safetensors"
        hashes[out] = [sha256_of(Path(out) / "stages" / name / "model" / weights) for name in stages]
    assert hashes["one"] == hashes["two"]
    assert not set(hashes["one"]) & set(hashes["other"])


def test_a_folder_that_gives_something_else_stops_the_run(
    here: Path, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is spoilt between memory and disk, as a fault in saving would do it."""
    write_recipe({"a": sft("")})
    honest = verify._load

    def spoilt(*arguments: Any) -> Any:
        model = honest(*arguments)
        model.get_output_embeddings().weight.data *= 1.01
        return model

    monkeypatch.setattr(verify, "_load", spoilt)
    answer = posttrain("run", "recipe.yaml", "--out", "out")
    assert answer.code == 1
    assert "stage a" in answer.err
    assert "differs from the trained one" in answer.err
    assert not (here / "out/stages/a/model").exists()
    assert not (here / "out/stages/a/stage.json").exists()
    monkeypatch.setattr(verify, "_load", honest)
    assert posttrain("run", "recipe.yaml", "--out", "out").code == 0
