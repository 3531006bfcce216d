"""A judge behind a real HTTP server; `test_endpoint` tests the requests."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from http_server import Crowd, Reply, says, serving, status
from posttrain.errors import InputError
from posttrain.rewards.judge import JudgeReward, fill_template, make_judge_reward
from posttrain.rewards.types import Failed


@pytest.fixture
def server() -> Iterator[Any]:
    with serving() as httpd:
        yield httpd


def options(server: Any, **more: Any) -> JudgeReward:
    base = {"kind": "judge", "url": server.url, "model": "m", "backoff": 0, "timeout": 5}
    return JudgeReward.model_validate({**base, **more})


def verdict_of(server: Any, *script: Reply, **more: Any) -> Any:
    server.script[:] = script
    (verdict,) = make_judge_reward(options(server, **more), Path())(["an answer"], [{"prompt": "a question"}])
    return verdict


def test_a_score_is_read_and_scaled(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", "secret")
    assert verdict_of(
        server, says("It was a 3 at first. Score: 2\nNo. **Score:** 7"), key_from="JUDGE_KEY"
    ) == pytest.approx(0.7)
    ((path, authorization, body),) = server.requests
    assert (path, authorization) == ("/v1/chat/completions", "Bearer secret")
    assert (body["model"], body["temperature"]) == ("m", 0.0)
    assert "[Question]\na question\n" in body["messages"][0]["content"]
    assert "[Answer]\nan answer\n" in body["messages"][0]["content"]


def test_the_recipe_sets_the_scale(server: Any) -> None:
    assert verdict_of(server, says("grade 4"), pattern=r"grade (\d)", low=1, high=5) == 0.75


def test_a_server_that_stays_broken_is_a_failure(server: Any) -> None:
    assert verdict_of(server, status(500), says("Score: 10")) == 1.0
    server.requests.clear()
    verdict = verdict_of(server, status(500, "out of order"), retries=2)
    assert isinstance(verdict, Failed)
    assert "answers 500: out of order (3 tries)" in verdict.reason
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("garbage", "problem"),
    [
        (says("Great answer!"), "gave no score: 'Great answer!'"),
        (says("Score: 11"), "11 is not from 0 to 10"),
        (says("Score: -1"), "-1 is not from 0 to 10"),
        (status(200, "<html>hello</html>"), "does not reply as chat completions do: '<html>hello</html>'"),
        (status(401, "no such key"), "answers 401: no such key"),
    ],
)
def test_garbage_is_a_failure_and_never_a_score(server: Any, garbage: Reply, problem: str) -> None:
    verdict = verdict_of(server, garbage)
    assert isinstance(verdict, Failed)
    assert problem in verdict.reason
    assert len(server.requests) == 1


def test_a_missing_server_is_a_failure() -> None:
    spec = JudgeReward(kind="judge", url="http://127.0.0.1:9/v1", model="m", backoff=0, retries=1)
    (verdict,) = make_judge_reward(spec, Path())(["x"], [{"prompt": "p"}])
    assert isinstance(verdict, Failed)
    assert "ConnectError" in verdict.reason


def test_requests_go_out_together_up_to_the_concurrency(server: Any) -> None:
    crowd = Crowd(lambda judge, body: says(f"Score: {body['messages'][0]['content']}")(judge, body))
    server.script[:] = [crowd]
    batch = make_judge_reward(options(server, template="{completion}", concurrency=3), Path())
    assert batch([str(i) for i in range(9)], [{}] * 9) == [i / 10 for i in range(9)]  # and in order
    assert crowd.most == 3


def test_a_completion_cannot_show_the_judge_a_column() -> None:
    row = {"target": "42", "prompt": [{"role": "user", "content": "six by seven?"}], "n": [1, 2]}
    template = "{prompt}|{completion}|{n}|{{x}}"
    assert fill_template(template, "{target}", row) == "user: six by seven?|{target}|[1, 2]|{x}"
    with pytest.raises(InputError, match="no column `reference`"):
        fill_template("{completion}{reference}", "x", row)


def test_a_judge_that_cannot_work_is_an_error_before_the_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    base = {"kind": "judge", "url": "http://127.0.0.1:9/v1", "model": "m"}
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(InputError, match="NO_SUCH_KEY is not set"):
        make_judge_reward(JudgeReward.model_validate({**base, "key_from": "NO_SUCH_KEY"}), Path())
    for wrong in (
        {"template": "{prompt}"},
        {"pattern": "Score"},
        {"pattern": "("},
        {"low": 1, "high": 1},
        {"url": "ftp://x"},
    ):
        with pytest.raises(ValidationError):
            JudgeReward.model_validate({**base, **wrong})
