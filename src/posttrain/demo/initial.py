"""Initial weights from which a tiny Llama learns to copy within a few hundred steps.

Copying needs two layers. Heads of the first attend to the previous token. Heads of the second search for the current
token among those previous tokens and repeat what followed it (induction heads: Olsson et al. 2022, arXiv:2209.11895).
From random weights these heads form late, after more tokens than a laptop can train on. So the initial weights contain
a rough form of both (mimetic initialisation: Trockman & Kolter 2023, arXiv:2305.09828). Training refines or overwrites
them.

The initial hidden width is divided into channels for the token itself (``OWN``), channels for the token before it
(``BEFORE``), and one constant channel, through which a head can attend by position alone. Legend: ``V`` vocabulary,
``D`` hidden width, ``E`` head width.
"""

from typing import Any

import torch
from torch import Tensor

OWN, BEFORE = 96, 60
"""Number of channels that initially hold the token itself, and the token before it."""

CONSTANT = 0.3
"""Length of the constant channel, of embeddings of length 1."""

LENGTH = 2.0
"""Length of an embedding. The final norm starts at `FINAL`, so that the first logits are small."""
FINAL = 0.3

POSITION, CONTENT = 40.0, 20.0
"""Attention logit of the matching token, by position and by content."""

LOUD = 3.0
"""Length of a copied token in units of an embedding. It competes with the embedding of the current token."""

WHISPER = 0.2
"""Factor on the initial output weights of all other parts of the network, so that they do not mask the copying."""

FAST = 5
"""Number of high rotary frequencies, which distinguish neighbours; heads read positions from them."""

SLOW = 1 / 100
"""Frequencies (radians per token) below this hardly rotate within a document; heads match content on them."""


@torch.no_grad()
def prime_copying(model: Any) -> None:
    """Overwrite the embedding and most attention heads of the first two layers. Draws from torch's random state."""
    for name, weight in model.named_parameters():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            weight.mul_(WHISPER)
    width, heads = model.config.hidden_size, model.config.num_attention_heads
    size = width // heads
    embedding = torch.zeros(model.config.vocab_size, width)
    own, before, constant = slice(0, OWN), slice(OWN, OWN + BEFORE), OWN + BEFORE
    embedding[:, own] = torch.nn.functional.normalize(torch.randn(len(embedding), OWN), dim=1)
    embedding[:, constant] = CONSTANT
    model.get_input_embeddings().weight.copy_(LENGTH * embedding)
    model.model.norm.weight.fill_(FINAL)

    turns = model.model.rotary_emb.inv_freq
    read = width**0.5 / (1.0 + CONSTANT**2) ** 0.5  # length of the token's own part in what a layer reads
    write = LENGTH / read
    squeeze = torch.linalg.qr(torch.randn(OWN, BEFORE))[0].T * (OWN / BEFORE) ** 0.5  # [BEFORE, OWN]

    first = model.model.layers[0].self_attn
    here, back = _one_step_apart(turns, size)
    strength = (POSITION * size**0.5) ** 0.5 / (CONSTANT * read)
    for head in range(-(-BEFORE // size)):
        rows = slice(head * size, (head + 1) * size)
        first.q_proj.weight[rows] = 0.0
        first.k_proj.weight[rows] = 0.0
        first.q_proj.weight[rows, constant] = strength * back
        first.k_proj.weight[rows, constant] = strength * here
    first.v_proj.weight[:BEFORE] = 0.0
    first.v_proj.weight[:BEFORE, own] = squeeze
    first.o_proj.weight[:, :BEFORE] = 0.0
    first.o_proj.weight[before, :BEFORE] = write * torch.eye(BEFORE)

    second = model.model.layers[1].self_attn
    slow = (turns < SLOW).repeat(2).nonzero()[:, 0]
    # The second layer reads the token and the previous token, with similar lengths, so the norm shortens both.
    strength = 2.0**0.5 * (CONTENT * size**0.5 * BEFORE / len(slow)) ** 0.5 / read
    for head in range(-(-OWN // size)):
        rows = slice(head * size, (head + 1) * size)
        match = torch.linalg.qr(torch.randn(BEFORE, len(slow)))[0].T
        second.q_proj.weight[rows] = 0.0
        second.k_proj.weight[rows] = 0.0
        second.q_proj.weight[head * size + slow, own] = strength * match @ squeeze
        second.k_proj.weight[head * size + slow, before] = strength * match
    second.v_proj.weight[:OWN] = 0.0
    second.v_proj.weight[:OWN, own] = torch.eye(OWN)
    second.o_proj.weight[:, :OWN] = 0.0
    second.o_proj.weight[own, :OWN] = LOUD * write * torch.eye(OWN)


def _one_step_apart(turns: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Two vectors [E] whose product after rotary embedding is 1 if the second is one token later.

    Rotary pairs are (i, i + E/2), rotated by ``position * turns[i]``.
    """
    here, back = torch.zeros(size), torch.zeros(size)
    here[:FAST] = FAST**-0.5
    back[:FAST] = here[:FAST] * turns[:FAST].cos()
    back[size // 2 : size // 2 + FAST] = -here[:FAST] * turns[:FAST].sin()
    return here, back
