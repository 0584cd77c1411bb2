"""Models with a memory, and what it should hold; runs under every back end."""

import keras
import numpy as np
from memory_references import remembered

import mentornet_tf as mn

EXAMPLES, CLASSES = 12, 3


def data():
  rng = np.random.default_rng(3)
  x = rng.standard_normal((EXAMPLES, 6)).astype(np.float32)
  return x, rng.integers(0, CLASSES, EXAMPLES)


def student():
  initial = keras.initializers.GlorotUniform(seed=2)
  return keras.Sequential(
    [
      keras.Input((6,)),
      keras.layers.Dense(CLASSES, kernel_initializer=initial),
    ]
  )


_DEFAULT = object()


def memory_model(
  net=None,
  memory=_DEFAULT,
  curriculum=None,
  optimizer=None,
  total_steps=1000,
  **arguments,
):
  compiling = {
    name: arguments.pop(name)
    for name in ("loss", "steps_per_execution", "jit_compile")
    if name in arguments
  }
  compiling.setdefault(
    "loss", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
  )
  if memory is _DEFAULT:
    memory = mn.TrainingMemory(EXAMPLES, CLASSES)
  model = mn.MentoredModel(
    net or student(),
    curriculum or mn.UniformCurriculum(),
    total_steps,
    memory=memory,
    **arguments,
  )
  model.compile(optimizer or keras.optimizers.SGD(0.5), **compiling)
  return model


def check_against_hand(jit_compile: bool, sizes_vary: bool) -> None:
  """Steps on batches with repeated examples.

  Args:
    jit_compile: of the model.
    sizes_vary: whether some batches are smaller; XLA compiles the steps anew
      for each size.
  """
  x, y = data()
  model = memory_model(
    curriculum=mn.FormulaCurriculum("self_paced", loss_p_percentile=0.5),
    jit_compile=jit_compile,
  )
  rng = np.random.default_rng(0)
  positions, columns = [], {"loss": [], "weight": [], "probabilities": []}
  agreements = np.zeros(EXAMPLES)
  percentile = 0.0
  for size in (6, 6, 4, 6, 4, 6, 6, 4) if sizes_vary else (6,) * 8:
    at = rng.integers(0, EXAMPLES - 1, size)  # the last is never visited
    kernel, bias = (w.astype(np.float64) for w in model.student.get_weights())
    logits = x[at] @ kernel + bias
    exp = np.exp(logits - logits.max(1, keepdims=True))
    probabilities = exp / exp.sum(1, keepdims=True)
    loss = -np.log(probabilities[np.arange(size), y[at]])
    model.train_on_batch(mn.with_index(x[at], at.astype(np.int32)), y[at])
    percentile = keras.ops.convert_to_numpy(
      model.curriculum.loss_moving_average
    )
    positions.append(at)
    columns["loss"].append(loss)
    columns["weight"].append((loss < percentile).astype(np.float64))
    columns["probabilities"].append(probabilities)
    np.add.at(agreements, at, probabilities.argmax(1) == y[at])
  positions = np.concatenate(positions)
  columns = {name: np.concatenate(each) for name, each in columns.items()}
  expected, visits = remembered(positions, columns, EXAMPLES, 0.95)
  memory = model.memory.examples
  assert visits[-1] == 0 and visits[:-1].min() > 0
  np.testing.assert_array_equal(memory.visits, visits)
  np.testing.assert_array_equal(memory.labels, np.where(visits > 0, y, -1))
  for name, values in (
    ("loss", memory.mean_loss),
    ("weight", memory.mean_weight),
    ("probabilities", memory.probabilities),
  ):
    np.testing.assert_allclose(values, expected[name], rtol=2e-5, err_msg=name)
  with np.errstate(invalid="ignore"):
    np.testing.assert_allclose(memory.agreement, agreements / visits, rtol=1e-6)


def fitted_on_arrays() -> None:
  # JAX without it would compile each operation for itself.
  jax = keras.backend.backend() == "jax"
  for jit_compile in (True,) if jax else (False, True):
    check_against_hand(jit_compile, sizes_vary=not jit_compile)
  x, y = data()
  model = memory_model(steps_per_execution=2)
  model.fit(mn.with_index(x), y, batch_size=5, epochs=3, verbose=0)
  assert model.memory.examples.visits.tolist() == [3] * EXAMPLES
  np.testing.assert_array_equal(model.memory.examples.labels, y)
