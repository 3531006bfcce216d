"""`posttrain serve` beside `transformers serve`: `python bench/serving.py MODEL [--clients 16]`.

MODEL is a folder, such as `posttrain demo --real` makes. Each server runs in a process of its own, in bfloat16, and
answers chats over HTTP from OpenAI's client. The clients ask at the same time, three times each. Answers are streams
of at most 64 tokens at temperature 1. `transformers serve` runs once as it is and once with continuous batching. The
first requests of a server are not counted. The model's own tokenizer counts the tokens of the texts, for all alike.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import quantiles

import httpx2
import openai
from quiet import wait
from transformers import AutoTokenizer
from writing import PROMPTS

REQUESTS, LONGEST = 3, 64
SCRIPTS = Path(sys.executable).parent


@dataclass(frozen=True)
class Answer:
    """A text, and the seconds to its first piece."""

    text: str
    first: float


def commands(model: str, port: int) -> dict[str, list[str]]:
    """The servers, by name."""
    peer = [
        str(SCRIPTS / "transformers"),
        "serve",
        model,
        "--device",
        "cpu",
        "--dtype",
        "bfloat16",
        "--port",
        str(port),
    ]
    ours = [sys.executable, "-m", "posttrain", "serve", model, "--precision", "bfloat16", "--port", str(port)]
    return {
        "posttrain serve": ours,
        "transformers serve": peer,
        "transformers serve --continuous-batching": [*peer, "--continuous-batching"],
    }


@contextmanager
def running(command: Sequence[str], port: int) -> Generator[str]:
    """A server, once it is healthy; the address of its API."""
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 180
        while not listening(f"{url}/health"):
            if server.poll() is not None or time.monotonic() > until:
                sys.exit(f"bench: the server does not start: {' '.join(command)}")
            time.sleep(0.2)
        yield f"{url}/v1"
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def listening(url: str) -> bool:
    """Whether a server answers."""
    try:
        return httpx2.get(url, timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False


def answer(client: openai.OpenAI, model: str, number: int) -> Answer:
    """One chat, as a stream."""
    started, first, parts = time.monotonic(), None, list[str]()
    messages = [{"role": "user", "content": f"{PROMPTS[number % len(PROMPTS)]} ({number})"}]
    for part in client.chat.completions.create(
        model=model, messages=messages, max_tokens=LONGEST, temperature=1.0, seed=number, stream=True
    ):
        piece = part.choices[0].delta.content if part.choices else None
        if piece:
            first = first or time.monotonic() - started
            parts.append(piece)
    return Answer("".join(parts), first or time.monotonic() - started)


def measured(url: str, model: str, clients: int, requests: int) -> tuple[float, list[Answer]]:
    """(seconds, answers) of all requests."""
    connected = openai.OpenAI(base_url=url, api_key="none", max_retries=0, timeout=600)
    with connected as client, ThreadPoolExecutor(clients) as pool:
        list(pool.map(partial(answer, client, model), range(min(clients, 4))))  # warm up
        started = time.monotonic()
        answers = list(pool.map(partial(answer, client, model), range(requests)))
    return time.monotonic() - started, answers


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each server, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--port", type=int, default=8765)
    chosen = parser.parse_args(arguments)
    os.environ["OMP_NUM_THREADS"] = str(chosen.threads)
    tokenizer = AutoTokenizer.from_pretrained(chosen.model)
    print("| server | tokens/s | first token p50, s | p95, s | **ours over it** |\n|---|---|---|---|---|")
    own = 0.0
    for name, command in commands(chosen.model, chosen.port).items():
        with running(command, chosen.port) as url:
            served = Path(chosen.model).name if name.startswith("posttrain") else chosen.model
            run = partial(measured, url, served, chosen.clients, REQUESTS * chosen.clients)
            wait()
            seconds, answers = run()
        tokens = sum(len(tokenizer(one.text, add_special_tokens=False)["input_ids"]) for one in answers)
        first = quantiles([one.first for one in answers], n=20)
        own = own or tokens / seconds
        ratio = own / (tokens / seconds)
        cells = (name, f"{tokens / seconds:,.0f}", f"{first[9]:.2f}", f"{first[18]:.2f}", f"**{ratio:.1f}x**")
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
