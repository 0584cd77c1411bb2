#!/usr/bin/env python3
"""Times the conversion of image files against plain loops, in one run.

Rounds alternate between the cases, each in this one process: the conversion of
generated images as they are against copying the files, and with --resize
against bare loops that decode, resize and encode. A ratio is the median over
rounds of images per second against the other case; processor time beside wall
time, since other work on the machine lengthens the latter.

  benchmarks/image_conversion.py --images=400 --rounds=5
  benchmarks/image_conversion.py --memory=2000,20000
  benchmarks/image_conversion.py --lines=2440000
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import photographs
from absl import flags

from mentornet_tf.commands import command_line
from mentornet_tf.internal.tensorflow_startup import start_tensorflow

_IMAGES = flags.DEFINE_integer("images", 400, "Files.", lower_bound=1)
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Timed rounds.", lower_bound=1)
_RESIZE = flags.DEFINE_integer(
  "resize", 256, "Shorter side to reduce to.", lower_bound=1
)
_MEMORY = flags.DEFINE_list(
  "memory",
  [],
  "Numbers of images; instead of times, the largest memory of the program's "
  "processes.",
)
_LINES = flags.DEFINE_integer(
  "lines",
  None,
  "Instead of times of images: what a list of so many lines costs.",
  lower_bound=1,
)

_COPY = "copy of the files"
_AS_THEY_ARE = "conversion with --nodecode"
_PILLOW = "Pillow loop"
_TENSORFLOW = "tf.io loop"
_RESIZED = "conversion with --nodecode --resize"
_COMPARED = (
  (_AS_THEY_ARE, _COPY),
  (_RESIZED, _PILLOW),
  (_RESIZED, _TENSORFLOW),
)


def main() -> None:
  """Makes the tree and prints one table."""
  with tempfile.TemporaryDirectory() as folder:
    if _MEMORY.value:
      _print_memory(Path(folder))
      return
    start_tensorflow()
    if _LINES.value:
      _print_list_costs(Path(folder))
    else:
      _print_times(Path(folder))


def _print_times(folder: Path) -> None:
  paths = photographs.write_tree(folder / "tree", _IMAGES.value)
  size = sum(path.stat().st_size for path in paths) / len(paths)
  print(
    f"{len(paths)} JPEGs of 500x400 pixels, {size / 1e3:.0f} kB on average; "
    f"{_ROUNDS.value} rounds\n"
  )
  cases = _cases(folder, paths)
  seconds = {name: [] for name in cases}
  for number in range(_ROUNDS.value + 1):
    for name, case in cases.items():
      out = folder / "out"
      out.mkdir()
      wall, processor = time.perf_counter(), time.process_time()
      case(out)
      if number:  # the first round warms up
        seconds[name].append(
          (time.perf_counter() - wall, time.process_time() - processor)
        )
      shutil.rmtree(out)
  print(f"{'':60}{'images/s':>10}")
  for name, rounds in seconds.items():
    rate = len(paths) / statistics.median(wall for wall, _ in rounds)
    print(f"{name:60}{rate:10.0f}")
  print(f"\n{'images/s against':60}{'wall':>10}{'CPU':>8}")
  for name, reference in _COMPARED:
    wall, processor = (
      statistics.median(
        theirs[clock] / ours[clock]
        for ours, theirs in zip(seconds[name], seconds[reference], strict=True)
      )
      for clock in (0, 1)
    )
    print(f"{f'{name}: {reference}':60}{wall:10.2f}{processor:8.2f}")


def _cases(
  folder: Path, paths: list[Path]
) -> dict[str, Callable[[Path], object]]:
  """Each does all images and writes to a new folder."""
  from mentornet_tf.datasets.trees.webvision import load_webvision
  from mentornet_tf.datasets.writing.conversion import (
    ConversionRequest,
    convert,
  )

  def conversion(shorter_side: int | None) -> Callable[[Path], object]:
    return lambda out: convert(
      ConversionRequest(
        output_dir=out,
        dataset_name="webvision",
        split="train",
        listed=load_webvision(folder / "tree", "train", "google"),
        shorter_side=shorter_side,
        decode=False,
      )
    )

  def each(loop_body: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def loop(out: Path) -> None:
      for number, path in enumerate(paths):
        (out / f"{number}.jpg").write_bytes(loop_body(path.read_bytes()))

    return loop

  return {
    _COPY: each(lambda data: data),
    _AS_THEY_ARE: conversion(None),
    _PILLOW: each(_pillow),
    _TENSORFLOW: each(_tensorflow),
    _RESIZED: conversion(_RESIZE.value),
  }


def _pillow(data: bytes) -> bytes:
  """Decodes, resizes and encodes as the conversion does, and nothing else."""
  import io

  from PIL import Image

  image = Image.open(io.BytesIO(data))
  scale = _RESIZE.value / min(image.size)
  size = tuple(round(scale * side) for side in image.size)
  # Decoded small where twice the size is left, as the conversion does.
  image.draft("RGB", tuple(2 * side for side in size))
  file = io.BytesIO()
  image.resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=95)
  return file.getvalue()


def _tensorflow(data: bytes) -> bytes:
  import tensorflow as tf

  with tf.device("CPU:0"):
    image = tf.io.decode_jpeg(data, channels=3)
    scale = _RESIZE.value / min(image.shape[:2])
    size = [round(scale * side) for side in image.shape[:2]]
    small = tf.image.resize(image, size, "bicubic", antialias=True)
    pixels = tf.saturate_cast(small, tf.uint8)
    return tf.io.encode_jpeg(pixels, quality=95).numpy()


def _print_list_costs(folder: Path) -> None:
  """All that is done before the first image of a conversion is read."""
  import resource

  from mentornet_tf.datasets.trees.webvision import load_webvision

  _write_list(folder)

  def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3

  print(f"before: {peak():.0f} MB, TensorFlow for the most part")
  began = time.process_time()
  images = load_webvision(folder, "train", "all").images
  print(f"list read: {time.process_time() - began:.1f} s, {peak():.0f} MB")
  images.fingerprint()
  images.shuffled(0).save(folder)
  print(f"work started: {time.process_time() - began:.1f} s, {peak():.0f} MB")


def _write_list(root: Path) -> None:
  """Names as long as WebVision's, which are hashes of web addresses."""
  import hashlib

  (root / "info").mkdir()
  with (root / "info" / "synsets.txt").open("w") as file:
    file.writelines(f"n{label:08d} class\n" for label in range(1000))
  with (root / "info" / "train_filelist_all.txt").open("w") as file:
    for number in range(_LINES.value):
      name = hashlib.md5(b"%d" % number).hexdigest()
      query = number % 1631 + 1
      file.write(f"google/q{query:04d}/{name}.jpg {number % 1000}\n")


