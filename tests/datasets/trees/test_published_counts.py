from mentornet_tf.datasets.trees.published_counts import Published

_PUBLISHED = Published(
  "Shapes",
  "A. et al., 2020",
  counts={"train": 1_037_497, "test": 10},
  noise_rates={"train": 0.385},
)


def test_a_copy_as_published_has_no_differences():
  assert _PUBLISHED.differences("train", 1_037_497, 0.39) == ()
  assert _PUBLISHED.differences("train", 1_037_497) == ()
  assert _PUBLISHED.differences("test", 10, 0.2) == ()


def test_of_other_splits_nothing_is_known():
  assert _PUBLISHED.differences("val", 3, 0.9) == ()


def test_each_number_that_differs_has_a_line():
  assert _PUBLISHED.differences("train", 300, 0.2) == (
    "expected 1,037,497 images in the train split of Shapes as published (A. "
    "et al., 2020), got 300",
    "expected 38.5 % of the checked labels of the train split of Shapes to be "
    "noisy as published (A. et al., 2020), got 20.0 %",
  )
