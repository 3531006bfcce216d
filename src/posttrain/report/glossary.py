"""The words of the page in plain English, for people who do not write code."""

GLOSSARY = {
    "95% interval": "The range in which the true value probably lies. A short range means a well-known value. "
    "With more questions it gets shorter.",
    "Adapter, LoRA": "A small set of added weights that is trained in place of the model’s own weights. "
    "It needs less memory.",
    "Base model": "A model that was trained on texts alone. It continues a text, and has not learnt to answer.",
    "Checkpoint": "A saved state of training, from which a stopped run goes on.",
    "Distillation": "The model learns from the answers or the probabilities of a larger model, its teacher.",
    "DPO": "Direct preference optimisation: the model sees pairs of answers and learns to prefer the better one.",
    "Entropy": "How varied the answers are. Near 0 the model always writes the same.",
    "Epoch": "One pass over all training rows.",
    "Gate": "A condition that was set before training, such as “refuses at least 95% of unsafe requests”. A gate that "
    "fails stops the run.",
    "GRPO and PPO": "Reinforcement learning: the model writes answers, a reward scores them, and the model learns to "
    "write more like the ones with high scores.",
    "Hash": "A fingerprint of a file. If one letter of the file changes, the fingerprint changes too.",
    "Held out": "Rows that are kept away from training, so that they test what the model learnt and not what it "
    "remembers.",
    "IFT": "Instruction fine-tuning: the model learns to follow many kinds of instructions.",
    "Inconclusive, undecided": "The data are too few to tell a real change from chance. It does not mean that nothing "
    "changed.",
    "KL": "How far the model moved away from the model it started as. 0 means that it is the same.",
    "KTO": "Kahneman-Tversky optimisation: the model sees single answers marked good or bad, and learns to write more "
    "like the good ones.",
    "Learning rate": "How far each step changes the weights. "
    "Too high a value ruins the model, too low a value teaches nothing.",
    "Loss": "How surprised the model is by the right answer. Lower is better.",
    "Not tested": "Both models have a value, but their saved answers are missing or were scored in different ways.",
    "Paired test": "Both models answer the same questions, and only the questions whose result differs count. The "
    "p-value says how often chance alone gives so large a difference.",
    "Perplexity": "How surprised the model is by a text, as a number of equally likely next tokens. Lower is better.",
    "Recipe": "The file that names the model, the data, the stages and the gates of a run.",
    "Reward": "A number for an answer, from a rule, a test, a judge or a reward model. Higher is better.",
    "Reward model": "A model that reads an answer and gives it a score, as people would.",
    "Seed": "The number that fixes every random choice. The same seed gives the same run.",
    "SFT": "Supervised fine-tuning: the model learns from example answers.",
    "Slice": "A part of a suite, such as one product or one kind of question.",
    "Stage": "One step of a recipe, which trains a model or makes data.",
    "Suite": "A set of questions with a rule that scores the answers.",
    "Token": "A piece of text, about three quarters of an English word.",
    "Waiver": "A named person's decision to go on although a check or a gate did not pass.",
}
"""Word → its meaning."""

KINDS = {
    "audit": "checks the data before training",
    "sft": "learns from example answers (supervised fine-tuning)",
    "ift": "learns to follow many kinds of instructions (instruction fine-tuning)",
    "dpo": "learns to prefer the better of two answers (direct preference optimisation)",
    "kto": "learns from answers marked good or bad (Kahneman-Tversky optimisation)",
    "reward": "learns to score answers as people would (reward model)",
    "candidates": "writes several answers to each prompt, to be ranked by people or by scores",
    "rank": "lets people rank answers",
    "pick": "chooses among answers by their scores",
    "distill": "learns from the probabilities of a larger model (on-policy distillation)",
    "ppo": "learns from scores of its own answers (reinforcement learning, PPO)",
    "grpo": "learns from scores of groups of its own answers (reinforcement learning, GRPO)",
}
"""Kind of stage → what it does."""
