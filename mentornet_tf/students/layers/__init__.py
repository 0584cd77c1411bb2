"""Layers that the original students need and Keras lacks."""
