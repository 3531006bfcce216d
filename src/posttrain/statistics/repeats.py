"""Several samples a prompt: how often at least one is right, and how often all are right."""


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """pass@k: the probability that at least one of k samples is right, unbiased: 1 - C(n - c, k) / C(n, k).

    It is computed as a product of factors below 1, so that no binomial overflows. M. Chen et al., "Evaluating Large
    Language Models Trained on Code", arXiv:2107.03374, equation 1.

    Raises:
        ValueError: k is not between 1 and the number of samples, or more samples are right than there are.
    """
    _check(samples, correct, k)
    missed = 1.0
    for i in range(k):
        missed *= max(0, samples - correct - i) / (samples - i)
    return 1 - missed


def pass_hat_k(samples: int, correct: int, k: int) -> float:
    """pass^k: the probability that all of k samples are right, unbiased: C(c, k) / C(n, k).

    S. Yao et al., "tau-bench: A Benchmark for Tool-Agent-User Interaction in Real-World Domains", arXiv:2406.12045.

    Raises:
        ValueError: as for `pass_at_k`.
    """
    _check(samples, correct, k)
    share = 1.0
    for i in range(k):
        share *= max(0, correct - i) / (samples - i)
    return share


def _check(samples: int, correct: int, k: int) -> None:
    if not 1 <= k <= samples:
        raise ValueError(f"k is {k}: it must lie between 1 and the number of samples, {samples}")
    if not 0 <= correct <= samples:
        raise ValueError(f"{correct} of {samples} samples are right")
