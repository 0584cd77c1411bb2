#!/usr/bin/env python3
"""Times the training pipeline of large images against a bare decoding loop.

Writes JPEG records of textures of ImageNet's usual sizes. Rounds alternate
between the cases, all on the same number of threads, and each ratio is the
median over rounds of this round's images per second, or images per second of
processor time, against the bare loop's:
`decode_and_crop_jpeg` and an antialiased `tf.image.resize` on the same images
in memory, without order, labels, flips, scaling or batches. The same images are
also read as raw pixels, of which 320 are the shorter side, and from a set in
which every second image is still a JPEG.

  benchmarks/large_image_pipeline.py --rounds=7 --images=512

With --memory it prints the highest resident memory of a process that reads so
many images, for sets of two sizes:

  benchmarks/large_image_pipeline.py --memory=2000,20000
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from absl import flags

from mentornet_tf.commands import command_line
from mentornet_tf.internal.tensorflow_startup import start_tensorflow

_ROUNDS = flags.DEFINE_integer("rounds", 7, "Timed rounds.", lower_bound=1)
_IMAGES = flags.DEFINE_integer(
  "images", 512, "Images of each case in a round.", lower_bound=1
)
_THREADS = flags.DEFINE_integer(
  "threads", 2, "Threads of each pipeline.", lower_bound=1
)
_BATCH_SIZE = flags.DEFINE_integer(
  "batch_size", 64, "Images in a batch.", lower_bound=1
)
_MEMORY = flags.DEFINE_list(
  "memory", None, "Print the peak memory for sets of so many images instead."
)
_READ = flags.DEFINE_string(
  "read", None, "Read the set in this folder once and print the peak memory."
)

_NAME = "textures"
_SHORTER_SIDE = 320
# Different images; sets repeat them.
_KINDS = 64
# The bare loop, which ratios refer to.
_REFERENCE = "bare decode_and_crop_jpeg and resize"


def main() -> None:
  """Times the rounds, or measures memory."""
  start_tensorflow()
  if _READ.value:
    _read_once(Path(_READ.value))
  elif _MEMORY.value:
    _compare_memory([int(count) for count in _MEMORY.value])
  else:
    with tempfile.TemporaryDirectory() as folder:
      _write(Path(folder), _IMAGES.value)
      _write(Path(folder) / "raw", _IMAGES.value, raw_of_two=2)
      _write(Path(folder) / "half", _IMAGES.value, raw_of_two=1)
      _compare_speed(Path(folder))


def _compare_speed(folder: Path) -> None:
  import tensorflow as tf

  cases = _cases(folder)
  rates: dict[str, list[float]] = {name: [] for name in cases}
  seconds: dict[str, list[float]] = {name: [] for name in cases}
  for round_number in range(_ROUNDS.value + 1):
    for name, (stream, images_each) in cases.items():
      elapsed, processor = _time(iter(stream), images_each)
      if round_number:  # the first one fills the page cache
        rates[name].append(_IMAGES.value / elapsed)
        seconds[name].append(processor)
  print(
    f"{_THREADS.value} threads, medians of {_ROUNDS.value} rounds of "
    f"{_IMAGES.value} images; TensorFlow {tf.__version__}\n"
  )
  print(f"{'':40}{'images/s':>9}{'ratio':>7}{'CPU ms/image':>14}{'ratio':>7}")
  for name in cases:
    by_time = statistics.median(
      rate / reference
      for rate, reference in zip(rates[name], rates[_REFERENCE], strict=True)
    )
    by_processor = statistics.median(
      reference / own
      for own, reference in zip(seconds[name], seconds[_REFERENCE], strict=True)
    )
    rate = statistics.median(rates[name])
    processor = 1e3 * statistics.median(seconds[name]) / _IMAGES.value
    print(
      f"{name:40}{rate:9.0f}{by_time:7.2f}{processor:14.2f}{by_processor:7.2f}"
    )


def _time(stream: Iterator, images_each: int) -> tuple[float, float]:
  """Wall and processor seconds for `--images` images of a running stream.

  Nothing else may run beside it: a stream that waits for its next turn would
  fill its buffers in the time of others.
  """
  for _ in range(_IMAGES.value // (2 * images_each)):
    next(stream)
  start, processor = time.perf_counter(), time.process_time()
  for _ in range(_IMAGES.value // images_each):
    next(stream)
  return time.perf_counter() - start, time.process_time() - processor


def _cases(folder: Path) -> dict[str, tuple]:
  """Endless streams, and the images in each of their elements."""
  from mentornet_tf.datasets.reading.crops import Crop
  from mentornet_tf.datasets.reading.streamed_records import open_streamed
  from mentornet_tf.datasets.reading.streaming import (
    streamed_evaluation_batches,
    streamed_training_batches,
  )

  jpegs = open_streamed(folder, _NAME, "train")
  raw, half = (
    open_streamed(folder / name, _NAME, "train") for name in ("raw", "half")
  )
  batch_size = _BATCH_SIZE.value

  def training(records, crop: Crop):
    batches = streamed_training_batches(records, batch_size, crop, seed=0)
    return _with_threads(batches), batch_size

  def evaluation(records):
    batches = streamed_evaluation_batches(records, batch_size, Crop())
    return _with_threads(batches.repeat().prefetch(2)), batch_size

  return {
    _REFERENCE: (_bare_loop(), 1),
    "training, random crops": training(jpegs, Crop()),
    "training, resized crops": training(jpegs, Crop(train_crop="resized")),
    "evaluation": evaluation(jpegs),
    "raw pixels: training, random crops": training(raw, Crop()),
    "raw pixels: training, resized crops": training(
      raw, Crop(train_crop="resized")
    ),
    "raw pixels: evaluation": evaluation(raw),
    "half raw: training, random crops": training(half, Crop()),
  }


def _bare_loop():
  """The middle of each image, decoded and resized, one after another."""
  import tensorflow as tf

  encoded = [data for data, _, _ in _textures()]
  sizes = [(height, width) for _, height, width in _textures()]

  def window(height: int, width: int) -> tuple[int, int, int, int]:
    side = round(min(height, width) * 299 / 320)
    return (height - side) // 2, (width - side) // 2, side, side

  pairs = tf.data.Dataset.from_tensor_slices(
    (encoded, [window(*size) for size in sizes])
  )

  def decode(data, part):
    pixels = tf.io.decode_and_crop_jpeg(data, part, channels=3)
    return tf.image.resize(pixels, [299, 299], antialias=True)

  images = pairs.repeat().map(
    decode, num_parallel_calls=_THREADS.value, deterministic=True
  )
  return _with_threads(images.prefetch(2 * _BATCH_SIZE.value))


def _with_threads(batches):
  import tensorflow as tf

  options = tf.data.Options()
  options.threading.private_threadpool_size = _THREADS.value
  options.threading.max_intra_op_parallelism = 1
  return batches.with_options(options)


def _textures() -> list[tuple[bytes, int, int]]:
  """JPEG bytes, height and width of `_KINDS` images; the same every time."""
  import numpy as np
  import tensorflow as tf

  rng = np.random.default_rng(0)
  images = []
  for _ in range(_KINDS):
    height, width = (int(side) for side in rng.integers(333, 501, 2))
    coarse = rng.integers(0, 256, (height // 12 + 2, width // 12 + 2, 3))
    smooth = tf.image.resize(coarse.astype("f"), (height, width), "bicubic")
    noisy = smooth + rng.normal(0, 10, (height, width, 3))
    pixels = np.clip(noisy, 0, 255).astype(np.uint8)
    encoded = tf.io.encode_jpeg(pixels, quality=90).numpy()
    images.append((encoded, height, width))
  return images


def _write(folder: Path, count: int, *, raw_of_two: int = 0) -> None:
  from mentornet_tf.datasets.images.decoding import usable_image
  from mentornet_tf.datasets.images.raw_images import as_raw
  from mentornet_tf.datasets.records.schema import Example, encode_example
  from mentornet_tf.datasets.records.shards import planned_summary
  from mentornet_tf.datasets.writing.record_set import write_shards

  images = [
    as_raw(usable_image(data, shorter_side=_SHORTER_SIDE, raw=True))
    if number % 2 < raw_of_two
    else usable_image(data)
    for number, (data, _, _) in enumerate(_textures())
  ]

  def records() -> Iterator[bytes]:
    for i in range(count):
      image = images[i % _KINDS]
      yield encode_example(
        Example(image.data, image.format, i % 50, i, image.height, image.width)
      )

  summary = planned_summary(
    _NAME,
    "train",
    min(8, count),
    count,
    {"num_classes": 50, "store": "raw" if raw_of_two else None},
  )
  write_shards(records(), folder, summary)


def _compare_memory(counts: list[int]) -> None:
  """Peak memory of a process of its own for each size."""
  for count in counts:
    with tempfile.TemporaryDirectory() as folder:
      _write(Path(folder), count)
      subprocess.run(
        [
          sys.executable,
          __file__,
          f"--read={folder}",
          f"--threads={_THREADS.value}",
          f"--batch_size={_BATCH_SIZE.value}",
        ],
        check=True,
      )


def _read_once(folder: Path) -> None:
  import resource

  from mentornet_tf.datasets.reading.crops import Crop
  from mentornet_tf.datasets.reading.streamed_records import open_streamed
  from mentornet_tf.datasets.reading.streaming import (
    streamed_training_batches,
  )

  records = open_streamed(folder, _NAME, "train")
  batches = _with_threads(
    streamed_training_batches(records, _BATCH_SIZE.value, Crop(), seed=0)
  )
  steps = len(records) // _BATCH_SIZE.value
  for _ in batches.take(steps):
    pass
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
  read = steps * _BATCH_SIZE.value
  print(f"{read} images of {len(records)}: peak {peak:.0f} MB")


if __name__ == "__main__":
  command_line.run(main)
