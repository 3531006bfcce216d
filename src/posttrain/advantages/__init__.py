"""Pure functions from rewards to advantages.

KL to the reference model has three roles. As a penalty it is part of PPO's reward for each token: see
`advantages.gae.token_rewards`, with the coefficient from `advantages.kl_controller`. As a term of the loss it belongs
to GRPO: see `objectives.policy_gradient`. As a metric it is computed in `rollouts.metrics`, and `rollouts.alarms`
compares it with the budget ``max_kl``.
"""
