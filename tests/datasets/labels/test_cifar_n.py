import numpy as np
import pytest
from converted_sets import both_rankings, run_command
from torch_archives import save_arrays, save_tensors

from mentornet_tf.datasets.labels.cifar_n import (
  PUBLISHED_RATES,
  describe_rate_difference,
)
from mentornet_tf.datasets.labels.label_noise import LabelNoise
from mentornet_tf.datasets.sources.base import SourceImages
from mentornet_tf.datasets.sources.class_names import CIFAR100
from mentornet_tf.errors import UserError


def summary(dataset, label_key, rate, count=50_000):
  return {
    "dataset": dataset,
    "num_examples": count,
    "noise": {"kind": "file", "label_key": label_key, "measured_rate": rate},
  }


@pytest.mark.parametrize(
  ("dataset", "label_key"),
  [(name, key) for name, rates in PUBLISHED_RATES.items() for key in rates],
)
def test_other_rates_than_the_published_ones_are_reported(dataset, label_key):
  rate = PUBLISHED_RATES[dataset][label_key]
  # As measured: a whole number of 50,000 labels, rounded when published.
  for measured in (rate - 0.00004, rate, rate + 0.00004):
    assert not describe_rate_difference(summary(dataset, label_key, measured))
  line = describe_rate_difference(summary(dataset, label_key, 0.9))
  assert line.startswith(f"{label_key} was published with {rate:.2%}")
  assert "90.00% are" in line


def test_nothing_is_said_where_nothing_is_published():
  for other in (
    summary("cifar10", "label", 0.9),
    summary("cifar10", None, 0.9),
    summary("cifar10", "worse_label", 0.9, count=1000),
    summary("digits", "worse_label", 0.9),
  ):
    assert describe_rate_difference(other) is None
  plain = {"dataset": "cifar10", "num_examples": 50_000, "noise": {}}
  assert describe_rate_difference(plain) is None


CLEAN = np.arange(8) * 7
NOISY = (CLEAN + np.arange(8) % 3) % 100
COARSE = CLEAN % 20
SOURCE = SourceImages(
  images=np.zeros((8, 32, 32, 3), np.uint8),
  labels=CLEAN,
  ids=np.arange(8),
  class_names=CIFAR100,
  ordering="python",
  description="",
)


@pytest.fixture
def label_file(tmp_path):
  return save_arrays(
    tmp_path / "CIFAR-100_human.pt",
    {
      "clean_label": CLEAN,
      "noisy_label": NOISY,
      "noisy_coarse_label": COARSE,
      "clean_coarse_label": COARSE,
    },
  )


@pytest.mark.parametrize("label_key", [None, "noisy_label"])
def test_fine_labels_of_cifar100n(label_file, label_key):
  noise = LabelNoise("file", label_file=label_file, label_key=label_key)
  labels, described = noise.labels(SOURCE, "cifar100")
  np.testing.assert_array_equal(labels, NOISY)
  assert described["label_key"] == "noisy_label"


def test_superclasses_are_no_labels_of_these_images(label_file):
  noise = LabelNoise(
    "file", label_file=label_file, label_key="noisy_coarse_label"
  )
  with pytest.raises(UserError, match=r"^label_key: .* choose noisy_label$"):
    noise.labels(SOURCE, "cifar100")


def test_labels_in_another_order_are_refused(tmp_path):
  rolled = {"clean_label": np.roll(CLEAN, 1), "noisy_label": np.roll(NOISY, 1)}
  path = save_arrays(tmp_path / "CIFAR-100_human.pt", rolled)
  with pytest.raises(UserError, match="8 of 8 different") as caught:
    LabelNoise("file", label_file=path).labels(SOURCE, "cifar100")
  assert "\n" not in str(caught.value)


@both_rankings
def test_from_a_torch_file_to_ranked_labels(
  archives, small_cifar, tmp_path, capsys, rank
):
  source = archives.cifar10_python(*small_cifar.splits)
  clean = small_cifar.labels
  worse = (clean + np.arange(len(clean)) % 2) % 10
  label_file = save_tensors(
    tmp_path / "CIFAR-10_human.pt",
    {"clean_label": clean.astype(np.int64), "worse_label": worse},
  )
  records = tmp_path / "records"
  run_command(
    "create_cifar_tf_record",
    "--dataset_name=cifar10",
    f"--source_dir={source}",
    "--noise=file",
    f"--label_file={label_file}",
    "--label_key=worse_label",
    f"--output_dir={records}",
  )
  assert "measured noise rate 0.5000" in capsys.readouterr().out
  rows = rank(tmp_path, records, "cifar10", "test")
  given = {int(row["id"]): int(row["given_label"]) for row in rows}
  assert given == dict(enumerate(worse.tolist()))
