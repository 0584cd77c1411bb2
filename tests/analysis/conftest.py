"""A short run and the ranking of its labels, for several files."""

from pathlib import Path

import pytest
from ranked_runs import rank, trained

from mentornet_tf.analysis import label_scores


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory) -> Path:
  return trained(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def suspects(run_folder) -> label_scores.SuspectLabels:
  return rank(run_folder)
