"""Curricula: from per-example losses to per-example weights."""
