"""Types that annotations share."""

from typing import Any, TypeAlias

# A tensor of any Keras back end, or what it converts to one. Shapes, dtypes and
# units stand in the docstrings, as in "[B, num_classes] float32".
Tensor: TypeAlias = Any

# Sizes of a tensor's axes. None is one that may differ, such as the batch.
Shape: TypeAlias = tuple[int | None, ...]
