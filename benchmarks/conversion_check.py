#!/usr/bin/env python3
"""Times what it costs a conversion to check that every JPEG decodes.

Rounds alternate between the cases, each in this one process, over the same
generated files: a bare loop that reads a file and decodes it at an eighth of
its size, the conversion with that check and without it, and a copy of the
files. Rates are images per second of processor time, which other work on the
machine lengthens less than wall time, and per second of wall time.

  benchmarks/conversion_check.py --images=400 --rounds=7
"""

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import photographs
from absl import flags

from mentornet_tf.commands import command_line
from mentornet_tf.internal.tensorflow_startup import start_tensorflow

_IMAGES = flags.DEFINE_integer("images", 400, "Files.", lower_bound=1)
_ROUNDS = flags.DEFINE_integer("rounds", 7, "Timed rounds.", lower_bound=1)

_SIZES = ((400, 500), (32, 32))

_LOOP = "bare loop of checks"
_CHECKED = "conversion"
_UNCHECKED = "conversion with --nodecode"
_COPY = "copy of the files"


def main() -> None:
  """Prints a Markdown table per size of the images."""
  start_tensorflow()
  for height, width in _SIZES:
    with tempfile.TemporaryDirectory() as folder:
      _print_times(Path(folder), height, width)


def _print_times(folder: Path, height: int, width: int) -> None:
  paths = photographs.write_tree(folder / "tree", _IMAGES.value, height, width)
  size = sum(path.stat().st_size for path in paths) / len(paths)
  print(
    f"{len(paths)} JPEGs of {width}x{height} pixels, {size / 1e3:.1f} kB on "
    f"average, {_ROUNDS.value} rounds:\n"
  )
  cases = _cases(folder, paths)
  seconds = _timed(folder, cases)
  print("| | images/s, CPU | / bare loop | images/s, wall | / bare loop |")
  print("|---|---|---|---|---|")
  for name, rounds in seconds.items():
    columns = []
    for clock in (0, 1):
      rate = len(paths) / statistics.median(each[clock] for each in rounds)
      ratio = statistics.median(
        loop[clock] / ours[clock]
        for loop, ours in zip(seconds[_LOOP], rounds, strict=True)
      )
      columns += [f"{rate:.0f}", f"{ratio:.2f}"]
    print(f"| {name} | {' | '.join(columns)} |")
  print()


def _timed(
  folder: Path, cases: dict[str, Callable[[Path], object]]
) -> dict[str, list[tuple[float, float]]]:
  """Processor and wall time of each round of each case."""
  seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
  for number in range(_ROUNDS.value + 1):
    for name, case in cases.items():
      out = folder / "out"
      out.mkdir()
      processor, wall = time.process_time(), time.perf_counter()
      case(out)
      if number:  # the first round warms up
        seconds[name].append(
          (time.process_time() - processor, time.perf_counter() - wall)
        )
      shutil.rmtree(out)
  return seconds


def _cases(
  folder: Path, paths: list[Path]
) -> dict[str, Callable[[Path], object]]:
  """Each does all images and writes, if at all, to a new folder."""
  import tensorflow as tf

  from mentornet_tf.datasets.trees.webvision import load_webvision
  from mentornet_tf.datasets.writing.conversion import (
    ConversionRequest,
    convert,
  )

  listed = load_webvision(folder / "tree", "train", "google")

  def loop(out: Path) -> None:
    del out
    for path in paths:
      tf.raw_ops.DecodeJpeg(
        contents=tf.constant(path.read_bytes()), channels=1, ratio=8
      )

  def conversion(decode: bool) -> Callable[[Path], object]:
    return lambda out: convert(
      ConversionRequest(out, "pictures", "train", listed, decode=decode)
    )

  def copy(out: Path) -> None:
    for number, path in enumerate(paths):
      shutil.copyfile(path, out / f"{number}.jpg")

  return {
    _LOOP: loop,
    _CHECKED: conversion(True),
    _UNCHECKED: conversion(False),
    _COPY: copy,
  }


if __name__ == "__main__":
  command_line.run(main)
