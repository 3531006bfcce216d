"""Groups, packing, attention over branches and log-probs. This room knows tensors only and imports no other room."""
