"""`posttrain eval`: a model, a server and saved answers are measured without a recipe."""

import hashlib
import json
import math
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml

from command_line import Posttrain
from http_server import Endpoint, says, serving, status

ROWS = [
    {
        "id": f"q{n}",
        "input": f"Say {n}",
        "target": [str(n), "none"],
        "metadata": {"slice": "even" if n % 2 == 0 else "odd"},
    }
    for n in range(8)
]
SUITES = """\
suites:
  numbers: {data: rows.jsonl, metrics: [match, json], max_new_tokens: 8}
  short: {data: rows.jsonl, metrics: match, rows: 4, slices: false, max_new_tokens: 8}
"""


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def evals(work: Path) -> Path:
    write_rows(work / "rows.jsonl", ROWS)
    (work / "suites.yaml").write_text(SUITES)
    return work


@pytest.fixture
def server() -> Iterator[Any]:
    with serving() as httpd:
        yield httpd


def repeats_number(endpoint: Endpoint, body: dict[str, Any]) -> None:
    number = body["messages"][-1]["content"].split()[-1]
    says(number if int(number) < 6 else "no")(endpoint, body)


def test_a_model_s_folder_leaves_what_a_stage_leaves(evals: Path, posttrain: Posttrain) -> None:
    answer = posttrain("eval", "model", "--suite", "suites.yaml", "--out", "out", "--json")
    assert answer.code == 0, answer.err
    results = json.loads((evals / "out/results.json").read_text())
    assert json.loads(answer.out) == {"out": "out", "results": results}
    assert list(results) == [
        "numbers/match",
        "numbers/match[even]",
        "numbers/match[odd]",
        "numbers/json",
        "numbers/json[even]",
        "numbers/json[odd]",
        "short",
    ]
    assert [results[key]["n"] for key in ("numbers/match", "numbers/match[odd]", "short")] == [8, 4, 4]
    about = json.loads((evals / "out/evaluation.json").read_text())
    assert about["suites"]["short"]["rows"] == 4
    assert about["model"]["name"] == "model"
    assert about["data"].keys() == {"rows.jsonl"}


def test_a_stage_of_a_run_and_its_start_model_are_measured_as_the_run_measured_them(
    evals: Path, posttrain: Posttrain
) -> None:
    recipe = evals / "recipe.yaml"
    recipe.write_text(recipe.read_text() + "    max_steps: 2\n" + SUITES)
    assert posttrain("run", "recipe.yaml", "--out", "run").code == 0
    for stage, folder in (("sft", "run/stages/sft"), ("base", "run/base")):
        answer = posttrain("eval", f"run:{stage}", "--suite", "recipe.yaml", "--out", f"out-{stage}")
        assert answer.code == 0, answer.err
        for name in ("results.json", "samples_numbers.jsonl", "samples_short.jsonl"):
            assert (evals / f"out-{stage}" / name).read_bytes() == (evals / folder / "behaviour" / name).read_bytes()
    answer = posttrain("eval", "run:dpo", "--suite", "recipe.yaml", "--out", "out")
    assert (answer.code, "its stages with a model: sft" in answer.err) == (2, True)


def measured_at_server(evals: Path, server: Any, posttrain: Posttrain, *more: str) -> dict[str, Any]:
    server.script = [status(429, Retry_After="0"), repeats_number]
    call = ("--data", "rows.jsonl", "--metrics", "match,json", "--server", "backoff=0", "--out", "served")
    answer = posttrain("eval", f"m@{server.url}", *call, *more)
    assert answer.code == 0, answer.err
    return json.loads((evals / "served/results.json").read_text())


def test_a_server_is_measured_and_its_table_has_value_interval_and_n(
    evals: Path, server: Any, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "secret")
    monkeypatch.setenv("COLUMNS", "120")
    server.script = [repeats_number]
    call = ("--data", "rows.jsonl", "--metrics", "match", "--server", "key_from=KEY", "--out", "served")
    answer = posttrain("eval", f"m@{server.url}", *call, "--set", "slices=false")
    assert answer.code == 0, answer.err
    assert {authorization for _, authorization, _ in server.requests} == {"Bearer secret"}
    cells = [cell.strip() for cell in next(line for line in answer.out.splitlines() if "rows" in line).split("│")]
    assert cells[1:-1] == ["rows", "75.0%", "40.9% to 92.9%", "8 answers", "higher"]  # Wilson, 6 of 8


