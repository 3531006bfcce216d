"""A judge behind a real HTTP server; how it is asked is `test_endpoint`'s affair."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from http_server import Answer, Crowd, says, serving, status
from posttrain.errors import InputError
from posttrain.rewards.judge import JudgeReward, fill, make_judge_reward
from posttrain.rewards.types import Failed


@pytest.fixture
def server() -> Iterator[Any]:
    with serving() as httpd:
        yield httpd


def options(server: Any, **more: Any) -> JudgeReward:
    base = {"kind": "judge", "url": server.url, "model": "m", "backoff": 0, "timeout": 5}
    return JudgeReward.model_validate({**base, **more})


def one(server: Any, *script: Answer, **more: Any) -> Any:
    server.script[:] = script
    (found,) = make_judge_reward(options(server, **more), Path())(["an answer"], [{"prompt": "a question"}])
    return found


def test_a_score_is_read_and_scaled(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", "secret")
    assert one(server, says("It was a 3 at first. Score: 2\nNo. **Score:** 7"), key_from="JUDGE_KEY") == pytest.approx(
        0.7
    )
    ((path, authorization, body),) = server.asked
    assert (path, authorization) == ("/v1/chat/completions", "Bearer secret")
    assert (body["model"], body["temperature"]) == ("m", 0.0)
    assert "[Question]\na question\n" in body["messages"][0]["content"]
    assert "[Answer]\nan answer\n" in body["messages"][0]["content"]


def test_the_scale_is_the_recipes(server: Any) -> None:
    assert one(server, says("grade 4"), pattern=r"grade (\d)", low=1, high=5) == 0.75


def test_a_server_that_stays_broken_is_a_failure(server: Any) -> None:
    assert one(server, status(500), says("Score: 10")) == 1.0
    server.asked.clear()
    found = one(server, status(500, "out of order"), retries=2)
    assert isinstance(found, Failed)
    assert "answers 500: out of order (3 tries)" in found.reason
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("garbage", "said"),
    [
        (says("Great answer!"), "gave no score: 'Great answer!'"),
        (says("Score: 11"), "11 is not from 0 to 10"),
        (says("Score: -1"), "-1 is not from 0 to 10"),
        (status(200, "<html>hello</html>"), "does not reply as chat completions do: '<html>hello</html>'"),
        (status(401, "no such key"), "answers 401: no such key"),
    ],
)
def test_garbage_is_a_failure_and_never_a_score(server: Any, garbage: Answer, said: str) -> None:
    found = one(server, garbage)
    assert isinstance(found, Failed)
    assert said in found.reason
    assert len(server.asked) == 1


def test_a_server_that_is_not_there_is_a_failure() -> None:
    spec = JudgeReward(kind="judge", url="http://127.0.0.1:9/v1", model="m", backoff=0, retries=1)
    (found,) = make_judge_reward(spec, Path())(["x"], [{"prompt": "p"}])
    assert isinstance(found, Failed)
    assert "ConnectError" in found.reason


def test_questions_go_out_together_but_no_more_than_allowed(server: Any) -> None:
    crowd = Crowd(lambda judge, body: says(f"Score: {body['messages'][0]['content']}")(judge, body))
    server.script[:] = [crowd]
    batch = make_judge_reward(options(server, template="{completion}", concurrency=3), Path())
    assert batch([str(i) for i in range(9)], [{}] * 9) == [i / 10 for i in range(9)]  # and in order
    assert crowd.most == 3


def test_a_completion_cannot_have_a_column_shown() -> None:
    row = {"target": "42", "prompt": [{"role": "user", "content": "six by seven?"}], "n": [1, 2]}
    assert fill("{prompt}|{completion}|{n}|{{x}}", "{target}", row) == "user: six by seven?|{target}|[1, 2]|{x}"
    with pytest.raises(InputError, match="no column `reference`"):
        fill("{completion}{reference}", "x", row)


def test_a_judge_that_cannot_work_is_told_before_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
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
