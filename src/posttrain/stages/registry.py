"""Every kind of stage a recipe can name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from posttrain.stages import audit, candidates, dpo, grpo, ift, on_policy, ppo, rank, reward, sft, training
from posttrain.stages.audit import AuditStage
from posttrain.stages.candidates import CandidatesStage
from posttrain.stages.context import Context, Figure
from posttrain.stages.dpo import DPOStage
from posttrain.stages.grpo import GRPOStage
from posttrain.stages.ift import IFTStage
from posttrain.stages.on_policy import OnPolicyTechnique
from posttrain.stages.ppo import PPOStage
from posttrain.stages.rank import RankStage
from posttrain.stages.reward import RewardStage
from posttrain.stages.sft import SFTStage
from posttrain.stages.technique import Makes, Preview, Technique, with_fitting_rows

Stage = Annotated[
    SFTStage | IFTStage | RewardStage | DPOStage | PPOStage | GRPOStage | CandidatesStage | RankStage | AuditStage,
    Field(discriminator="kind"),
]


Run = Callable[[Any, Context], dict[str, Figure]]
PreviewFn = Callable[[Any, Context], Preview]
Needs = Callable[[Any, Context], Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of stage.

    Args:
        options: what the recipe can say.
        run: what it does.
        look: what it would do, for plans.
        needs: bytes of memory at the peak, by purpose, known before its data; nothing where no model is loaded.
        makes: what it leaves: a model that writes, one that scores, or data and no model.
        product: the file of data that it leaves, which later stages read under the stage's name.
    """

    options: type[Any]
    run: Run
    preview: PreviewFn
    needs: Needs = lambda stage, context: {}
    makes: Makes = "causal"
    product: str | None = None


def _curated(technique: Callable[[Any, int], Technique]) -> tuple[Run, PreviewFn, Needs]:
    """A stage on data that is there beforehand."""

    def run(stage: Any, context: Context) -> dict[str, Figure]:
        stage = with_fitting_rows(stage, context)
        return training.train(stage, technique(stage, context.seed), context)

    def see(stage: Any, context: Context) -> Preview:
        stage = with_fitting_rows(stage, context)
        return training.preview(stage, technique(stage, context.seed), context)

    def needs(stage: Any, context: Context) -> Mapping[str, int]:
        return training.needs(with_fitting_rows(stage, context), technique(stage, context.seed), context)

    return run, see, needs


def _on_policy(technique: Callable[[Any], OnPolicyTechnique]) -> tuple[Run, PreviewFn, Needs]:
    """A stage on what the model itself writes."""

    def run(stage: Any, context: Context) -> dict[str, Figure]:
        stage = with_fitting_rows(stage, context)
        return on_policy.train_on_policy(stage, technique(stage), context)

    def see(stage: Any, context: Context) -> Preview:
        return on_policy.preview(with_fitting_rows(stage, context), context)

    def needs(stage: Any, context: Context) -> Mapping[str, int]:
        return on_policy.needs(with_fitting_rows(stage, context), context)

    return run, see, needs


KINDS: Mapping[str, Kind] = {
    "sft": Kind(SFTStage, *_curated(sft.technique)),
    "ift": Kind(IFTStage, *_curated(ift.technique)),
    "dpo": Kind(DPOStage, *_curated(dpo.technique)),
    "reward": Kind(RewardStage, *_curated(reward.technique), makes="score"),
    "ppo": Kind(PPOStage, *_on_policy(ppo.technique)),
    "grpo": Kind(GRPOStage, *_on_policy(grpo.technique)),
    "audit": Kind(AuditStage, audit.run, audit.preview, makes="data"),
    "candidates": Kind(
        CandidatesStage, candidates.write, candidates.preview, candidates.needs, makes="data", product=candidates.FILE
    ),
    "rank": Kind(RankStage, rank.rank, rank.preview, makes="data", product=rank.FILE),
}
