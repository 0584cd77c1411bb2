"""Types that annotations share."""

from typing import Any, TypeAlias

# A tensor of any Keras back end, or what it converts to one. Shapes, dtypes and
# units stand in the docstrings.
Tensor: TypeAlias = Any