def _print_memory(folder: Path) -> None:
  print(f"{'images':>8}{'program, MB':>13}{'largest worker, MB':>20}")
  for count in map(int, _MEMORY.value):
    tree = folder / f"tree{count}"
    photographs.write_tree(tree, count)
    program, worker = _peak_memory(
      [
        sys.executable,
        "-m",
        "mentornet_tf",
        "convert-webvision",
        f"--source_dir={tree}",
        f"--output_dir={folder / f'out{count}'}",
        "--splits=train",
        "--num_workers=2",
      ]
    )
    print(f"{count:8}{program / 1e3:13.0f}{worker / 1e3:20.0f}")


def _peak_memory(command: list[str]) -> tuple[int, int]:
  """Most resident kB of a program, and of one of its processes."""
  peaks: dict[int, int] = {}
  with subprocess.Popen(command, stdout=subprocess.DEVNULL) as program:
    while program.poll() is None:
      for process in (program.pid, *_children(program.pid)):
        peaks[process] = max(peaks.get(process, 0), _peak(process))
      time.sleep(0.02)
  if program.returncode:
    raise RuntimeError(f"{command} ended with {program.returncode}")
  own = peaks.pop(program.pid)
  return own, max(peaks.values())


def _children(process: int) -> list[int]:
  try:
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
  except FileNotFoundError:
    return []
  return [int(each) for each in text.split()]


def _peak(process: int) -> int:
  try:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
  except (FileNotFoundError, ProcessLookupError):
    return 0
  return next((int(x.split()[1]) for x in lines if x.startswith("VmHWM")), 0)


if __name__ == "__main__":
  command_line.run(main)