def test_saved_answers_give_the_results_of_the_model_that_wrote_them(
    evals: Path, server: Any, posttrain: Posttrain
) -> None:
    results = measured_at_server(evals, server, posttrain)
    call = ("--data", "rows.jsonl", "--metrics", "match", "--metrics", "json", "--out")
    for source in ("served/samples_rows.jsonl", "served"):
        out = f"again-{source.count('/')}"
        assert posttrain("eval", "--saved", source, *call, out).code == 0
        assert json.loads((evals / out / "results.json").read_text()) == results
    (harness,) = (evals / "served/lm_eval").glob("*/samples_rows_*.jsonl")
    assert posttrain("eval", "--saved", str(harness), *call, "third").code == 0
    assert json.loads((evals / "third/results.json").read_text()) == results


def test_result_files_have_the_schema_of_lm_evaluation_harness(evals: Path, server: Any, posttrain: Posttrain) -> None:
    measured_at_server(evals, server, posttrain)
    (place,) = (evals / "served/lm_eval").iterdir()
    assert place.name == f"m@{server.url}".replace("://", "__").replace(":", "__").replace("/", "__")
    (file,) = place.glob("results_*.json")
    results = json.loads(file.read_text())
    error = statistics.stdev([1.0] * 6 + [0.0] * 2) / math.sqrt(8)
    task = results["results"]["rows"]
    assert (task["match,none"], task["alias"], task["sample_len"]) == (0.75, "rows", 8)
    assert task["match_stderr,none"] == pytest.approx(error, abs=1e-12)
    assert results["higher_is_better"] == {"rows": {"match": True, "json": True}}
    assert results["n-samples"] == {"rows": {"original": 8, "effective": 8}}
    assert results["n-shot"] == {"rows": 0}
    date = file.stem.removeprefix("results_")
    rows = read_rows(place / f"samples_rows_{date}.jsonl")
    assert [row["match"] for row in rows] == [1.0] * 6 + [0.0] * 2
    assert rows[0]["resps"] == [["0"]]
    assert rows[0]["filtered_resps"] == ["0"]
    assert rows[0]["metrics"] == ["match", "json"]
    assert rows[0]["doc_hash"] == hashlib.sha256(json.dumps(rows[0]["doc"], indent=2).encode()).hexdigest()
    joined = "".join(row["doc_hash"] + row["prompt_hash"] + row["target_hash"] for row in rows)
    assert results["task_hashes"] == {"rows": hashlib.sha256(joined.encode()).hexdigest()}


def test_junit_has_a_case_for_each_result(evals: Path, server: Any, posttrain: Posttrain) -> None:
    measured_at_server(evals, server, posttrain, "--junit", "junit.xml")
    for file in ("junit.xml", "again.xml"):
        if file == "again.xml":
            assert posttrain("eval", "junit", "served", "--out", "again.xml").code == 0
        (suite,) = JUnitXml.fromfile(str(evals / file))
        cases = {case.name: case for case in suite}
        assert list(cases) == [f"rows/{name}{part}" for name in ("match", "json") for part in ("", "[even]", "[odd]")]
        assert (suite.tests, suite.failures, suite.skipped) == (6, 0, 0)
        assert "value 0.75, 95% interval 0.409" in cases["rows/match"].system_out


