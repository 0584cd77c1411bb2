"""Training on several replicas, on devices that are parts of one CPU.

The functions run in processes of their own: devices are made before TensorFlow
starts. They return what JSON can hold.
"""

from contextlib import nullcontext
from threading import get_ident
from typing import Any

import numpy as np

LABELS = 4
STEPS = 6


def split_cpu(count: int) -> None:
  """Makes several devices of the CPU."""
  import tensorflow as tf

  (cpu,) = tf.config.list_physical_devices("CPU")
  device = tf.config.LogicalDeviceConfiguration()
  tf.config.set_logical_device_configuration(cpu, [device] * count)


def strategy_of(count: int, collective: bool = False) -> Any:
  """A strategy of several replicas; None for one.

  A process may have one strategy that is collective, as they are by default:
  those of a second would be confused with it.
  """
  import tensorflow as tf

  if count == 1:
    return None
  devices = [f"CPU:{number}" for number in range(count)]
  if collective:
    return tf.distribute.MirroredStrategy(devices)
  reduction = tf.distribute.ReductionToOneDevice()
  return tf.distribute.MirroredStrategy(devices, reduction)


def scope_of(strategy: Any) -> Any:
  return strategy.scope() if strategy else nullcontext()


def small_student(batch_norm: bool) -> Any:
  """With synchronised batch norm, or with penalties of activities.

  The latter in float64, where the order of sums hardly matters: a mentor makes
  twenty times more of a difference in its weights.
  """
  import keras

  l2 = keras.regularizers.L2(0.01)
  tensorflow = keras.backend.backend() == "tensorflow"
  dtype = "float32" if batch_norm else "float64"
  part = (
    [keras.layers.BatchNormalization(synchronized=tensorflow, dtype=dtype)]
    if batch_norm
    else [keras.layers.Dense(8, "relu", activity_regularizer=l2, dtype=dtype)]
  )
  student = keras.Sequential(
    [
      keras.Input((6,)),
      keras.layers.Dense(8, "relu", kernel_regularizer=l2, dtype=dtype),
      *part,
      keras.layers.Dense(LABELS, dtype=dtype),
    ]
  )
  rng = np.random.default_rng(2)
  student.set_weights(
    [
      rng.normal(scale=0.3, size=w.shape) if w.ndim > 1 else w
      for w in student.get_weights()
    ]
  )
  return student


def examples(count: int) -> tuple[np.ndarray, np.ndarray]:
  rng = np.random.default_rng(1)
  x = rng.normal(size=(count, 6)).astype(np.float32)
  return x, rng.integers(0, LABELS, count)


def as_lists(values: dict[str, Any]) -> dict[str, list]:
  import keras

  return {
    name: np.asarray(keras.ops.convert_to_numpy(value), float).tolist()
    for name, value in values.items()
  }


def state_of(model: Any) -> dict[str, Any]:
  curriculum = model.curriculum
  return {
    "average": curriculum.loss_moving_average.numpy(),
    "random state": curriculum._seed_generator.state.numpy(),
    "step": model.step.numpy(),
    "used": model.used_examples.numpy(),
  } | {f"weight {i}": w for i, w in enumerate(model.student.get_weights())}


def fitted(
  scope: Any, count: int, path: str | None = None, weighs: bool = True
) -> dict[str, list]:
  """What `fit` reports and leaves behind.

  Every kind of weight and mask takes part; the last batch of an epoch has
  another number of examples, which replicas cannot share equally.

  Args:
    scope: where the model is built.
    count: of the examples.
    path: where the model is saved.
    weighs: whether the examples are weighed at the end.
  """
  import keras

  import mentornet_tf as mn

  x, y = examples(count)
  with scope:
    curriculum = mn.MentorCurriculum(mn.load_mentor("mentornet_pd"))
    model = mn.MentoredModel(
      small_student(batch_norm=True),
      curriculum,
      STEPS,
      weigh_by_average=True,
      original_metrics=True,
      memory=mn.TrainingMemory(count, LABELS),
    )
    model.compile(
      keras.optimizers.SGD(0.1, momentum=0.9, use_ema=True, ema_momentum=0.5),
      keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=3
      ),
      metrics=["accuracy"],
    )
    weight = np.linspace(0, 2, len(y))
    indexed = mn.with_index(x)
    logs = model.fit(
      indexed, y, 16, 2, sample_weight=weight, shuffle=False, verbose=0
    ).history
    weighed = {"weigh": model.weigh(x, y)} if weighs else {}
    evaluated = model.evaluate(x, y, return_dict=True, verbose=0)
    logs["val_accuracy"] = evaluated["accuracy"]
    if path:
      model.save(path)
  logs = {f"log {name}": value for name, value in logs.items()}
  memory = model.memory.examples
  logs |= {
    f"memory {name}": getattr(memory, name)
    for name in ("probabilities", "mean_loss", "mean_weight", "visits")
  }
  return as_lists(logs | state_of(model) | weighed)


