"""The tools whose configurations are converted, and a guess of the tool from the keys of a configuration."""

from collections.abc import Mapping
from pathlib import Path

from posttrain.convert.axolotl import AXOLOTL
from posttrain.convert.keys import Peer, Values
from posttrain.convert.llama_factory import LLAMA_FACTORY
from posttrain.convert.trl import TRL
from posttrain.errors import InputError

PEERS: Mapping[str, Peer] = {peer.name: peer for peer in (TRL, LLAMA_FACTORY, AXOLOTL)}
"""Name on the command line → tool."""


def peer_of(values: Values, path: Path) -> Peer:
    """The tool whose keys a configuration has.

    Raises:
        InputError: the keys do not show the tool.
    """
    counts = {name: len(peer.marks & values.keys()) for name, peer in PEERS.items()}
    most = max(counts.values())
    best = [name for name, count in counts.items() if count == most]
    if most and len(best) == 1:
        return PEERS[best[0]]
    if {"stages", "model"} <= values.keys():
        raise InputError(f"{path}: this is a recipe of posttrain already; start it with `posttrain run`")
    raise InputError(f"{path}: the keys do not show whose configuration this is; add --from {', --from '.join(PEERS)}")


def named_peer(name: str) -> Peer:
    """The tool of a name.

    Raises:
        InputError: there is no such tool.
    """
    if name not in PEERS:
        raise InputError(f"--from: {name} is none of {', '.join(PEERS)}")
    return PEERS[name]
