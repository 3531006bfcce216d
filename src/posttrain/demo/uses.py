"""Draws uses of products, on their label or off it."""

from random import Random

from posttrain.demo import world
from posttrain.demo.world import LABELS, Label


def any_use(rng: Random, split: world.Split) -> tuple[Label, str, str]:
    """Draw a product and a use of it, on its label or off it with equal probability.

    Off-label uses belong to the split. On-label uses are knowledge and are the same for all splits.
    """
    label = rng.choice(LABELS)
    if rng.random() < 0.5:
        return label, label.indication, rng.choice(label.populations)
    return label, *off_label_use(rng, label, split)


def off_label_use(rng: Random, label: Label, split: world.Split, near: float = 0.3) -> tuple[str, str]:
    """Draw a condition and a population that the label does not cover, whose combination belongs to the split.

    Args:
        near: probability of trying the approved condition, which is off-label in another population.
    """

    def make() -> tuple[str, str]:
        while True:
            condition = label.indication if rng.random() < near else rng.choice(world.CONDITIONS)
            population = rng.choice(world.POPULATIONS)
            if not label.covers(condition, population):
                return condition, population

    return world.draw_in_split(make, lambda use: (label.product, *use), split)
