"""Runs whose percentile is estimated: metrics, resume, ranking, refusals."""

import numpy as np
import pytest
import tiny
from quadrant_runs import OPTIONS, SETTINGS, killed_at_the_next_checkpoint, run

from mentornet_tf.analysis.label_scores import suspect_labels
from mentornet_tf.errors import UserError
from mentornet_tf.runs.checkpointing import variables_of
from mentornet_tf.runs.run_folder import read_metrics, read_run
from mentornet_tf.settings import TrainingSettings
from mentornet_tf.training.checkpoint_groups import variable_groups

AUTO = SETTINGS.changed(
  loss_p_percentile="auto",
  batch_size=30,
  max_number_of_steps=40,
  learning_rate=0.2,
)


def test_a_continued_run_estimates_as_an_uninterrupted_one(tmp_path):
  whole, text = run(tmp_path / "whole", AUTO, eval_data=None)
  with killed_at_the_next_checkpoint():
    run(tmp_path / "parts", AUTO, eval_data=None)
  parts, _ = run(tmp_path / "parts", AUTO, eval_data=None)
  one, two = (
    variables_of(variable_groups(each.model)) for each in (whole, parts)
  )
  for a, b in zip(one, two, strict=True):
    np.testing.assert_array_equal(a.numpy(), b.numpy())
  rows = read_metrics(tmp_path / "whole")
  assert rows == read_metrics(tmp_path / "parts")
  used = [float(row["loss_p_percentile"]) for row in rows]
  share = whole.model.curriculum.clean_share
  assert used[0] == 0.7 and used[-1] == pytest.approx(float(share.share))
  assert used[-1] != 0.7
  assert f"percentile {used[-1]:.2f}" in text
  assert read_run(tmp_path / "whole")["settings"]["loss_p_percentile"] == "auto"
  ranked = suspect_labels(tmp_path / "whole", tiny.dataset(), print_line=str)
  assert ranked.steps[-1] == 40

  with pytest.raises(UserError, match=r"percentile was 'auto', now 0\.7"):
    run(tmp_path / "whole", AUTO.changed(loss_p_percentile=0.7), OPTIONS)


def test_runs_at_a_number_have_no_such_column(tmp_path):
  run(tmp_path, SETTINGS.changed(max_number_of_steps=4), eval_data=None)
  assert "loss_p_percentile" not in read_metrics(tmp_path)[0]


@pytest.mark.parametrize("value", ["Auto", "", 1.5, float("nan"), None, True])
def test_other_percentiles_are_refused(value):
  with pytest.raises(UserError, match=r"in the range \[0, 1\] or auto, got"):
    TrainingSettings.of(loss_p_percentile=value)