def test_junit_of_a_run_with_gates_has_a_case_for_each_gate(evals: Path, posttrain: Posttrain) -> None:
    gate = {"stage": "dpo", "key": "refusal", "value": 0.9, "reference": None, "threshold": 0.95, "margin": None}
    gate |= {"difference": None, "interval": [0.8, 0.97], "n": 100, "clusters": 100, "test": "binomial", "waiver": None}
    gates = [
        {**gate, "gate": "refusal >= 0.8", "outcome": "pass", "blocks": False},
        {**gate, "gate": "refusal >= 0.95", "outcome": "fail", "blocks": True},
        {**gate, "gate": "tone\x00 < 1", "outcome": "inconclusive", "blocks": False, "stage": None}
        | {"waiver": {"by": "Ada", "reason": "known"}},
    ]
    (evals / "run").mkdir()
    (evals / "run/gates.json").write_text(json.dumps({"gates": gates}))
    assert posttrain("eval", "junit", "run", "--out", "junit.xml").code == 0
    dpo, run = JUnitXml.fromfile("junit.xml")
    assert [(suite.name, suite.tests, suite.failures, suite.skipped) for suite in (dpo, run)] == [
        ("dpo", 2, 1, 0),
        ("run", 1, 0, 1),
    ]
    assert [[type(result).__name__ for result in case.result] for case in dpo] == [[], ["Failure"]]
    (case,) = run
    assert case.name == "tone� < 1"
    assert "waived by Ada: known" in case.result[0].message


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (["model", "--data", "rows.jsonl", "--metrics", "match"], "--out eval/first"),
        (["--data", "rows.jsonl", "--out", "out"], "name a model, or a file of answers"),
        (["model", "--out", "out"], "--suite suites.yaml or with --data"),
        (["model", "--suite", "suites.yaml", "--metrics", "match", "--out", "out"], "belong to --data"),
        (["model", "--suite", "recipe.yaml", "--out", "out"], "recipe.yaml:1: a file of suites"),
        (["model", "--suite", "wrong.yaml", "--out", "out"], "wrong.yaml:2: suites.numbers.metric: unknown key"),
        (["model", "--suite", "suites.yaml", "--set", "suites.short.row=1", "--out", "out"], "--set suites.short.row"),
        (["modle", "--data", "rows.jsonl", "--metrics", "match", "--out", "out"], "modle: no such model folder"),
        (["model", "--data", "rows.jsonl", "--metrics", "mtch", "--out", "out"], "did you mean match"),
        (["model", "--data", "rows.jsonl", "--kind", "refusl", "--out", "out"], "kinds: answers, "),
        (["model", "--data", "rows.jsonl", "--metrics", "match", "--set", "row=1", "--out", "out"], "rows"),
        (["model", "--data", "none.jsonl", "--metrics", "match", "--out", "out"], "none.jsonl"),
        (["model", "--data", "rows.jsonl", "--metrics", "match", "--server", "timeout=1", "--out", "out"], "no server"),
        (
            ["--saved", "rows.jsonl", "--suite", "suites.yaml", "--out", "out"],
            "one file holds the answers of one suite",
        ),
        (["--saved", "rows.jsonl", "--data", "rows.jsonl", "--metrics", "match", "--out", "out"], "rows.jsonl:1: "),
        (["model", "--data", "rows.jsonl", "--metrics", "match", "--out", "."], "is there already"),
        (["junit", "model", "--out", "x.xml"], "no gates.json and no results"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    evals: Path, posttrain: Posttrain, call: list[str], message: str
) -> None:
    (evals / "wrong.yaml").write_text("suites:\n  numbers: {data: rows.jsonl, metric: match}\n")
    answer = posttrain("eval", *call)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
    assert not (evals / "out").exists()


def test_a_server_that_stays_silent_leaves_no_folder(evals: Path, server: Any, posttrain: Posttrain) -> None:
    server.script = [status(503)]
    call = ("--data", "rows.jsonl", "--metrics", "match", "--server", "backoff=0", "--server", "retries=1")
    answer = posttrain("eval", f"m@{server.url}", *call, "--out", "out")
    assert answer.code == 1
    assert "rows.jsonl:" in answer.err
    assert not (evals / "out").exists()


def test_our_result_files_come_back_as_an_import(evals: Path, server: Any, posttrain: Posttrain) -> None:
    results = measured_at_server(evals, server, posttrain)
    (evals / "run/stages").mkdir(parents=True)
    answer = posttrain("eval", "import", "run", "served/lm_eval", "--json")
    assert answer.code == 0, answer.err
    (imported,) = json.loads(answer.out)
    assert imported["tool"] == "lm-evaluation-harness"
    assert imported["version"].startswith("schema, written by posttrain")
    assert imported["results"] == {key: value for key, value in results.items() if "[" not in key}


def test_a_reward_model_is_measured_on_preferences(evals: Path, posttrain: Posttrain) -> None:
    reward = (evals / "pairs.yaml").read_text().replace("dpo", "reward") + "    max_steps: 1\n"
    (evals / "reward.yaml").write_text(reward)
    assert posttrain("run", "reward.yaml", "--out", "run").code == 0
    call = ("--data", "pairs.jsonl", "--kind", "preferences", "--out")
    answer = posttrain("eval", "run:reward", *call, "out")
    assert answer.code == 0, answer.err
    results = json.loads((evals / "out/results.json").read_text())
    assert {result["n"] for result in results.values()} >= {16}
    (evals / "both.yaml").write_text(SUITES + "  pairs: {kind: preferences, data: pairs.jsonl}\n")
    answer = posttrain("eval", "run:reward", "--suite", "both.yaml", "--out", "both")
    assert (answer.code, "measure each by itself" in answer.err) == (2, True)
