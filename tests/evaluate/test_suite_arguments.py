"""Template arguments of suites: those of the model's folder, then the suite's, the command line's, and the row's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from byte_model import save_byte_model
from http_server import says, serving
from posttrain.api.evaluations import load_answerer
from posttrain.data.chat.template_arguments import with_arguments
from posttrain.endpoint import EndpointOptions
from posttrain.errors import InputError
from posttrain.evaluate.behaviour import run_suite
from posttrain.evaluate.endpoint_answerer import endpoint_answerer
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.suites.perplexity import PerplexitySuite
from posttrain.recipe.suite_file import suites_with_arguments
from suite_rows import write_rows
from suite_runs import written_suite

# A thinking model's answers begin with <think>, which the template writes.
THINKS = (
    "{% if effort is defined %}{{ '[' + effort + ']' }}{% endif %}"
    "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content + '</s>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% if thinking %}{{ '<think>' }}{% endif %}{% endif %}"
)
PLAIN, OWN = {"id": "plain", "input": "Say 1", "target": "1"}, {"id": "own", "input": "Say 2", "target": "2"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its folder says that the model thinks."""
    template = with_arguments(THINKS, {"thinking": True})
    return save_byte_model(tmp_path_factory.mktemp("thinks") / "model", template=template)


@pytest.fixture
def server() -> Iterator[Any]:
    with serving() as httpd:
        httpd.script = [says("1")]
        yield httpd


def suite(folder: Path, own: bool, **keys: Any) -> SuiteOptions:
    rows = [PLAIN, {**OWN, "chat_template_kwargs": {"thinking": own}}]
    return written_suite(folder, rows, metrics="match", max_new_tokens=2, **keys)


def thinking(model: Path, options: SuiteOptions, folder: Path) -> list[bool]:
    """Whether the answer to each question begins with <think>."""
    samples = run_suite(load_answerer(str(model), {}, 0), options, folder)
    return [sample.answer.startswith("<think>") for sample in samples]


def test_the_folder_s_arguments_hold_until_a_suite_or_a_row_overrides_them(model: Path, tmp_path: Path) -> None:
    assert thinking(model, suite(tmp_path, own=False), tmp_path) == [True, False]
    off = {"template_arguments": {"thinking": False}}
    assert thinking(model, suite(tmp_path, own=True, **off), tmp_path) == [False, True]
    (given,) = suites_with_arguments({"s": suite(tmp_path, own=True, **off)}, ["thinking=true"], tmp_path).values()
    assert thinking(model, given, tmp_path) == [True, True]


def test_choices_are_scored_in_the_conversation_that_their_suite_sets(model: Path, tmp_path: Path) -> None:
    rows = [{**PLAIN, "target": "a"}]
    confidences: list[float | None] = []
    for effort in ("low", "high"):
        arguments = {"thinking": False, "effort": effort}
        keys = {"kind": "classification", "labels": ["a", "b"], "template_arguments": arguments}
        (sample,) = run_suite(load_answerer(str(model), {}, 0), written_suite(tmp_path, rows, **keys), tmp_path)
        confidences.append(sample.confidence)
    assert confidences[0] != confidences[1]


def test_a_server_gets_them_in_the_body_of_each_request(server: Any, tmp_path: Path) -> None:
    server_says = {"url": server.url, "model": "m", "template_arguments": {"thinking": True, "effort": "low"}}
    client = endpoint_answerer(EndpointOptions.model_validate({**server_says, "concurrency": 1}))
    run_suite(client, suite(tmp_path, own=True, template_arguments={"thinking": False}), tmp_path)
    sent = [body.get("chat_template_kwargs") for _, _, body in server.requests]
    assert sent == [{"thinking": False, "effort": "low"}, {"thinking": True, "effort": "low"}]


def test_a_server_gets_no_such_key_if_nobody_sets_one(server: Any, tmp_path: Path) -> None:
    client = endpoint_answerer(EndpointOptions.model_validate({"url": server.url, "model": "m"}))
    run_suite(client, written_suite(tmp_path, [PLAIN], metrics="match"), tmp_path)
    assert [body.keys() & {"chat_template_kwargs"} for _, _, body in server.requests] == [set()]


def test_arguments_that_would_do_nothing_are_refused(model: Path, tmp_path: Path) -> None:
    answerer = load_answerer(str(model), {}, 0)
    wrong = suite(tmp_path, own=True, template_arguments={"thinkin": True})
    with pytest.raises(InputError, match=r"^template_arguments.thinkin: .* did you mean thinking\?"):
        run_suite(answerer, wrong, tmp_path)
    row = {**OWN, "chat_template_kwargs": {"thinkin": True}}
    with pytest.raises(InputError, match=r"rows.jsonl:1: chat_template_kwargs.thinkin: .* did you mean thinking\?"):
        run_suite(answerer, written_suite(tmp_path, [row], metrics="match"), tmp_path)
    texts = written_suite(tmp_path, [{"text": "x"}], kind="perplexity", template_arguments={"thinking": True})
    with pytest.raises(InputError, match="no chat template renders plain texts"):
        run_suite(answerer, texts, tmp_path)
    texts = texts.model_copy(update={"template_arguments": {}})
    with pytest.raises(InputError, match="--template-arguments: no chat template renders"):
        suites_with_arguments({"texts": texts}, ["thinking=true"], tmp_path)


def test_the_command_line_s_arguments_leave_plain_texts_alone(tmp_path: Path) -> None:
    write_rows(tmp_path / "asks.jsonl", [PLAIN])
    write_rows(tmp_path / "texts.jsonl", [{"text": "x"}])
    suites = {
        n: PerplexitySuite.model_validate({"kind": "perplexity", "data": f"{n}.jsonl"}) for n in ("asks", "texts")
    }
    found = suites_with_arguments(suites, ["thinking=true"], tmp_path)
    assert [found[name].template_arguments for name in ("asks", "texts")] == [{"thinking": True}, {}]
