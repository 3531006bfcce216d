"""A stand-in for a vLLM server: the routes that a trainer uses, over HTTP, with posttrain's own engine behind."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoModelForCausalLM

from posttrain.generation.engine import generate_completions
from posttrain.generation.sampling import Sampling
from posttrain.policy.load import Policy
from posttrain.policy.open import open_policy
from posttrain.policy.options import PolicyOptions

APART = 0.25
"""Nats by which the stand-in's log-probs are too high."""

FLOAT32 = PolicyOptions(precision="float32")

Body = dict[str, Any]


class StandIn:
    """The server. `url` is its address; `loads` and `served` record what it loaded and which weights it generated with.

    Args:
        folder: the base model.
        lora: whether it loads adapters.
        development: whether it has the routes of vLLM's development mode.
        version: the version of vLLM that it reports.
        longest: its --max-model-len.
        seconds: how long each request takes at least.
    """

    def __init__(
        self,
        folder: Path,
        *,
        lora: bool = True,
        development: bool = True,
        version: str = "0.32.0",
        longest: int = 4096,
        seconds: float = 0.0,
        port: int = 0,
    ) -> None:
        self.folder, self.lora, self.development, self.version = folder, lora, development, version
        self.longest, self.seconds, self.port = longest, seconds, port
        self.loads: list[str] = []
        self.served: list[str] = []
        self.bodies: list[Body] = []
        self.change: Callable[[Body], Body] = lambda reply: reply
        self.refuse_next: list[int] = []
        self.refuse_loads: list[int] = []
        self.sees = True
        self.lock = threading.Lock()
        self.start()

    def start(self) -> None:
        """Listen, with the base model alone loaded, as vLLM does after a start."""
        self.models: dict[str, Policy] = {"base": open_policy(str(self.folder), FLOAT32, train=False)}
        self.whole = "base"
        self.process = uuid.uuid4().hex
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self, self.path, {})

            def do_POST(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                outer.answer(self, self.path, json.loads(self.rfile.read(size) or b"{}"))

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.httpd = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.httpd.daemon_threads = True
        self.port = self.httpd.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.thread = threading.Thread(target=self.httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def die(self) -> None:
        """Stop listening; what was loaded is lost."""
        self.httpd.shutdown()
        self.thread.join()
        self.httpd.server_close()

    def answer(self, handler: BaseHTTPRequestHandler, path: str, body: Body) -> None:
        try:
            status, reply = self.reply(path, body)
        except BaseException as error:
            status, reply = 500, {"error": {"message": repr(error)}}
        content = json.dumps(reply).encode()
        try:
            handler.send_response(status)
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def reply(self, path: str, body: Body) -> tuple[int, Body]:
        if path == "/v1/models":
            entry = {"id": "base", "root": str(self.folder), "max_model_len": self.longest}
            return 200, {"data": [entry, *({"id": name} for name in self.models if name != "base")]}
        if path == "/version":
            return 200, {"version": self.version}
        if path == "/v1/completions":
            return self.complete(body)
        if path == "/v1/load_lora_adapter" and self.lora:
            return self.load_adapter(body)
        if path == "/v1/unload_lora_adapter" and self.lora:
            return (200, {}) if self.models.pop(body["lora_name"], None) else (404, _error("no such adapter"))
        if not self.development:
            return 404, {"detail": "Not Found"}
        if path == "/collective_rpc":
            assert body["method"] == "reload_weights"
            self.whole = body["kwargs"]["weights_path"]
            state = AutoModelForCausalLM.from_pretrained(self.whole, dtype="float32").state_dict()
            self.models["base"].model.load_state_dict(state)
            self.loads.append(Path(self.whole).name)
            return 200, {"results": [None]}
        if path == "/reset_prefix_cache":
            return 200, {"success": True}
        if path.startswith("/server_info"):
            return 200, {"vllm_config": {"instance_id": self.process}}
        return 404, {"detail": "Not Found"}

    def load_adapter(self, body: Body) -> tuple[int, Body]:
        if self.refuse_loads:
            return self.refuse_loads.pop(0), _error("starting")
        name, folder = body["lora_name"], Path(body["lora_path"])
        if name in self.models:
            return 400, _error(f"The lora adapter '{name}' has already been loaded.")
        if not (self.sees and (folder / "adapter_config.json").is_file()):
            return 404, _error(f"Loading lora {name} failed: No adapter found for {folder}")
        if json.loads((folder / "adapter_config.json").read_text())["r"] > 16:
            return 500, _error("LoRA rank 32 is greater than max_lora_rank 16.")
        self.models[name] = open_policy(str(folder), FLOAT32, train=False)
        self.loads.append(folder.name)
        return 200, {}

    def complete(self, body: Body) -> tuple[int, Body]:
        time.sleep(self.seconds)
        if self.refuse_next:
            return self.refuse_next.pop(), _error("overloaded")
        if body["model"] not in self.models:
            return 404, _error(f"The model `{body['model']}` does not exist.")
        sampling = Sampling(
            body["max_tokens"], temperature=body["temperature"], stop=tuple(body["stop"]), seed=body.get("seed", 1)
        )
        assert (body["top_k"], body["top_p"], body["min_p"]) == (0, 1.0, 0.0)
        with self.lock:
            policy = self.models[body["model"]]
            policy.end_tokens = tuple(body["stop_token_ids"])
            prompt = np.array(body["prompt"], np.int32)
            (found,) = generate_completions(policy, [prompt], sampling, n=body["n"])
            self.served.append(Path(self.whole).name if body["model"] == "base" else body["model"])
            self.bodies.append(body)
        choices = [
            {
                "index": place,
                "token_ids": one.tokens.tolist(),
                "logprobs": {"token_logprobs": [float(logp) + APART for logp in one.logp]},
                "finish_reason": "stop" if one.ended else "length",
            }
            for place, one in reversed(list(enumerate(found)))
        ]
        return 200, self.change({"choices": choices})


def _error(message: str) -> Body:
    return {"error": {"message": message}}


@contextmanager
def vllm_server(folder: Path, **settings: Any) -> Generator[StandIn]:
    """A stand-in that listens while the block is open."""
    server = StandIn(folder, **settings)
    try:
        yield server
    finally:
        server.die()
