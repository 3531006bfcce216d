"""The completions API of a server that scores given tokens with a real model, in vLLM's form and in OpenAI's."""

import json
import threading
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from http_server import Endpoint, Reply


def scorer(folder: Path) -> Reply:
    """A reply that holds the model's log-probs of the prompt's tokens. A text is encoded first."""
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    lock = threading.Lock()

    def reply(endpoint: Endpoint, body: dict[str, Any]) -> None:
        prompt = body["prompt"]
        ids = tokenizer(prompt)["input_ids"] if isinstance(prompt, str) else prompt
        with lock, torch.no_grad():
            logprobs_TV = model(torch.tensor([ids])).logits[0, :-1].float().log_softmax(-1)
        values = logprobs_TV.gather(1, torch.tensor(ids[1:])[:, None])[:, 0].tolist()
        endpoint.reply(200, reply_of(body, ids, values, [tokenizer.decode([i]) for i in ids]))

    return reply


def reply_of(body: dict[str, Any], ids: list[int], values: list[float], texts: list[str]) -> str:
    """The reply to a request: the log-probs of all tokens but the first one."""
    if body.get("echo"):
        logprobs = {"tokens": texts, "token_logprobs": [None, *values], "top_logprobs": None}
        return json.dumps({"choices": [{"text": "".join(texts), "logprobs": logprobs, "finish_reason": "length"}]})
    entries = [
        {str(i): {"logprob": v, "rank": 1, "decoded_token": t}}
        for i, v, t in zip(ids[1:], values, texts[1:], strict=True)
    ]
    return json.dumps({"choices": [{"text": "x", "prompt_logprobs": [None, *entries], "finish_reason": "length"}]})
