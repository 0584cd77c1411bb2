"""The one place that knows of replicas of a model on several devices."""

import keras

from mentornet_tf.errors import UserError


def check_single(model: keras.Model) -> None:
  """Raises UserError where `model` trains on several devices at once.

  Percentile, moving average and example dropout belong to the whole batch; each
  replica would compute them for its own part.
  """
  strategy = getattr(model, "distribute_strategy", None)  # TensorFlow's
  count = getattr(strategy, "num_replicas_in_sync", 1)
  distribution = keras.distribution.distribution()  # JAX's
  if distribution is not None:
    count = max(count, distribution.device_mesh.devices.size)
  if count > 1:
    raise UserError(
      f"MentoredModel: expected one device, got {count} replicas, each of "
      "which would weigh its own part of the batch; train outside of the "
      "distribution's scope"
    )
