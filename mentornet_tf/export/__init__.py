"""Leaving TensorFlow programs behind: SavedModel, .keras and TFLite."""
