"""Connects to a vLLM server, and checks that it serves the stage's model."""

from collections.abc import Callable
from pathlib import Path

from posttrain.endpoint import connect
from posttrain.errors import InputError
from posttrain.generation.options import VllmOptions
from posttrain.generation.vllm import routes
from posttrain.generation.vllm.weights import servable_adapter
from posttrain.generation.vllm.writer import VllmWriter
from posttrain.policy.load import Policy
from posttrain.policy.lora.folder import adapted_model
from posttrain.ranks.exchange import on_main


def open_vllm(
    policy: Policy, model: str, options: VllmOptions, folder: Path, *, longest: int, on_note: Callable[[str], None]
) -> VllmWriter:
    """Connect to a vLLM server, and wait until it is up. All ranks call this together.

    Args:
        model: the folder or hub id that the policy was loaded from.
        folder: see `VllmWriter`.
        longest: tokens of the longest prompt and completion together.

    Raises:
        InputError: the server serves another model, or shorter sequences; or vLLM cannot load the adapter.
        RunError: the server does not answer in time.
    """
    adapter, root = on_main(lambda: _checked(policy, model, options, longest=longest, on_note=on_note))
    return VllmWriter(policy, options, folder, adapter, root, on_note)


def _checked(
    policy: Policy, model: str, options: VllmOptions, *, longest: int, on_note: Callable[[str], None]
) -> tuple[bool, str]:
    """Check the server; return whether it is to load an adapter, and its base model."""
    entry = routes.wait_for_server(options, options.wait, on_note)
    with connect(options) as client:
        version = routes.version_of(client, options)
    if not version.startswith(routes.TESTED):
        on_note(f"vllm: the server has version {version}; posttrain was tested with {', '.join(routes.TESTED)}")
    most = entry.get("max_model_len")
    if isinstance(most, int) and most < longest:
        raise InputError(
            f"vllm: the server takes {most} tokens, and the longest prompt and completion have {longest}; start it "
            f"with --max-model-len {longest}, or lower max_new_tokens"
        )
    root, base = str(entry.get("root", "")), adapted_model(model) or model
    servable = servable_adapter(policy)
    if options.send == "adapter" and not servable:
        raise InputError("vllm.send: vLLM cannot load this adapter alone; set `send: weights`")
    if options.send != "auto":
        return options.send == "adapter", root
    same = bool(root) and (root == base or Path(root).resolve() == Path(base).resolve())
    if servable and not same:
        on_note(f"vllm: all weights are sent, since the server was started with {root} and the adapter is for {base}")
    return servable and same, root
