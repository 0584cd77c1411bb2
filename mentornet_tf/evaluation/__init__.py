"""Accuracy, loss and label-noise detection of students."""
