"""PPO and GRPO by the command line: evidence, models, seeds, mistakes in recipes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from byte_model import save_byte_model
from command_line import Posttrain
from on_policy_recipes import write_files

FIGURES = {"eval_reward", "eval_kl", "eval_completions/mean_length", "eval_completions/clipped_ratio"}
ROLLOUT = {
    "reward",
    "reward_std",
    "frac_reward_zero_std",
    "entropy",
    "completions/mean_length",
    "completions/clipped_ratio",
    "kl",
    "objective/kl",
}


@pytest.fixture
def tasks(work: Path) -> Path:
    write_files(work)
    return work


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def weights(work: Path, stage: str) -> bytes:
    return (work / "stages" / stage / "model" / "model.safetensors").read_bytes()


def test_a_stack_of_reward_model_ppo_and_grpo_leaves_evidence_and_models(tasks: Path, posttrain: Posttrain) -> None:
    answer = posttrain("run", "stack.yaml", "--out", "out", "--json")
    assert answer.code == 0, answer.err
    summary = json.loads(answer.out)
    assert set(summary) == {"rm", "ppo", "grpo"}
    assert set(summary["grpo"]) == FIGURES | {"rollout/reward", "rollout/pass_rate"}
    assert set(summary["ppo"]) == FIGURES | {"rollout/reward", "eval_gold/letters"}
    for stage in ("ppo", "grpo"):
        for name, figure in summary[stage].items():
            assert None not in (figure["before"], figure["after"]), name
            assert figure["n"] >= 1, name
        assert abs(summary[stage]["eval_kl"]["before"]) < 1e-4
        assert abs(summary[stage]["eval_kl"]["after"]) > 1e-3
        folder = tasks / "out/stages" / stage
        steps = [line for line in lines_of(folder / "metrics.jsonl") if "loss" in line]
        logged = [line for line in steps if "reward" in line]
        assert [line["step"] for line in logged] == list(range(1, len(steps) + 1, 4)), "a rollout is four steps"
        assert all(line.keys() >= ROLLOUT for line in logged)
        assert all("clip_ratio" in line for line in steps)
        assert steps[0]["ratio"] == pytest.approx(1.0, abs=1e-5)
        first_and_last = summary[stage]["rollout/reward"]
        assert (first_and_last["before"], first_and_last["after"]) == (logged[0]["reward"], logged[-1]["reward"])
        samples = json.loads((folder / "samples.json").read_text())
        assert [one["target"] for one in samples] == [None] * 3
        a_token = r"<\|?\w+\|?>|</s>|."  # a special token as it is written, or a byte
        lengths = [len(re.findall(a_token, one["before"], re.DOTALL)) for one in samples]
        assert max(lengths) <= 8, "no longer than a completion"
        tables = sorted((folder / "completions").iterdir())
        assert len(tables) == len(logged)
        row = lines_of(tables[0])[0]
        assert row.keys() >= {"where", "prompt", "completion", "tokens", "ended", "reward", "rewards"}
        assert row["where"].startswith("rl_prompts.jsonl:")
        assert list((folder / "rollouts").iterdir()), "what a resume would need"
    ppo = [line for line in lines_of(tasks / "out/stages/ppo/metrics.jsonl") if "reward" in line]
    assert {"value_loss", "beta", "objective/rlhf_reward", "objective/scores", "explained_variance"} <= ppo[0].keys()
    assert len({line["beta"] for line in ppo}) == len(ppo), "beta is steered"
    grpo = [line for line in lines_of(tasks / "out/stages/grpo/metrics.jsonl") if "reward" in line]
    assert {"kl_loss", "num_drawn", "pass_rate"} <= grpo[0].keys()
    for stage in ("ppo", "grpo"):
        model, loading = AutoModelForCausalLM.from_pretrained(
            tasks / "out/stages" / stage / "model", output_loading_info=True
        )
        assert not loading["unexpected_keys"]
        assert not loading["missing_keys"]
        assert AutoTokenizer.from_pretrained(tasks / "out/stages" / stage / "model").chat_template
        plain = AutoModelForCausalLM.from_pretrained(tasks / "model")
        assert not torch.equal(plain.lm_head.weight, model.lm_head.weight)


@pytest.mark.parametrize("stage", ["ppo", "grpo"])
def test_a_seed_gives_the_same_bytes_and_another_seed_others(stage: str, tasks: Path, posttrain: Posttrain) -> None:
    for out, seed in (("a", 0), ("b", 0), ("c", 1)):
        six = ("--set", f"stages.{stage}.max_steps=6")
        answer = posttrain("run", f"{stage}.yaml", "--out", out, "--set", f"seed={seed}", *six)
        assert answer.code == 0, answer.err
    assert weights(tasks / "a", stage) == weights(tasks / "b", stage) != weights(tasks / "c", stage)


@pytest.mark.parametrize("stage", ["ppo", "grpo"])
def test_adapters_learn_from_what_they_write(stage: str, tasks: Path, posttrain: Posttrain) -> None:
    lora = ("--set", f"stages.{stage}.lora={{rank: 2}}", "--set", f"stages.{stage}.max_steps=6")
    answer = posttrain("run", f"{stage}.yaml", "--out", "out", "--json", *lora)
    assert answer.code == 0, answer.err
    summary = json.loads(answer.out)[stage]
    assert abs(summary["eval_kl"]["before"]) < 1e-4
    assert summary["eval_kl"]["after"] != summary["eval_kl"]["before"]
    folder = tasks / "out/stages" / stage / "model"
    assert (folder / "adapter_model.safetensors").is_file()
    from peft import AutoPeftModelForCausalLM

    adapter = AutoPeftModelForCausalLM.from_pretrained(folder)
    assert not any("value_head" in name for name, _ in adapter.named_parameters())
    tokens = torch.tensor([[1, 40, 50, 60]])
    assert not torch.equal(adapter(tokens).logits, AutoModelForCausalLM.from_pretrained(tasks / "model")(tokens).logits)


def test_a_value_model_of_its_own_learns_and_is_not_saved(tasks: Path, posttrain: Posttrain) -> None:
    six = ("--set", "stages.ppo.max_steps=6", "--set", "stages.ppo.value_model=separate")
    answer = posttrain("run", "ppo.yaml", "--out", "out", "--json", *six)
    assert answer.code == 0, answer.err
    checkpoint = sorted((tasks / "out/stages/ppo/checkpoints").iterdir())[-1] / "weights.safetensors"
    assert any(name.startswith("value_trunk") for name in load_file(checkpoint))
    assert not any("value" in name for name in load_file(tasks / "out/stages/ppo/model/model.safetensors"))
    refused = posttrain("run", "ppo.yaml", "--out", "no", *six, "--set", "stages.ppo.lora={rank: 2}")
    assert refused.code == 2
    assert "value_model" in refused.err


def test_a_rollout_of_nothing_but_cut_completions_teaches_nothing_where_they_are_masked(
    tasks: Path, posttrain: Posttrain
) -> None:
    cut = [f"stages.grpo.{key}" for key in ("mask_truncated=true", "max_new_tokens=1", "max_steps=4", "beta=0")]
    answer = posttrain("run", "grpo.yaml", "--out", "out", "--json", *[w for key in cut for w in ("--set", key)])
    assert answer.code == 0, answer.err
    model = load_file(tasks / "out/stages/grpo/model/model.safetensors")
    assert all(torch.isfinite(weight).all() for weight in model.values())


def test_a_reward_model_of_adapters_scores_as_well(tasks: Path, posttrain: Posttrain) -> None:
    answer = posttrain("run", "stack.yaml", "--out", "out", "--json", "--set", "stages.rm.lora={rank: 2}")
    assert answer.code == 0, answer.err
    table = lines_of(tasks / "out/stages/ppo/completions/rollout-00000000.jsonl")
    assert len({row["reward"] for row in table}) > 1
    assert (tasks / "out/stages/rm/model/adapter_config.json").is_file()


def test_a_plan_tells_steps_and_memory(tasks: Path, posttrain: Posttrain) -> None:
    answer = posttrain("plan", "stack.yaml", "--json")
    assert answer.code == 0, answer.err
    for plan in json.loads(answer.out)[1:]:
        rollouts = -(-plan["parts"]["train"]["groups"] // 4)
        assert plan["steps"] == rollouts * 4
        memory = plan["memory_bytes"]
        assert {"writing", "reference"} <= memory.keys()
        if plan["kind"] == "ppo":  # its reward model was made of the same one
            assert memory["reward models"] == memory["reference"]


def test_a_plan_says_what_rewards_make_of_the_answers_and_what_the_template_opens_them_with(
    tasks: Path, posttrain: Posttrain
) -> None:
    turns = "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content + '</s>' }}{% endfor %}"
    opening = "{% if add_generation_prompt %}{{ '<|assistant|><think>' }}{% endif %}"
    (tasks / "opens.jinja").write_text(turns + opening)
    mine = tasks / "mine.py"
    mine.write_text(
        mine.read_text().replace("def letters(completion, row):", "def letters(completion, row):\n    print(1)")
    )
    answer = posttrain("plan", "grpo.yaml", "--json", "--set", "stages.grpo.template=opens.jinja")
    assert answer.code == 0, answer.err
    (plan,) = json.loads(answer.out)
    (letters,) = plan["rewards"]
    assert (letters["reward"], letters["rows"]) == ("letters", 14)
    assert sum(letters["not_applicable"].values()) == 1, "of the row whose answer is 5"
    assert any("'<think>'" in note for note in plan["notes"])
    assert any("`letters`" in note for note in plan["notes"])


def test_a_kl_budget_is_watched_without_a_kl_term(tasks: Path, posttrain: Posttrain) -> None:
    budget = ("--set", "stages.grpo.beta=0", "--set", "stages.grpo.alarms={max_kl: 1.0e-3, action: stop}")
    answer = posttrain("run", "grpo.yaml", "--out", "out", *budget)
    assert answer.code == 1
    assert "limit of 0.001 (max_kl)" in answer.err
    assert "stage grpo, rollout" in answer.err
    steps = [line for line in lines_of(tasks / "out/stages/grpo/metrics.jsonl") if "loss" in line]
    assert len(steps) % 4 == 0
    assert steps, "the first rollout is by the model itself"


def test_a_reward_that_fails_on_one_row_is_reported_and_the_run_goes_on(tasks: Path, posttrain: Posttrain) -> None:
    mine = tasks / "mine.py"
    mine.write_text(mine.read_text().replace("        return None", '        raise KeyError("surname")'))
    answer = posttrain("run", "grpo.yaml", "--out", "out")
    assert answer.code == 0, answer.err
    assert "rl_prompts.jsonl:6: reward `letters`: KeyError: 'surname'" in answer.err


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("return completion", "reward `letters` failed on"),
        ("raise SystemExit(0)", "reward `letters` failed on"),
        ("return None", "`letters`: not applicable to"),
    ],
)
def test_a_reward_that_never_gives_a_number_stops_the_run(
    body: str, problem: str, tasks: Path, posttrain: Posttrain
) -> None:
    (tasks / "mine.py").write_text(f"def letters(completion, row):\n    {body}\n")
    answer = posttrain("run", "grpo.yaml", "--out", "out", "--set", "stages.grpo.validation=null")
    assert answer.code == 1
    assert problem in answer.err
    assert not (tasks / "out/stages/grpo/model").exists()


LETTERS = "letters: {kind: python, file: mine.py, function: letters}"
REWARDS = f"rewards: {{{LETTERS}}}"

MISTAKES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "unknown kind": (LETTERS, "letters: {kind: pyton, file: mine.py}", (":16", "rewards.letters.kind", "did you mean")),
    "unknown key": (LETTERS, LETTERS[:-1] + ", wieght: 2}", (":16", "wieght", "did you mean weight")),
    "no rewards": (REWARDS, "show_every: 0", (":3", "stages.grpo.rewards", "missing")),
    "empty rewards": (REWARDS, "rewards: {}", (":16", "stages.grpo.rewards")),
    "a model that does not score": (
        REWARDS,
        "rewards: {rm: {kind: model, model: sft}}\n  sft: {kind: sft, data: train.jsonl}",
        (":16", "stages.grpo.rewards.rm.model", "scalar head"),
    ),
    "a folder that does not score": (
        REWARDS,
        "rewards: {rm: {kind: model, model: ./model}}",
        ("rewards.rm.model", "no trained scalar head"),
    ),
    "no such model": (
        REWARDS,
        "rewards: {rm: {kind: model, model: rmm}}",
        (":16", "stages.grpo.rewards.rm.model", "neither a stage nor a folder"),
    ),
    "no such file": ("mine.py", "mien.py", (":16", "rewards.letters.file", "mien.py")),
    "no such function": ("function: letters", "function: leters", ("rewards.letters", "leters", "letters, short")),
    "answer longer than all": ("max_new_tokens: 8", "max_new_tokens: 64", ("max_new_tokens", "64", "max_length")),
    "batch in tokens": ("batch_size: 2", "batch_tokens: 99", (":3", "batch_tokens", "batch_size")),
    "one completion a prompt": ("num_generations: 4", "num_generations: 1", (":13", "num_generations", "equal to 2")),
    "unknown kind of gold": (REWARDS, REWARDS + "\n    gold: {x: {kind: y}}", (":17", "gold.x.kind", "unknown kind")),
    "unknown key of gold": (
        REWARDS,
        f"{REWARDS}\n    gold: {{x: {{kind: match, taget: answer}}}}",
        (":17", "gold.x.taget", "did you mean target"),
    ),
    "no such file of gold": (
        REWARDS,
        f"{REWARDS}\n    gold: {{x: {{kind: python, file: nil.py, function: f}}}}",
        (":17", "gold.x.file", "nil.py"),
    ),
    "no such function of gold": (
        REWARDS,
        f"{REWARDS}\n    gold: {{x: {{kind: python, file: mine.py, function: f}}}}",
        (":17", "gold.x", "function f"),
    ),
    "no server for vllm": (REWARDS, REWARDS + "\n    vllm: {model: base}", (":17", "grpo.vllm.url", "is missing")),
    "vllm and four bits": (
        REWARDS,
        REWARDS + "\n    lora: {}\n    quantization: 4bit\n    vllm: {url: http://localhost:1/v1, model: base}",
        (":3", "vllm", "4-bit", "quantization"),
    ),
    "unknown key of alarms": (REWARDS, REWARDS + "\n    alarms: {max_lk: 3}", (":17", "max_lk", "did you mean max_kl")),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_sentence_with_its_place(name: str, tasks: Path, posttrain: Posttrain) -> None:
    old, new, messages = MISTAKES[name]
    recipe = tasks / "grpo.yaml"
    assert old in recipe.read_text()
    recipe.write_text(recipe.read_text().replace(old, new))
    answer = posttrain("run", "grpo.yaml", "--out", "out")
    assert answer.code == 2, answer.err
    assert "Traceback" not in answer.err
    sentence = answer.err[answer.err.index("error: ") :]
    assert sentence.count("\n") == 1, sentence
    for words in messages:
        assert words in sentence, sentence
    assert not list(tasks.rglob("*.partial"))


def test_a_reward_models_own_tokenizer_is_noted(tasks: Path, posttrain: Posttrain) -> None:
    """A folder with a scalar head and other tokens is read in its own way."""
    from posttrain.policy.load import load_policy
    from posttrain.policy.save import save_policy

    judge = load_policy(str(save_byte_model(tasks / "other", seed=3)), task="score")
    torch.nn.init.normal_(judge.base.score.weight)
    judge.tokenizer.add_tokens(["Say"])
    judge.base.resize_token_embeddings(len(judge.tokenizer))
    save_policy(judge, tasks / "judge")
    recipe = tasks / "grpo.yaml"
    recipe.write_text(recipe.read_text().replace(REWARDS, "rewards: {rm: {kind: model, model: ./judge}}"))
    answer = posttrain("run", "grpo.yaml", "--out", "out")
    assert answer.code == 0, answer.err
    assert "./judge has another tokenizer" in answer.err
