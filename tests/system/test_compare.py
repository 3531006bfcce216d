"""`posttrain compare` as people call it: models, servers, judges, people and back, and bad input."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from command_line import Answer, Posttrain
from comparing import deciding, prefers_first, prefers_longer
from http_server import says, serving, status


@pytest.fixture
def server() -> Iterator[Any]:
    with serving() as httpd:
        yield httpd


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def saved(work: Path) -> Path:
    """Prompts in two slices and in groups of two, and the saved answers of two models."""
    n = 40
    parts = ("north", "south")
    write(
        work / "prompts.jsonl",
        [
            {
                "id": str(i),
                "prompt": f"Ask {i}",
                "target": f"{i}",
                "metadata": {"slice": parts[i % 2], "group_id": i // 2},
            }
            for i in range(n)
        ],
    )
    write(work / "a.jsonl", [{"id": str(i), "answer": f"{i}" + "!" * (i % 5)} for i in range(n)])
    write(work / "b.jsonl", [{"id": str(i), "answer": f"{i}" if i < 4 else "no" + "!" * (i % 3)} for i in range(n)])
    return work


def comparison(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "out/comparison.json").read_text())


def pairs_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "out/pairs.jsonl").read_text().splitlines()]


def by_judge(posttrain: Posttrain, server: Any, *more: str) -> Answer:
    judge = ("--by", "judge", f"m@{server.url}", "--set", "backoff=0", "--set", "retries=0")
    return posttrain("compare", "a.jsonl", "b.jsonl", "--data", "prompts.jsonl", *judge, "--out", "out", *more)


def test_a_judge_s_verdicts_are_kept_with_both_orders(saved: Path, posttrain: Posttrain, server: Any) -> None:
    server.script[:] = [deciding(prefers_longer)]
    answer = by_judge(posttrain, server, "--json")
    assert answer.code == 0, answer.err
    found = comparison(saved)
    assert json.loads(answer.out) == found
    overall = found["overall"]
    pairs = pairs_of(saved)
    points = {"A": 1.0, "tie": 0.5, "B": 0.0}
    assert overall["win_rate"]["value"] == pytest.approx(sum(points[pair["outcome"]] for pair in pairs) / 40)
    assert (overall["win_rate"]["n"], overall["clusters"], found["flip_rate"]["value"]) == (40, 20, 0.0)
    assert found["slices"].keys() == {"north", "south"}
    assert found["judge"]["template"].startswith("Compare two")
    sent = [pair for pair in pairs if pair["replies"]]
    assert all([reply["shown_first"] for reply in pair["replies"]] == ["A", "B"] for pair in sent)
    assert (saved / "out/answers_a.jsonl").is_file()


def test_the_table_names_the_judge_s_biases_and_what_was_not_judged(
    saved: Path, posttrain: Posttrain, server: Any
) -> None:
    server.script[:] = [deciding(prefers_first), says("I cannot judge this."), deciding(prefers_first)]
    answer = by_judge(posttrain, server, "--set", "concurrency=1")
    assert answer.code == 0, answer.err
    for part in ("win rate of A", "50.0%", "change with the order: 100.0%", "shown first is preferred in 100.0%"):
        assert part in answer.out
    assert "Not judged: refusal to judge: 1" in answer.out
    assert "would be" in answer.out


def test_a_judge_that_is_down_ends_with_one_message(saved: Path, posttrain: Posttrain, server: Any) -> None:
    server.script[:] = [status(500, "out of order")]
    answer = by_judge(posttrain, server)
    assert answer.code == 1
    assert "gave no verdict" in answer.err
    assert "out of order" in answer.err
    assert not (saved / "out/comparison.json").exists()


def test_blind_pairs_go_to_people_and_come_back(saved: Path, posttrain: Posttrain, server: Any) -> None:
    answer = posttrain(
        "compare", "a.jsonl", "b.jsonl", "--data", "prompts.jsonl", "--by", "people", "--out", "blind", "--json"
    )
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["identical"] == 1
    ranking = (saved / "blind/ranking.jsonl").read_text()
    assert "a.jsonl" not in ranking
    rows = [json.loads(line) for line in ranking.splitlines()]
    for person in ("one", "two"):  # both prefer the answer with the number
        for row in rows:
            ranks = {c["id"]: 1 if c["text"].strip("!") == row["id"] else 2 for c in row["candidates"]}
            row |= {"ranks": {**ranks}, "annotator": person}
        with (saved / "ranked.jsonl").open("a") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))
    back = posttrain("compare", "--from", "ranked.jsonl", "--key", "blind/key.json", "--out", "out", "--json")
    assert back.code == 0, back.err
    overall = comparison(saved)["overall"]
    assert (overall["wins"], overall["losses"], overall["ties"]) == (36, 0, 4)
    assert comparison(saved)["people"].keys() == {"among_people", "alpha_of_people"}
    assert comparison(saved)["people"]["among_people"]["value"] == 1.0

    server.script[:] = [deciding(prefers_longer)]
    (saved / "out").rename(saved / "by_people")
    judged = by_judge(posttrain, server, "--human", "ranked.jsonl", "--json")
    assert judged.code == 0, judged.err
    people = comparison(saved)["people"]
    assert people["agreement"]["n"] == 39
    assert 0 < people["agreement"]["value"] < 1


def test_the_ranking_app_takes_the_blind_pairs(saved: Path, posttrain: Posttrain) -> None:
    posttrain("compare", "a.jsonl", "b.jsonl", "--data", "prompts.jsonl", "--by", "people", "--out", "blind")
    answer = posttrain("annotate", "import", "blind/ranking.jsonl", "--project", "compare", "--db", "a.db")
    assert answer.code == 0, answer.err
    assert "39" in answer.out + answer.err


def test_a_suite_compares_each_measure_pair_by_pair(saved: Path, posttrain: Posttrain) -> None:
    answer = posttrain(
        *("compare", "a.jsonl", "b.jsonl", "--data", "prompts.jsonl", "--metrics", "contains", "--out", "out", "--json")
    )
    assert answer.code == 0, answer.err
    rows = {row["key"]: row for row in comparison(saved)["measures"]}
    assert (rows["prompts"]["a"], rows["prompts"]["b"]) == (1.0, pytest.approx(0.1))
    assert rows["prompts"]["difference"] == pytest.approx(0.9)
    assert rows["prompts"]["clusters"] == 20
    assert rows["prompts"]["p_holm"] >= rows["prompts"]["p"]
    assert rows.keys() == {"prompts", "prompts[north]", "prompts[south]"}
    assert (saved / "out/A/samples_prompts.jsonl").is_file()


def test_a_local_model_and_a_server_s_model_are_compared_by_a_reward_model(
    work: Path, posttrain: Posttrain, server: Any
) -> None:
    write(work / "prompts.jsonl", [{"prompt": f"Say {i}"} for i in range(6)])
    (work / "reward.yaml").write_text(
        "model: model\nstages: {reward: {kind: reward, data: pairs.jsonl, max_length: 128, max_steps: 2, "
        "learning_rate: 1.0e-2}}\n"
    )
    trained = posttrain("run", "reward.yaml", "--out", "run", "--json")
    assert trained.code == 0, trained.err
    server.script[:] = [says("Something")]
    answer = posttrain(
        *("compare", "run:base", f"m@{server.url}", "--data", "prompts.jsonl", "--by", "reward", "run:reward"),
        *("--max-new-tokens", "4", "--out", "out", "--json"),
    )
    assert answer.code == 0, answer.err
    found, pairs = comparison(work), pairs_of(work)
    assert found["overall"]["win_rate"]["n"] == 6
    for pair in pairs:
        assert pair["answer_b"] == "Something"
        a, b = pair["scores"]["A"], pair["scores"]["B"]
        assert pair["outcome"] == ("A" if a > b else "B" if b > a else "tie")
    differences = [pair["scores"]["A"] - pair["scores"]["B"] for pair in pairs]
    assert found["score"]["difference"] == pytest.approx(sum(differences) / 6)
    refused = posttrain(
        *("compare", "run:base", f"m@{server.url}", "--data", "prompts.jsonl", "--by", "reward", "model"),
        *("--max-new-tokens", "4", "--out", "other"),
    )
    assert refused.code == 2
    assert "a trained scalar head" in refused.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.jsonl", "b.jsonl", "--data", "prompts.jsonl"), "--out"),
        (("a.jsonl", "--data", "prompts.jsonl", "--out", "out"), "two models"),
        (("a.jsonl", "b.jsonl", "--by", "luck", "--out", "out"), "suite, reward, judge, people"),
        (("a.jsonl", "b.jsonl", "c", "--by", "judge", "--data", "p", "--out", "out"), "name@http://host/v1"),
        (("a.jsonl", "b.jsonl", "--by", "people", "--out", "out"), "--data"),
        (("a.jsonl", "none", "--by", "people", "--data", "prompts.jsonl", "--out", "out"), "no such model folder"),
        (("--from", "b.jsonl", "--out", "out"), "--key"),
        (("a.jsonl", "b.jsonl", "--by", "people", "--data", "empty.jsonl", "--out", "out"), "empty.jsonl"),
        (("a.jsonl", "b.jsonl", "--by", "people", "--data", "prompts.jsonl", "--out", "."), "is there already"),
    ],
)
def test_bad_input_is_one_message(saved: Path, posttrain: Posttrain, arguments: tuple[str, ...], message: str) -> None:
    (saved / "empty.jsonl").write_text("")
    answer = posttrain("compare", *arguments)
    assert answer.code == 2
    assert message in answer.err
    assert "Traceback" not in answer.err
