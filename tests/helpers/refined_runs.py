"""Training on refined labels, for processes with several replicas."""

from typing import Any

import numpy as np
from replica_runs import STEPS, as_lists, examples, small_student, state_of


def refined(scope: Any) -> dict[str, list]:
  """What `fit` on mixed examples with refined labels leaves behind."""
  import keras

  import mentornet_tf as mn

  x, y = examples(43)
  with scope:
    model = mn.MentoredModel(
      small_student(batch_norm=True),
      mn.MentorCurriculum(mn.load_mentor("mentornet_pd")),
      STEPS,
      mixing=mn.MentorMix(alpha=2.0, second_reweight=False),
      refining=mn.RefinedLabels(),
    )
    model.compile(
      keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5),
      keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    weight = np.arange(len(y)) % 5 / 2
    model.fit(x, y, 16, 2, sample_weight=weight, shuffle=False, verbose=0)
  shares = model.refining.predicted_shares.numpy()
  return as_lists(state_of(model) | {"shares": shares})
