import numpy as np
import pytest

from mentornet_tf.datasets.labels.label_noise import LabelNoise
from mentornet_tf.datasets.labels.noise import corrupt_labels
from mentornet_tf.datasets.sources.class_names import confused_classes
from mentornet_tf.datasets.sources.digits import load_digits
from mentornet_tf.errors import UserError

DIGITS = load_digits("train")


@pytest.mark.parametrize("kind", ["symmetric", "pairflip", "instance"])
def test_drawn_labels_are_those_of_corrupt_labels(kind):
  labels, summary = LabelNoise(kind, rate=0.3, seed=5).labels(DIGITS, "digits")
  options = {"images": DIGITS.images} if kind == "instance" else {}
  np.testing.assert_array_equal(
    labels, corrupt_labels(DIGITS.labels, 10, kind, 0.3, 5, **options)
  )
  assert summary == {"kind": kind, "rate": 0.3, "seed": 5}


def test_none():
  labels, summary = LabelNoise().labels(DIGITS, "digits")
  np.testing.assert_array_equal(labels, DIGITS.labels)
  assert summary == {"kind": "none"}


def test_rate_is_forty_percent_unless_given():
  _, summary = LabelNoise("symmetric").labels(DIGITS, "digits")
  assert summary["rate"] == 0.4
  _, summary = LabelNoise("symmetric", rate=0.0).labels(DIGITS, "digits")
  assert summary["rate"] == 0.0


def test_asymmetric_noise_knows_the_data_set():
  labels, _ = LabelNoise("asymmetric", rate=1.0).labels(DIGITS, "digits")
  np.testing.assert_array_equal(
    labels, confused_classes("digits")[DIGITS.labels]
  )


def test_matrix_file(tmp_path):
  path = tmp_path / "shift.csv"
  np.savetxt(path, np.roll(np.eye(10), 1, axis=1), delimiter=",")
  labels, summary = LabelNoise("matrix", matrix=path).labels(DIGITS, "digits")
  np.testing.assert_array_equal(labels, (DIGITS.labels + 1) % 10)
  assert summary["kind"] == "matrix" and len(summary["matrix_sha256"]) == 64


def test_label_file(tmp_path):
  path = tmp_path / "labels.npz"
  given = np.roll(DIGITS.labels, 1)
  np.savez(path, ids=DIGITS.ids[::-1], labels=given[::-1])
  labels, summary = LabelNoise("file", label_file=path).labels(DIGITS, "digits")
  np.testing.assert_array_equal(labels, given)
  assert summary["label_key"] == "labels"
  assert len(summary["label_file_sha256"]) == 64


@pytest.mark.parametrize(
  ("settings", "words"),
  [
    (
      {"kind": "uniform"},
      "^kind: expected one of .*, file, got 'uniform'",
    ),
    ({"rate": 0.2}, "^rate: expected a value only with .* with `kind=none`"),
    ({"kind": "matrix", "rate": 0.2}, "^rate: .* only with"),
    ({"kind": "symmetric", "matrix": "m.npy"}, "^matrix: .* only with"),
    ({"kind": "symmetric", "label_file": "l"}, "^label_file: .* only with"),
    ({"label_key": "worse_label"}, "^label_key: .* only with `kind=file`"),
    ({"label_order": "python"}, "^label_order: .* only with `kind=file`"),
    ({"kind": "matrix"}, "^matrix: expected a file with `kind=matrix`"),
    ({"kind": "file"}, "^label_file: expected a file with `kind=file`"),
  ],
)
def test_settings_that_contradict_each_other(settings, words):
  with pytest.raises(UserError, match=words):
    LabelNoise(**settings)
