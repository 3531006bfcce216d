"""From candidates to scores and on to training: rewards pick, rounds repeat it, and a killed run ends the same."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command_line import Posttrain
from http_server import Endpoint, says, serving

REWARD = '''\
import time


def letters(completion, row):
    """Share of ASCII letters; the answer 5 is not judged."""
    if row["answer"] == 5:
        return None
    return sum(c.isascii() and c.isalpha() for c in completion) / max(len(completion), 1)


def slow(completion, row):
    time.sleep(0.002)
    return letters(completion, row)


def broken(completion, row):
    raise ValueError("no")
'''

ROUNDS = """\
model: model
rounds:
  count: 2
  prompts: disjoint
  stages:
    write: {kind: candidates, data: prompts.jsonl, keep_columns: [answer], k: 4, max_new_tokens: 8}
    pick:
      kind: pick
      data: write
      rewards: {letters: {kind: python, file: mine.py, function: letters}}
    sft: {kind: sft, data: pick, max_length: 64, batch_size: 8, learning_rate: 3.0e-3, epochs: 4}
"""

PICK = """\
model: model
stages:
  pick:
    kind: pick
    data: given.jsonl
    rewards: {letters: {kind: python, file: mine.py, function: letters}}
    keep: pairs
    min_difference: 0.2
  dpo: {kind: dpo, data: pick, max_length: 128, max_steps: 1}
