"""Actions of the training loop: reporting, guarding, saving, recording."""
