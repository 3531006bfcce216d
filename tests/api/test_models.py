"""`load`, `generate` and `evaluate`: texts in, texts out, the same as the pipeline measures."""

import json
from pathlib import Path

import pytest

import posttrain as pt
from posttrain.console import Screen
from posttrain.evaluate.behaviour import measure
from posttrain.evaluate.policy_answerer import policy_answerer
from posttrain.evaluate.suites.answers import AnswersSuite


@pytest.fixture(scope="module")
def model(work: Path) -> pt.Model:
    return pt.load("model", precision="float32")


def test_there_are_n_texts_for_each_prompt_and_a_seed_fixes_them(model: pt.Model) -> None:
    prompts = ["Say abc.", [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say d."}]]
    texts = model.generate(prompts, n=3, max_new_tokens=6, seed=4)
    assert [len(group) for group in texts] == [3, 3]
    assert texts == model.generate(prompts, n=3, max_new_tokens=6, seed=4)
    assert texts != model.generate(prompts, n=3, max_new_tokens=6, seed=5)


def test_answers_do_not_depend_on_what_is_generated_beside_them(model: pt.Model) -> None:
    assert model.generate(["Say a.", "Say b."], max_new_tokens=6)[0] == model.generate(["Say a."], max_new_tokens=6)[0]


def test_temperature_zero_is_the_most_probable_answer(model: pt.Model) -> None:
    import torch

    text = model.generate(["Say abc."], temperature=0, max_new_tokens=5)[0][0]
    assert text == model.answer("Say abc.", max_new_tokens=5)
    tokenizer = model.policy.tokenizer
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Say abc."}], add_generation_prompt=True, return_dict=False
    )
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained("model")
    for _ in range(5):
        with torch.no_grad():
            ids.append(int(plain(torch.tensor([ids])).logits[0, -1].argmax()))
    assert text == tokenizer.decode(ids[-5:]).split("</s>")[0]


WRONG = {
    "one text": ("Say a.", {}, "prompts: "),
    "no conversation": ([7], {}, "prompts[0]"),
    "an empty conversation": ([[]], {}, "prompts[0]"),
    "a message without a role": ([[{"content": "a"}]], {}, "prompts[0]"),
    "too long for the model": (["a" * 300], {}, "prompts[0]: "),
    "no tokens": (["a"], {"max_new_tokens": 0}, "max_new_tokens: "),
    "a negative temperature": (["a"], {"temperature": -1.0}, "temperature: "),
    "too much of the mass": (["a"], {"top_p": 1.5}, "top_p: "),
    "no answers": (["a"], {"n": 0}, "n and seed: "),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_one_clear_error(name: str, model: pt.Model) -> None:
    prompts, options, place = WRONG[name]
    with pytest.raises(pt.InputError) as error:
        model.generate(prompts, **options)  # type: ignore[arg-type]
    assert str(error.value).startswith(place)


def test_a_folder_that_is_no_model_is_an_input_error(work: Path) -> None:
    with pytest.raises(pt.InputError, match="no such model folder"):
        pt.load("./nothing")
    with pytest.raises(pt.InputError, match=r"^precision: "):
        pt.load("model", precision="float8")


def test_an_adapter_loads_and_answers_as_it_was_trained(work: Path) -> None:
    sft = {"kind": "sft", "data": "train.jsonl", "max_steps": 3, "learning_rate": 1e-2, "lora": {"rank": 2}}
    run = pt.run({"model": "model", "stages": {"sft": sft}}, out="runs/lora", quiet=True)
    assert (run["sft"].model / "adapter_config.json").is_file()
    adapted, base = pt.load(run["sft"].model), pt.load("model")
    prompts = [f"Say {letter}." for letter in "abcdef"]
    assert adapted.generate(prompts, temperature=0, max_new_tokens=8) != base.generate(
        prompts, temperature=0, max_new_tokens=8
    )


def test_an_evaluation_is_what_a_suite_of_a_run_measures(model: pt.Model, tmp_path: Path) -> None:
    result = pt.evaluate(model, data="test.jsonl", metrics="contains", max_new_tokens=4)
    suite = AnswersSuite.model_validate({"data": "test.jsonl", "metrics": "contains", "max_new_tokens": 4})
    answerer = policy_answerer(model.policy, model.renderer)
    expected = measure(answerer, {"s": suite}, base=Path(), folder=tmp_path / "b", screen=Screen(quiet=True))["s"]
    assert result.measures["contains"] == expected.estimate
    assert expected.estimate.n == 8
    assert [sample.question for sample in result.samples] == [
        json.loads(line)["prompt"] for line in Path("test.jsonl").read_text().splitlines()
    ]
    assert "contains" in repr(result)
    assert "<table>" in result._repr_html_()


def test_slices_are_measured_apart(model: pt.Model) -> None:
    rows = [{"input": "a", "target": "x", "metadata": {"slice": part}} for part in ("one", "two", "two")]
    Path("sliced.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = pt.evaluate(model, data="sliced.jsonl", metrics="json", max_new_tokens=2)
    assert {name: part["json"].n for name, part in result.slices.items()} == {"one": 1, "two": 2}


def test_an_unknown_metric_is_refused(model: pt.Model) -> None:
    with pytest.raises(pt.InputError, match=r"^metrics.*exactly"):
        pt.evaluate(model, data="test.jsonl", metrics="exactly")
