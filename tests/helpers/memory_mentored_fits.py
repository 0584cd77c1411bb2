"""Training under a mentor that sees the memory, by hand; for every back end."""

import keras
import numpy as np
from memory_fits import (
  CLASSES,
  EXAMPLES,
  check_against_hand,
  data,
  fitted_on_arrays,
  memory_model,
)
from memory_references import (
  average,
  memory_mentor,
  nearest_rank,
  weights_by_hand,
)

import mentornet_tf as mn
from mentornet_tf.training.ema import averaged_weights

# The steps begin at 0, 12, 25, 37 and 50 % of training.
_TOTAL_STEPS = 8
_PERCENTILE, _RATE = 0.6, 0.5
_TEMPERATURE, _BALANCE = 0.5, 0.7


def memory_curriculum(**options):
  options = {"example_dropout_rates": "0,100"} | options
  return mn.MemoryCurriculum(
    memory_mentor(), loss_p_percentile=_PERCENTILE, **options
  )


def mixing():
  return mn.MentorMix(2.0, second_reweight=False, seed=4)


def refining():
  return mn.RefinedLabels(_TEMPERATURE, balance_decay=_BALANCE)


def _softmax(logits):
  exp = np.exp(logits - logits.max(1, keepdims=True))
  return exp / exp.sum(1, keepdims=True)