def observed_steps(
  model: Any, strategy: Any, batches: list[tuple[np.ndarray, ...]]
) -> list[dict[str, list]]:
  """What each replica computes in steps like those of the command line.

  The lists of the i-th step have an axis of replicas in front.
  """
  import tensorflow as tf

  from mentornet_tf.training.observed_step import training_step

  size = len(batches[0][0])
  data = tf.data.Dataset.from_tensor_slices(
    tuple(np.concatenate(each) for each in zip(*batches, strict=True))
  ).batch(size)

  mixtures = {}  # by the thread, of which each replica has its own

  def step(x: Any, y: Any, is_clean: Any) -> dict[str, Any]:
    loss, report = training_step(model, x, y, is_clean=is_clean)
    values = {
      "loss": loss.weighed.loss,
      "percentile": loss.weighed.percentile_loss,
      "average": loss.weighed.loss_moving_average,
      "weight": loss.weighed.weight,
      "before dropout": loss.weighed.weight_before_dropout,
      "own loss": loss.example_loss,
    }
    if hasattr(model, "mixing"):
      mixture = mixtures[get_ident()]
      values |= {"partner": mixture.partner, "share": mixture.share}
    return values | report

  if hasattr(model, "mixing"):
    sample = model.mixing.sample

    def recorded(*args: Any) -> Any:
      mixtures[get_ident()] = sample(*args)
      return mixtures[get_ident()]

    model.mixing.sample = recorded
  if strategy is None:
    run = tf.function(step)
    return [
      {name: [value] for name, value in as_lists(run(*each)).items()}
      for each in data
    ]
  run = tf.function(lambda *each: strategy.run(step, each))
  return [
    {
      name: [v.numpy().tolist() for v in strategy.experimental_local_results(r)]
      for name, r in run(*each).items()
    }
    for each in strategy.experimental_distribute_dataset(data)
  ]


def mixed_steps(strategy: Any) -> dict[str, Any]:
  """MentorMix with a second curriculum, on batches of 15."""
  import keras

  import mentornet_tf as mn

  x, y = examples(15 * STEPS)
  is_clean = np.arange(len(y)) % 3 > 0
  with scope_of(strategy):
    model = mn.MentoredModel(
      small_student(batch_norm=False),
      mn.MentorCurriculum(mn.load_mentor("mentornet_pd")),
      STEPS,
      mixing=mn.MentorMix(alpha=2.0),
    )
    model.compile(
      keras.optimizers.SGD(0.1),
      keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.optimizer.build(model.trainable_variables)
    steps = observed_steps(
      model,
      strategy,
      [
        tuple(each[i : i + 15] for each in (x, y, is_clean))
        for i in range(0, len(y), 15)
      ],
    )
  second = model.second_curriculum.loss_moving_average.numpy()
  state = state_of(model) | {"second average": second}
  return {"steps": steps, "state": as_lists(state)}


def mirrored(path: str) -> dict[str, Any]:
  """Training on 1, 2 and 4 replicas, by `fit` and in steps, and refusals."""
  import auto_percentiles

  split_cpu(4)
  strategies = {n: strategy_of(n, collective=n == 2) for n in (1, 2, 4)}
  return {
    "fitted": {
      n: fitted(scope_of(strategies[n]), 43, path if n == 2 else None)
      for n in (1, 2)
    },
    "mixed": {n: mixed_steps(strategies[n]) for n in (1, 4)},
    "percentiles": {
      1: [auto_percentiles.estimates()],
      2: auto_percentiles.on_replicas(strategies[2]),
    },
    "refusals": refusals(strategies[2]),
  }


def mirrored_with_memory_and_refining() -> dict[str, Any]:
  """`fit` on 1 and 2 replicas with a memory and with refined labels."""
  import memory_mentored_fits
  import refined_runs

  split_cpu(2)
  strategies = {n: strategy_of(n, collective=n == 2) for n in (1, 2)}
  return {
    name: {n: fit(scope_of(each)) for n, each in strategies.items()}
    for name, fit in (
      ("seeing memory", memory_mentored_fits.fitted_in),
      ("refined", refined_runs.refined),
    )
  }


def data_parallel(weighs: bool) -> dict[str, Any]:
  """`fit` under JAX on one device and on four; `weighs` as in `fitted`."""
  import jax
  import keras

  jax.config.update("jax_num_cpu_devices", 4)
  distribution = keras.distribution.DataParallel()
  assert distribution.device_mesh.devices.size == 4
  return {
    # Keras shares batches of this size equally, and takes no others.
    "1": fitted(nullcontext(), 48, weighs=weighs),
    "4": fitted(distribution.scope(), 48, weighs=weighs),
  }


def refusals(strategy: Any) -> list[str]:
  """The lines with which what is not supported is refused.

  Args:
    strategy: of two replicas.
  """
  import keras
  import tensorflow as tf

  import mentornet_tf as mn

  lines = []
  x, y = examples(8)

  def built(batch_norm: bool = False, **compiled: Any) -> Any:
    student = small_student(batch_norm)
    if batch_norm:
      student.layers[0].activity_regularizer = keras.regularizers.L2(0.01)
    model = mn.MentoredModel(student, mn.UniformCurriculum(), 4)
    compiled.setdefault("optimizer", "sgd")
    model.compile(loss="sparse_categorical_crossentropy", **compiled)
    return model

  def refuse(call: Any, *args: Any, **kwargs: Any) -> None:
    try:
      call(*args, verbose=0, **kwargs) if kwargs else call(*args)
    except mn.UserError as error:
      lines.append(str(error))

  with strategy.scope():
    model = built()
    refuse(model.train_on_batch, x, y)
    images = np.zeros((8, 32, 32, 3), np.uint8)
    data = mn.DeviceImages(images, y, 8, mn.Augmentation())
    refuse(model.fit, data, epochs=1)
    scaling = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())
    refuse(built(optimizer=scaling).fit, x, y, epochs=1)
    refuse(built(jit_compile=True).fit, x, y, epochs=1)
    refuse(built(batch_norm=True).fit, x, y, epochs=1)
  outside = built()
  with strategy.scope():
    refuse(outside.fit, x, y, epochs=1)
    outside.compile("sgd", "sparse_categorical_crossentropy")
    refuse(outside.fit, x, y, epochs=1)
    refuse(built(steps_per_execution=2).fit, x, y, epochs=1)
  central = tf.distribute.experimental.CentralStorageStrategy(["CPU:0"])
  with central.scope():
    refuse(built)
  return lines
