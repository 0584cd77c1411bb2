"""A small WebVision tree and its finished conversion, for several files."""

import pytest
from conversions import request
from webvision_tree import write_webvision_tree

from mentornet_tf.datasets.trees.webvision import load_webvision
from mentornet_tf.datasets.writing.conversion import convert


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
  return write_webvision_tree(tmp_path_factory.mktemp("trees") / "webvision")


@pytest.fixture(scope="session")
def listed(tree):
  return load_webvision(tree.root, "train", "google")


@pytest.fixture(scope="session")
def whole(tree, listed, tmp_path_factory):
  """A finished conversion in four shards."""
  folder = tmp_path_factory.mktemp("records")
  return convert(request(folder, listed))