"""


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def folder(work: Path) -> Path:
    (work / "mine.py").write_text(REWARD)
    (work / "rounds.yaml").write_text(ROUNDS)
    (work / "pick.yaml").write_text(PICK)
    write_rows(work / "prompts.jsonl", [{"id": n, "prompt": f"Say {n}", "answer": n} for n in range(96)])
    texts = ("abcd", "ab12", "1234", "ab12")
    given = [
        {"prompt": f"Say {n}", "answer": n, "candidates": [{"id": i, "text": t} for i, t in enumerate(texts)]}
        for n in range(8)
    ]
    given[3]["candidates"] = [{"id": "a", "text": "ab1"}, {"id": "b", "text": "ba1"}]
    given[4]["candidates"] = [{"id": "a", "text": "abcdefgh12"}, {"id": "b", "text": "abcdefghi1"}]
    write_rows(work / "given.jsonl", given)
    return work


def test_rounds_of_picking_raise_the_mean_reward_on_prompts_of_later_rounds(folder: Path, posttrain: Posttrain) -> None:
    planned = posttrain("plan", "rounds.yaml", "--json")
    assert planned.code == 0, planned.err
    plans = {plan["stage"]: plan for plan in json.loads(planned.out)}
    assert list(plans) == [f"{name}-{number}" for number in (1, 2) for name in ("write", "pick", "sft")]
    assert plans["write-1"]["parts"]["train"]["groups"] == 48
    assert plans["write-2"]["models"] == ["sft-1"]
    (trial,) = plans["pick-1"]["rewards"]
    assert (trial["rows"], trial["not_applicable"]) == (32, {"it returned no number": 1}), "the answer 5 is not judged"

    answer = posttrain("run", "rounds.yaml", "--out", "out", "--json")
    assert answer.code == 0, answer.err
    figures = json.loads(answer.out)
    first, second = (figures[f"pick-{number}"]["pick/score_of_all"] for number in (1, 2))
    assert (first["n"], second["n"]) == (48, 47), "the prompt whose answer is 5 has no score"
    assert second["interval"][0] > first["interval"][1], "the model of round 1 never saw the prompts of round 2"
    assert figures["pick-1"]["pick/score_of_kept"]["after"] > first["after"]

    stages = folder / "out/stages"
    written, picked = (rows_of(stages / f) for f in ("write-2/candidates.jsonl", "pick-2/picked.jsonl"))
    ids = {row["id"] for row in rows_of(stages / "write-1/candidates.jsonl")}
    assert len(ids) == len(written) == 48
    assert not ids & {row["id"] for row in written}
    params = json.loads((stages / "write-2/params.json").read_text())
    assert {row["meta_model"] for row in picked} == {"sft-1"}
    assert {row["meta_params_hash"] for row in picked} <= set(params)
    curve = json.loads((stages / "pick-1/best_of_n.json").read_text())["curve"]
    assert [point["n"] for point in curve] == [1, 2, 3, 4]
    assert curve[0]["score"] == pytest.approx(first["after"])
    assert curve[3]["score"] == pytest.approx(figures["pick-1"]["pick/best_of_4"]["after"])

    again = posttrain("run", "rounds.yaml", "--out", "out")
    assert again.err.count("done already") == 6


def test_the_same_prompts_get_other_draws_in_each_round(folder: Path, posttrain: Posttrain) -> None:
    """The model is the same in both stages, so that only the number of the round differs."""
    stage = "{kind: candidates, data: prompts.jsonl, k: 2, max_new_tokens: 8"
    (folder / "draws.yaml").write_text(f"model: model\nstages:\n  a: {stage}}}\n  b: {stage}, round: 2}}\n")
    assert posttrain("run", "draws.yaml", "--out", "out").code == 0
    a, b = (rows_of(folder / f"out/stages/{name}/candidates.jsonl") for name in "ab")
    assert [row["prompt"] for row in a] == [row["prompt"] for row in b]
    texts = [{(row["prompt"], c["text"]) for row in rows for c in row["candidates"]} for rows in (a, b)]
    assert len(texts[0] & texts[1]) < 0.05 * len(texts[0])


def test_a_file_of_candidates_gives_pairs_and_every_other_prompt_is_counted(folder: Path, posttrain: Posttrain) -> None:
    answer = posttrain("run", "pick.yaml", "--out", "out", "--json")
    assert answer.code == 0, answer.err
    stage = folder / "out/stages/pick"
    rows = rows_of(stage / "picked.jsonl")
    assert [(row["prompt"], row["chosen"], row["rejected"]) for row in rows] == [
        (f"Say {n}", "abcd", "1234") for n in (0, 1, 2, 6, 7)
    ]
    assert rows[0]["meta_scores"] == {"chosen": {"letters": 1.0}, "rejected": {"letters": 0.0}}
    data = json.loads((stage / "data.json").read_text())
    assert {why: left["first"] for why, left in data["skipped"].items()} == {
        "all candidates have the same score": ["given.jsonl:4"],
        "no two scores differ by min_difference": ["given.jsonl:5"],
        "no candidate has a score": ["given.jsonl:6"],
    }
    assert data["noted"]["a candidate's text was repeated"] == 6
    assert data["not_applicable"] == {"letters": {"it returned no number": 3}}
    figures = json.loads(answer.out)["pick"]
    assert figures["pick/rows"]["after"] == 5
    assert figures["pick/prompts_with_rows_ratio"]["after"] == pytest.approx(5 / 8)
    assert figures["pick/score_of_all"]["after"] == pytest.approx((5 * 0.5 + 2 / 3 + 0.85) / 7)
    assert (figures["pick/score_of_kept"]["after"], figures["pick/score_of_rejected"]["after"]) == (1.0, 0.0)
    (plan, _) = json.loads(posttrain("plan", "pick.yaml", "--json").out)
    assert plan["parts"]["train"]["groups"] == 8
    assert [(trial["reward"], trial["rows"], trial["failed"]) for trial in plan["rewards"]] == [("letters", 8, 0)]


def test_a_plan_tries_the_rewards_of_pick_on_the_columns_that_its_candidates_keep(
    folder: Path, posttrain: Posttrain
) -> None:
    recipe = (
        "model: model\nstages:\n"
        "  write: {kind: candidates, data: prompts.jsonl, KEEP k: 4, max_new_tokens: 8}\n"
        "  pick: {kind: pick, data: write, rewards: {right: {kind: math, target: answer}}}\n"
        "  more: {kind: pick, data: pick, rewards: {right: {kind: math, target: answer}}}\n"
    )
    found: list[list[str]] = []
    for keep in ("keep_columns: [answer],", ""):
        (folder / "kept.yaml").write_text(recipe.replace("KEEP", keep))
        answer = posttrain("plan", "kept.yaml", "--json")
        assert answer.code == 0, answer.err
        plans = json.loads(answer.out)
        assert plans[2]["rewards"] == [], "its rows do not exist before the run"
        found.append([note for note in plans[1]["notes"] if "reward `right`" in note])
    assert "32 right" in found[0][0]
    assert found[1][0].startswith("warning: ")


def test_a_reward_model_picks_what_it_scores_highest(folder: Path, posttrain: Posttrain) -> None:
    (folder / "judged.yaml").write_text(
        "model: model\nstages:\n"
        "  rm: {kind: reward, data: pairs.jsonl, max_length: 128, max_steps: 4, learning_rate: 1.0e-2}\n"
        "  pick: {kind: pick, data: given.jsonl, keep: rankings, rewards: {rm: {kind: model, model: rm}}}\n"
        "  dpo: {kind: dpo, data: pick, max_length: 128, max_steps: 1}\n"
    )
    answer = posttrain("run", "judged.yaml", "--out", "out")
    assert answer.code == 0, answer.err
    rows = rows_of(folder / "out/stages/pick/picked.jsonl")
    assert len(rows) == 8
    for row in rows:
        scores = [candidate["score"] for candidate in row["candidates"]]
        assert scores == sorted(scores, reverse=True)
        assert len(set(scores)) == len(scores) == len(row["ranks"])


@pytest.fixture
def server() -> Iterator[Any]:
    with serving() as httpd:
        yield httpd


def test_a_judge_scores_no_candidate_twice(folder: Path, server: Any, posttrain: Posttrain) -> None:
    def judge(endpoint: Endpoint, body: dict[str, Any]) -> None:
        says(f"Score: {10 if 'abcd' in body['messages'][-1]['content'] else 2}")(endpoint, body)

    server.script[:] = [judge]
    (folder / "judge.yaml").write_text(
        "model: model\nstages:\n  pick:\n    kind: pick\n    data: given.jsonl\n    min_score: 0.9\n"
        f'    rewards: {{good: {{kind: judge, url: "{server.url}", model: m}}}}\n'
    )
    answer = posttrain("run", "judge.yaml", "--out", "out")
    assert answer.code == 0, answer.err
    rows = rows_of(folder / "out/stages/pick/picked.jsonl")
    assert {row["completion"] for row in rows} == {"abcd", "abcdefgh12"}
    assert {row["meta_score"] for row in rows} == {1.0}
    requests = len(server.requests)
    (folder / "out/stages/pick/stage.json").unlink()
    before = (folder / "out/stages/pick/picked.jsonl").read_bytes()
    assert posttrain("run", "judge.yaml", "--out", "out").code == 0
    assert len(server.requests) == requests
    assert (folder / "out/stages/pick/picked.jsonl").read_bytes() == before


@pytest.mark.slow
def test_killed_while_it_scores_it_ends_with_the_same_bytes(folder: Path, posttrain: Posttrain) -> None:
    rows = [
        {"prompt": f"Say {n}", "answer": 0, "candidates": [{"id": i, "text": f"{n * i:x}"} for i in range(1, 5)]}
        for n in range(1, 140)
    ]
    write_rows(folder / "given.jsonl", rows)
    (folder / "slow.yaml").write_text(PICK.replace("letters}", "slow}").split("  dpo:")[0])
    command = [sys.executable, "-m", "posttrain", "run", "slow.yaml", "--out", "killed"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL)
    stage, until = folder / "killed/stages/pick", time.monotonic() + 60
    while not list(stage.glob("scores/*.json")) and time.monotonic() < until:
        time.sleep(0.01)
    process.kill()
    process.wait()
    saved = {path: path.stat().st_mtime_ns for path in stage.glob("scores/*.json")}
    assert saved
    assert not (stage / "picked.jsonl").exists()
    for out in ("killed", "whole"):
        assert posttrain("run", "slow.yaml", "--out", out).code == 0
    assert {path: path.stat().st_mtime_ns for path in saved} == saved, "no chunk is scored again"
    names = ["picked.jsonl", "best_of_n.json", "data.json", *(f"scores/{n:06}.json" for n in range(3))]
    for name in names:
        assert (stage / name).read_bytes() == (folder / "whole/stages/pick" / name).read_bytes()


WRONG: dict[str, tuple[tuple[str, str], tuple[str, ...]]] = {
    "no such file": (("given.jsonl", "givn.jsonl"), ("pick.yaml:5: stages.pick.data", "did you mean given.jsonl")),
    "a stage that trains": (("data: given.jsonl", "data: dpo"), ("pick.yaml",)),
    "rows without candidates": (("given.jsonl", "prompts.jsonl"), ("prompts.jsonl:1", "no column `candidates`")),
    "a misspelt key": (("keep:", "kep:"), ("stages.pick.kep", "did you mean keep")),
    "no rewards": (
        ("    rewards: {letters: {kind: python, file: mine.py, function: letters}}\n", ""),
        ("stages.pick.rewards: is missing",),
    ),
    "no reward counts": (("function: letters}", "function: letters, weight: 0}"), ("letters has weight 0",)),
    "no such function": (("function: letters", "function: lettrs"), ("stages.pick.rewards.letters", "lettrs")),
    "a difference for best rows": (("keep: pairs", "keep: best"), ("stages.pick", "min_difference")),
    "several rankings": (("keep: pairs", "keep: rankings\n    per_prompt: 2"), ("remove `per_prompt`",)),
    "a reward that always fails": (("function: letters", "function: broken"), ("reward `letters` failed on", "given")),
    "no row at all": (("min_difference: 0.2", "min_difference: 3"), ("no prompt gives a row", "min_difference")),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_one_sentence(case: str, folder: Path, posttrain: Posttrain) -> None:
    (old, new), messages = WRONG[case]
    assert old in PICK
    (folder / "pick.yaml").write_text(PICK.replace(old, new))
    answer = posttrain("run", "pick.yaml", "--out", "out")
    runs = case in ("a reward that always fails", "no row at all")
    assert answer.code == (1 if runs else 2), answer.err
    assert answer.err.count("error: ") == 1
    assert "Traceback" not in answer.err
    for words in messages:
        assert words in answer.err, answer.err


def test_a_column_that_is_not_there_is_named(folder: Path, posttrain: Posttrain) -> None:
    (folder / "rounds.yaml").write_text(ROUNDS.replace("[answer]", "[answr]"))
    answer = posttrain("run", "rounds.yaml", "--out", "out")
    assert answer.code == 2
    assert "prompts.jsonl:1: no column `answr`, which keep_columns names" in answer.err
