"""A judge behind a real HTTP server that answers well, late, wrongly, or not at all."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from posttrain.errors import InputError
from posttrain.rewards.judge import JudgeReward, build, fill
from posttrain.rewards.types import Failed

Answer = Callable[["Judge", dict[str, Any]], None]


class Judge(BaseHTTPRequestHandler):
    """Answers by the server's `script`, and keeps what it was asked."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server: Any = self.server
        with server.lock:
            server.asked.append((self.path, self.headers.get("Authorization"), body))
            step = server.script[min(len(server.asked), len(server.script)) - 1]
        try:
            step(self, body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def reply(self, status: int, text: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


def says(text: str) -> Answer:
    return lambda judge, body: judge.reply(200, json.dumps({"choices": [{"message": {"content": text}}]}))


def status(code: int, text: str = "busy", **headers: str) -> Answer:
    return lambda judge, body: judge.reply(code, text, **headers)


def drip(judge: Judge, body: dict[str, Any]) -> None:
    judge.send_response(200)
    judge.send_header("Content-Length", "1000")
    judge.end_headers()
    for _ in range(100):
        judge.wfile.write(b" ")
        judge.wfile.flush()
        time.sleep(0.05)


def hang_up(judge: Judge, body: dict[str, Any]) -> None:
    judge.close_connection = True
    judge.connection.close()


@pytest.fixture
def server() -> Iterator[Any]:
    httpd: Any = ThreadingHTTPServer(("127.0.0.1", 0), Judge)
    httpd.lock, httpd.asked, httpd.script, httpd.daemon_threads = threading.Lock(), [], [], True
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield httpd
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def options(server: Any, **more: Any) -> JudgeReward:
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    return JudgeReward.model_validate({"kind": "judge", "url": url, "model": "m", "backoff": 0, "timeout": 5, **more})


def one(server: Any, *script: Answer, **more: Any) -> Any:
    server.script[:] = script
    (found,) = build(options(server, **more), Path())(["an answer"], [{"prompt": "a question"}])
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


@pytest.mark.parametrize(
    "first", [status(500), status(503), status(429, Retry_After="0"), hang_up], ids=["500", "503", "429", "hang up"]
)
def test_what_passes_is_tried_again(server: Any, first: Answer) -> None:
    assert one(server, first, first, says("Score: 10")) == 1.0
    assert len(server.asked) == 3


def test_a_server_that_stays_broken_is_a_failure(server: Any) -> None:
    found = one(server, status(500, "out of order"), retries=2)
    assert isinstance(found, Failed)
    assert "answers 500: out of order (3 tries)" in found.reason
    assert len(server.asked) == 3


def test_what_stays_wrong_is_not_tried_again(server: Any) -> None:
    found = one(server, status(401, "no such key"))
    assert isinstance(found, Failed)
    assert "answers 401: no such key" in found.reason
    assert len(server.asked) == 1


@pytest.mark.parametrize("late", [lambda judge, body: time.sleep(1), drip], ids=["silent", "dripping"])
def test_a_late_reply_is_given_up_and_tried_again(server: Any, late: Answer) -> None:
    assert one(server, late, says("Score: 5"), timeout=0.2) == 0.5
    assert isinstance(one(server, late, late, late, late, timeout=0.2, retries=0), Failed)


@pytest.mark.parametrize(
    ("garbage", "said"),
    [
        (says("Great answer!"), "gave no score: 'Great answer!'"),
        (says("Score: 11"), "11 is not from 0 to 10"),
        (says("Score: -1"), "-1 is not from 0 to 10"),
        (status(200, "<html>hello</html>"), "does not reply as chat completions do: '<html>hello</html>'"),
        (status(200, '{"choices": []}'), "does not reply as"),
        (status(200, '{"choices": [{"message": {"content": null}}]}'), "does not reply as"),
        (status(200, "x" * 2_000_000), "longer than"),
    ],
)
def test_garbage_is_a_failure_and_never_a_score(server: Any, garbage: Answer, said: str) -> None:
    found = one(server, garbage)
    assert isinstance(found, Failed)
    assert said in found.reason
    assert len(server.asked) == 1


def test_a_server_that_is_not_there_is_a_failure() -> None:
    spec = JudgeReward(kind="judge", url="http://127.0.0.1:9/v1", model="m", backoff=0, retries=1)
    (found,) = build(spec, Path())(["x"], [{"prompt": "p"}])
    assert isinstance(found, Failed)
    assert "ConnectError" in found.reason


def test_questions_go_out_together_but_no_more_than_allowed(server: Any) -> None:
    here, most, lock = [0], [0], threading.Lock()

    def slow(judge: Judge, body: dict[str, Any]) -> None:
        with lock:
            here[0] += 1
            most[0] = max(most[0], here[0])
        time.sleep(0.1)
        with lock:
            here[0] -= 1
        says(f"Score: {body['messages'][0]['content']}")(judge, body)

    server.script[:] = [slow]
    batch = build(options(server, template="{completion}", concurrency=3), Path())
    assert batch([str(i) for i in range(9)], [{}] * 9) == [i / 10 for i in range(9)]  # and in order
    assert most == [3]


def test_a_pause_doubles_and_heeds_the_server(server: Any) -> None:
    from httpx2 import Client

    from posttrain.rewards.judge import ask

    server.script[:] = [status(500), status(429, Retry_After="7"), status(500), says("hello")]
    pauses: list[float] = []
    with Client() as client:
        assert ask(client, options(server, backoff=1), "q", pauses.append) == "hello"
    assert pauses == [1, 7, 4]


def test_a_completion_cannot_have_a_column_shown() -> None:
    row = {"target": "42", "prompt": [{"role": "user", "content": "six by seven?"}], "n": [1, 2]}
    assert fill("{prompt}|{completion}|{n}|{{x}}", "{target}", row) == "user: six by seven?|{target}|[1, 2]|{x}"
    with pytest.raises(InputError, match="no column `reference`"):
        fill("{completion}{reference}", "x", row)


def test_a_judge_that_cannot_work_is_told_before_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    base = {"kind": "judge", "url": "http://127.0.0.1:9/v1", "model": "m"}
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(InputError, match="NO_SUCH_KEY is not set"):
        build(JudgeReward.model_validate({**base, "key_from": "NO_SUCH_KEY"}), Path())
    for wrong in (
        {"template": "{prompt}"},
        {"pattern": "Score"},
        {"pattern": "("},
        {"low": 1, "high": 1},
        {"url": "ftp://x"},
    ):
        with pytest.raises(ValidationError):
            JudgeReward.model_validate({**base, **wrong})
