"""Long training on several replicas, as in `replica_runs`."""

from typing import Any

import numpy as np
from replica_runs import observed_steps, scope_of, split_cpu, strategy_of


def cifarnet_steps(count: int, collective: bool = False) -> dict[str, Any]:
  """50 steps of CifarNet with MentorMix, on batches of 16."""
  import keras

  import mentornet_tf as mn

  split_cpu(4)
  strategy = strategy_of(count, collective)
  rng = np.random.default_rng(3)
  x = rng.normal(size=(50 * 16, 32, 32, 3)).astype(np.float32)
  y = rng.integers(0, 10, len(x))
  is_clean = rng.random(len(x)) < 0.6
  with scope_of(strategy):
    model = mn.MentoredModel(
      mn.build_student("inception", dropout_keep_probability=1.0, seed=1),
      mn.MentorCurriculum(mn.load_mentor("mentornet_pd")),
      50,
      mixing=mn.MentorMix(alpha=2.0),
    )
    model.compile(
      keras.optimizers.SGD(0.01),
      keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.optimizer.build(model.trainable_variables)
    batches = [
      tuple(each[i : i + 16] for each in (x, y, is_clean))
      for i in range(0, len(x), 16)
    ]
    return {"steps": observed_steps(model, strategy, batches)}


def golden_steps(folder: str, case: str, count: int) -> dict[str, list]:
  """What two replicas compute of a recorded trajectory of the original."""
  import json
  from pathlib import Path
  from types import SimpleNamespace

  from test_golden_trajectories import mentored_model, student_and_slots

  split_cpu(2)
  strategy = strategy_of(count)
  settings = json.loads(Path(folder, f"{case}.json").read_text())
  recorded = np.load(Path(folder, f"{case}.npz"))
  with scope_of(strategy):
    model = mentored_model(SimpleNamespace(folder=Path(folder)), settings, True)
    batches = [
      (x, y, np.ones(len(y), bool))
      for x, y in zip(recorded["images"], recorded["labels"], strict=True)
    ]
    model.optimizer.build(model.trainable_variables)
    steps = observed_steps(model, strategy, batches)
    logits = model.predict(recorded["eval_images"], verbose=0)
    values = student_and_slots(model)
  norms = {n: np.linalg.norm(v.astype(float)) for n, v in values.items()}
  return {"steps": steps, "logits": logits.tolist(), "norms": norms}
