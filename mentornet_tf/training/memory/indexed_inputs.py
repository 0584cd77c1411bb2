"""Inputs with the index of each example in the training data."""

import sys
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from mentornet_tf.errors import UserError
from mentornet_tf.internal.typing import Tensor

INPUTS, INDEX = "inputs", "example_index"


def with_index(
  data: Any, index: Tensor | None = None, *, batched: bool = False
) -> Any:
  """Attaches to each example its index in the training data.

  A `MentoredModel` takes such inputs wherever it takes inputs, and hands the
  student what they were. Its `TrainingMemory` knows examples by the index.

  - Arrays [N, …], or dicts and other structures of them: for `fit(x, y)`.
  - A `tf.data.Dataset` of (x, y) or (x, y, sample_weight), before it is
    shuffled or repeated. Its elements are examples, or with `batched` batches.
  - A `keras.utils.PyDataset` whose batch k always holds the same examples, all
    batches but the last as many.
  - Anything else, such as a batch of a data set of your own: with `index`.

  Args:
    data: see above.
    index: [B] integers from 0, for inputs `data` of B examples; None numbers
      them in their order.
    batched: whether the elements of a `tf.data.Dataset` are batches.

  Returns:
    What was given, with {"inputs": x, "example_index": …} in place of inputs x.

  Raises:
    UserError: what was given cannot be numbered, or is shuffled anew in each
      pass.
  """
  if index is not None:
    return {INPUTS: data, INDEX: index}
  if isinstance(data, keras.utils.PyDataset):
    return _IndexedPyDataset(data)
  tf = sys.modules.get("tensorflow")
  if tf is not None and isinstance(data, tf.data.Dataset):
    return _indexed_dataset(data, batched)
  leaves = keras.tree.flatten(data)
  lengths = {each.shape[0] for each in leaves if getattr(each, "shape", ())}
  if len(lengths) != 1 or not all(hasattr(each, "shape") for each in leaves):
    raise UserError(
      "data: expected arrays with as many examples each, a tf.data.Dataset or "
      f"a PyDataset, got {type(data).__name__}; in a data set of your own, "
      "give each batch its `index`"
    )
  return {INPUTS: data, INDEX: np.arange(lengths.pop(), dtype=np.int32)}


def is_indexed(x: Any) -> bool:
  """Whether inputs of a model come with the index of their examples."""
  return isinstance(x, Mapping) and set(x) == {INPUTS, INDEX}


def check_index(x: Any) -> None:
  """Raises UserError for a data set with one index per batch."""
  spec = getattr(x, "element_spec", None)
  inputs: Any = spec[0] if isinstance(spec, tuple) and spec else None
  if is_indexed(inputs) and inputs[INDEX].shape.rank == 0:
    raise UserError(
      "x: expected an index per example, got one per batch; attach it by "
      "with_index(…, batched=True), or before batch()"
    )


def _indexed_dataset(data: Any, batched: bool) -> Any:
  import tensorflow as tf

  spec = data.element_spec
  if not isinstance(spec, tuple):
    raise UserError(
      "data: expected elements (x, y) or (x, y, sample_weight), got "
      f"{type(spec).__name__}; map the data set to such tuples"
    )

  if _is_reshuffled(data):
    raise UserError(
      "data: expected examples in the same order at each pass, got a data set "
      "that is shuffled anew; attach the index before data are shuffled"
    )

  def attached(first: Any, element: Any) -> Any:
    x, *others = element
    index, count = first, 1
    if batched:
      count = tf.shape(tf.nest.flatten(x)[0], tf.int32)[0]
      index = first + tf.range(count)
    return first + count, ({INPUTS: x, INDEX: index}, *others)

  return data.scan(tf.constant(0), attached)


def _is_reshuffled(data: Any) -> bool:
  """Whether TensorFlow tells that each pass has another order.

  What it does not tell, `TrainingMemory.check` finds by the labels.
  """
  name = type(data).__name__
  if "Cache" in name:  # the order of its first pass
    return False
  if "Shuffle" in name:
    return bool(getattr(data, "_reshuffle_each_iteration", False))
  inputs = getattr(data, "_inputs", tuple)  # has no public name
  return any(map(_is_reshuffled, inputs()))


class _IndexedPyDataset(keras.utils.PyDataset):
  """A `PyDataset` whose batches come with the index of their examples."""

  def __init__(self, data: keras.utils.PyDataset):
    super().__init__(
      workers=data.workers,
      use_multiprocessing=data.use_multiprocessing,
      max_queue_size=data.max_queue_size,
    )
    self._data = data
    self._batch_size = _num_examples(data[0])

  def __len__(self) -> int:
    return self._data.num_batches

  def __getitem__(self, number: int) -> tuple[Any, ...]:
    x, *others = batch = self._data[number]
    count, first = _num_examples(batch), number * self._batch_size
    is_last = number == len(self) - 1
    if count > self._batch_size or (count < self._batch_size and not is_last):
      raise UserError(
        f"data: expected {self._batch_size} examples in batch {number}, as in "
        f"the first, got {count}; give each batch its `index` in your data set"
      )
    index = np.arange(first, first + count, dtype=np.int32)
    return ({INPUTS: x, INDEX: index}, *others)

  def on_epoch_begin(self) -> None:
    self._data.on_epoch_begin()

  def on_epoch_end(self) -> None:
    self._data.on_epoch_end()


def _num_examples(batch: Any) -> int:
  return len(keras.tree.flatten(batch[0])[0])