class Reference:
  """A linear student, its memory and its mentor in float64."""

  def __init__(self, model):
    self.kernel, self.bias = (
      np.asarray(w, np.float64) for w in model.student.get_weights()
    )
    self.mentor = model.curriculum.mentor
    self.visits = [[] for _ in range(EXAMPLES)]
    self.loss_average = self.mean_loss_average = 0.0
    self.steps = 0
    # Of the same seed as the model's.
    self.mixing = mixing() if getattr(model, "mixing", None) else None
    self.refines = hasattr(model, "refining")
    self.given = self.predicted = np.full(CLASSES, 1 / CLASSES)

  def features(self, at, labels, loss, probabilities):
    """[B, 8] of a batch, whose visits are remembered one after the other."""
    rows = []
    for each, label, *visit in zip(
      at, labels, loss, probabilities, strict=True
    ):
      self.visits[each].append(visit)
      losses, rest = zip(*self.visits[each], strict=True)
      mean = average(list(rest), 0.95)
      rows.append(
        [
          average(list(losses), 0.95),
          mean[label],
          np.delete(mean, label).max(),
          np.mean([np.argmax(p) == label for p in rest]),
        ]
      )
    mean_loss, given, other, agreement = np.transpose(rows)
    self.loss_average += nearest_rank(loss, _PERCENTILE)
    self.loss_average /= 2
    self.mean_loss_average += nearest_rank(mean_loss, _PERCENTILE)
    self.mean_loss_average /= 2
    columns = [
      loss,
      loss - self.loss_average,
      mean_loss,
      mean_loss - self.mean_loss_average,
      np.log(given + 0.001),
      np.log(other + 0.001),
      agreement,
      np.full_like(loss, 100 * self.steps // _TOTAL_STEPS),
    ]
    return np.stack(columns, axis=1)

  def step(self, at, x, labels, averaged=None):
    """Updates the student, and returns the weights of the batch.

    Args:
      at: [B], the examples.
      x: [B, …] float64.
      labels: [B].
      averaged: kernel and bias of the EMA student, by which examples are
        weighed and labels refined; None for the student's own.
    """
    kernel, bias = averaged or (self.kernel, self.bias)
    probabilities = _softmax(x @ kernel + bias)
    loss = -np.log(probabilities[np.arange(len(at)), labels])
    features = self.features(at, labels, loss, probabilities)
    weights = weights_by_hand(self.mentor, features)
    self.steps += 1
    targets, factors = np.eye(CLASSES)[labels], weights[:, None]
    if self.refines:
      guess = self._guess(probabilities, targets)
      targets, factors = factors * targets + (1 - factors) * guess, 1.0
    if self.mixing is not None:
      mixture = self.mixing.sample(weights.astype(np.float32))
      partner = np.asarray(mixture.partner)
      share = np.asarray(mixture.share, np.float64)[:, None]
      x, targets = (
        share * each + (1 - share) * each[partner] for each in (x, targets)
      )
      factors = 1.0  # the weights have decided how examples are mixed
    error = (_softmax(x @ self.kernel + self.bias) - targets) * factors
    self.kernel = self.kernel - _RATE * x.T @ error / len(at)
    self.bias = self.bias - _RATE * error.mean(axis=0)
    return weights

  def _guess(self, probabilities, targets):
    moved = (self.predicted, probabilities), (self.given, targets)
    self.predicted, self.given = (
      _BALANCE * share + (1 - _BALANCE) * now.mean(0) for share, now in moved
    )
    guess = (probabilities * self.given / self.predicted) ** (1 / _TEMPERATURE)
    return guess / guess.sum(1, keepdims=True)


def check_steps_against_hand(
  jit_compile: bool, sizes_vary: bool, **kind
) -> None:
  """Steps under a mentor that sees the memory; some batches repeat examples.

  Args:
    jit_compile: of the model.
    sizes_vary: whether one batch is smaller; XLA compiles the steps anew for
      each size.
    **kind: `mixing` and `refining` of the model.
  """
  x, y = data()
  averages = "refining" in kind
  model = memory_model(
    curriculum=memory_curriculum(),
    optimizer=keras.optimizers.SGD(_RATE, use_ema=averages, ema_momentum=0.8),
    total_steps=_TOTAL_STEPS,
    jit_compile=jit_compile,
    **kind,
  )
  reference = Reference(model)
  rng = np.random.default_rng(0)
  spread, averaged = [], None
  for size in (6, 6, 4, 6, 6) if sizes_vary else (6,) * 5:
    at = rng.integers(0, EXAMPLES - 1, size)
    weights = reference.step(at, x[at].astype(np.float64), y[at], averaged)
    spread.append(np.ptp(weights))
    model.train_on_batch(mn.with_index(x[at], at.astype(np.int32)), y[at])
    if averages:  # the average begins with the first step
      averaged = [
        np.asarray(keras.ops.convert_to_numpy(each), np.float64)
        for each in averaged_weights(model.optimizer)
      ]
    remembered = model.memory.examples.mean_weight[at[-1]]
    if len(reference.visits[at[-1]]) == 1:
      np.testing.assert_allclose(remembered, weights[-1], rtol=1e-4)
  assert max(spread) > 0.3
  for got, expected in (
    (model.student.get_weights()[0], reference.kernel),
    (model.student.get_weights()[1], reference.bias),
    (model.curriculum.loss_moving_average, reference.loss_average),
    (model.curriculum.mean_loss_moving_average, reference.mean_loss_average),
  ):
    got = keras.ops.convert_to_numpy(got)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def fitted_with_memory() -> None:
  """All fits with a memory, in one process."""
  fitted_on_arrays()
  fitted_under_a_mentor()


def compiled_for_several_sizes() -> None:
  """The steps with a memory, compiled, on batches of which some are smaller."""
  check_against_hand(jit_compile=True, sizes_vary=True)
  check_steps_against_hand(jit_compile=True, sizes_vary=True)


def fitted_under_a_mentor() -> None:
  # JAX without it would compile each operation for itself.
  jax = keras.backend.backend() == "jax"
  for jit_compile in (True,) if jax else (False, True):
    check_steps_against_hand(jit_compile, sizes_vary=not jit_compile)


def fitted_in(scope) -> dict[str, list]:
  """What `fit` leaves behind of a model built in `scope`, as JSON holds it."""
  x, y = data()
  with scope:
    model = memory_model(curriculum=memory_curriculum())
    model.fit(
      mn.with_index(x), y, batch_size=8, epochs=3, shuffle=False, verbose=0
    )
  values = {
    "loss average": model.curriculum.loss_moving_average,
    "mean loss average": model.curriculum.mean_loss_moving_average,
    "mean weight": model.memory.examples.mean_weight,
  } | dict(enumerate(model.student.get_weights()))
  return {
    str(name): np.asarray(keras.ops.convert_to_numpy(value), float).tolist()
    for name, value in values.items()
  }
