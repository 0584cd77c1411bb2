"""Training folders: checkpoints, settings, metrics."""
