import numpy as np
from sklearn.datasets import load_digits as load_bundled

from mentornet_tf.datasets.sources.digits import load_digits


def test_splits_are_fixed_disjoint_and_stratified():
  train, test = load_digits("train"), load_digits("test")
  assert (len(train), len(test)) == (1442, 355)
  together = np.concatenate([train.ids, test.ids])
  np.testing.assert_array_equal(np.sort(together), np.arange(1797))
  target = load_bundled().target
  np.testing.assert_array_equal(train.labels, target[train.ids])
  np.testing.assert_array_equal(test.labels, target[test.ids])
  shares = np.bincount(test.labels) / np.bincount(target)
  assert (abs(shares - 0.2) < 0.005).all()
  # Any change of the split would change everyone's results.
  np.testing.assert_array_equal(test.ids[:8], [3, 13, 14, 17, 25, 38, 40, 42])
  assert int(test.ids.sum()) == 307652
  assert test.paths[1] == b"digits.csv.gz/13" and len(test.paths) == 355


def test_images_are_the_bundled_ones_enlarged():
  train = load_digits("train")
  assert train.images.shape == (1442, 32, 32, 3)
  assert train.images.dtype == np.uint8
  np.testing.assert_array_equal(train.images[..., 0], train.images[..., 2])
  small = load_bundled().images[train.ids]
  means = train.images[..., 0].reshape(-1, 8, 4, 8, 4).mean(axis=(2, 4))
  correlation = np.corrcoef(means.ravel(), small.ravel())[0, 1]
  assert correlation > 0.95
  assert train.num_classes == 10 and train.ordering == "digits"
