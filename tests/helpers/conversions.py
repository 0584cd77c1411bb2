"""Conversions of a small WebVision tree, and what they write."""

from mentornet_tf.datasets.writing.conversion import ConversionRequest

NAME = "webvision_google"


def request(folder, listed, **settings):
  settings = {"num_shards": 4, "seed": 1} | settings
  return ConversionRequest(folder, NAME, "train", listed, **settings)


def contents(folder):
  return {
    path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()
  }
