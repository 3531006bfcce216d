"""`posttrain chat` and `posttrain serve` as a user starts them."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from byte_model import save_byte_model


def posttrain(*words: str) -> list[str]:
    return [sys.executable, "-m", "posttrain", *words]


def chat(work: Path, lines: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        posttrain("chat", *words), cwd=work, input=lines, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("work")
    for seed, name in enumerate(("one", "two")):
        save_byte_model(work / name, seed=seed)
    return work


def test_a_chat_from_its_first_line_to_its_saved_rows(work: Path) -> None:
    lines = ["/set max_tokens=8", "/set seed=1", "Hi", "/again", "/model one two", "More", "/nonsense"]
    done = chat(work, "\n".join([*lines, "/save said.jsonl", "/save said.jsonl", "/exit", ""]), "one", "two")
    assert done.returncode == 0, done.stderr
    assert "two answers; the models are one, two" in done.stdout
    assert "2 conversations in said.jsonl" in done.stdout
    assert "there is no such command" in done.stderr
    assert "said.jsonl: is there already" in done.stderr
    assert "Traceback" not in done.stderr
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", done.stdout)
    rows = [json.loads(line) for line in (work / "said.jsonl").read_text().splitlines()]
    assert [row["model"] for row in rows] == ["two", "one"]
    assert [m["role"] for m in rows[0]["messages"]] == ["user", "assistant"] * 2
    assert rows[0]["messages"][:2] == rows[1]["messages"][:2]


def test_a_message_that_is_too_long_is_told_and_the_chat_goes_on(work: Path) -> None:
    done = chat(work, f"{'x' * 300}\n/set max_tokens=3\nHi\n", "one")
    assert done.returncode == 0
    assert "longer than 256 tokens; /new begins another" in done.stderr


def test_a_model_that_is_not_there_ends_at_once(work: Path) -> None:
    for command in ("chat", "serve"):
        done = subprocess.run(posttrain(command, "three"), cwd=work, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "three: no such model folder" in done.stderr


def test_a_server_says_where_it_is_answers_and_ends_at_ctrl_c(work: Path) -> None:
    server = subprocess.Popen(
        posttrain("serve", "one", "two", "--port", "0"),
        cwd=work,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        found = re.match(r"Serving one, two at (\S+);", server.stdout.readline())
        assert found is not None
        assert "curl" in server.stdout.readline()
        assert [one["id"] for one in httpx2.get(f"{found[1]}/models").json()["data"]] == ["one", "two"]
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=30)
        assert server.returncode in (0, 130)
        assert "Traceback" not in errors
    finally:
        server.kill()
        server.communicate()


def test_an_address_that_others_reach_needs_a_key(work: Path) -> None:
    words = posttrain("serve", "one", "--host", "0.0.0.0")
    done = subprocess.run(words, cwd=work, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "POSTTRAIN_SERVE_KEY" in done.stderr
    assert "loading" not in done.stderr
