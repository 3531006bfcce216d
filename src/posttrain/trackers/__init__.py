"""Experiment trackers: the metrics of a training stage in TensorBoard, MLflow, Weights & Biases or trackio."""
