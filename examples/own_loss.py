"""Training with a loss of one's own: imitation that weighs each row by how far it is trusted."""

from pathlib import Path

import posttrain as pt

BASE = Path(pt.__file__).parent / "demo/base"


def weighted_loss(outputs: pt.Outputs, batch: pt.Batch) -> pt.Loss:
    """The sum of -trust · log π(token) over all tokens that bear loss; `fit` divides it by their number."""
    assert outputs.logp_N is not None
    trust_N = batch.columns["trust"][batch.completion_N]
    total = -(trust_N * outputs.logp_N).sum()
    return pt.Loss(total, {"loss": (total.detach(), len(outputs.logp_N))})


weighted = pt.Objective(weighted_loss, wants=frozenset({"logp"}), needs=frozenset({"trust"}), unit="token")

model = pt.load(BASE, precision="float32")
rows = [("Dose of A?", "10 mg", 1.0), ("Dose of B?", "20 mg", 1.0), ("Dose of C?", "90 mg", 0.1)]
groups = [model.group(question, [answer], trust=[trust]) for question, answer, trust in rows]

result = pt.fit(model.policy, groups, weighted, pt.TrainOptions(epochs=20, batch_size=3, learning_rate=1e-3))
print(result)
print(model.answer("Dose of A?", max_new_tokens=12))
result.save("trusted-model")
