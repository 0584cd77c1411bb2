"""Conversions that are interrupted, continued, repeated and replaced."""

import os
import subprocess
import sys

import pytest
from conversions import NAME, contents, request

from mentornet_tf.datasets.records.shards import read_summary
from mentornet_tf.datasets.trees.webvision import load_webvision
from mentornet_tf.datasets.writing import conversion, staging
from mentornet_tf.datasets.writing.conversion import convert
from mentornet_tf.datasets.writing.runners import LocalRunner
from mentornet_tf.errors import UserError


class _StoppingRunner:
  """Converts some shards and is then interrupted."""

  def __init__(self, count):
    self._count = count

  def convert(self, plan, indices, on_images):
    LocalRunner().convert(plan, indices[: self._count], on_images)
    (plan.work_dir / f".partial-1-{plan.shard_name(3)}").write_bytes(b"half")
    raise KeyboardInterrupt


def work_dir(folder):
  return folder / f"{NAME}_train.work"


def interrupted(folder, listed, count=2, **settings):
  with pytest.raises(KeyboardInterrupt):
    convert(request(folder, listed, **settings), _StoppingRunner(count))
  assert work_dir(folder).is_dir()


def test_the_same_request_goes_on_with_the_missing_shards(
  listed, whole, tmp_path
):
  interrupted(tmp_path, listed)
  assert not contents(tmp_path)
  finished = work_dir(tmp_path) / f"{NAME}_train-00001-of-00004"
  untouched = finished.stat().st_mtime_ns
  # As after a write that the system lost.
  damaged = work_dir(tmp_path) / f"{NAME}_train-00000-of-00004"
  damaged.write_bytes(damaged.read_bytes()[:-1])
  started = []
  convert(
    request(tmp_path, listed), on_start=lambda *counts: started.append(counts)
  )
  assert contents(tmp_path) == contents(whole.shards[0].parent)
  second = tmp_path / finished.name
  assert second.stat().st_mtime_ns == untouched
  assert started == [(28, 7)]
  assert not work_dir(tmp_path).exists()


@pytest.mark.parametrize("step", ["replace", "write_report", "write_summary"])
def test_a_set_that_was_half_put_in_place_is_completed(
  listed, whole, tmp_path, monkeypatch, step
):
  def broken(*arguments):
    raise KeyboardInterrupt

  replace, calls = os.replace, []

  def third_fails(source, target):
    if target.parent == tmp_path:
      calls.append(target)
      if len(calls) == 3:
        raise KeyboardInterrupt
    replace(source, target)

  with monkeypatch.context() as patch:
    if step == "replace":
      patch.setattr(staging.os, "replace", third_fails)
    else:
      patch.setattr(conversion, step, broken)
    with pytest.raises(KeyboardInterrupt):
      convert(request(tmp_path, listed))
  assert read_summary(tmp_path, NAME, "train") is None
  convert(request(tmp_path, listed))
  assert contents(tmp_path) == contents(whole.shards[0].parent)


@pytest.mark.parametrize(
  ("name", "advice"),
  [
    ("settings.json", "to start over"),
    (f"{NAME}_train-00001-of-00004.json", "to convert the shard again"),
  ],
)
@pytest.mark.parametrize("content", [b"", b'{"bytes": 1', b"\xff", b"[1]"])
def test_damaged_notes_of_an_interrupted_conversion_are_named(
  listed, tmp_path, name, advice, content
):
  interrupted(tmp_path, listed)
  (work_dir(tmp_path) / name).write_bytes(content)
  with pytest.raises(UserError) as caught:
    convert(request(tmp_path, listed))
  assert str(caught.value).startswith(str(work_dir(tmp_path) / name))
  assert advice in str(caught.value)


def test_a_finished_set_is_looked_up(listed, whole, tmp_path):
  first = convert(request(tmp_path, listed))
  before = {path: path.stat().st_mtime_ns for path in first.shards}
  again = convert(request(tmp_path, listed), _StoppingRunner(0))
  assert again == first
  assert before == {path: path.stat().st_mtime_ns for path in again.shards}
  first.shards[2].unlink()
  convert(request(tmp_path, listed))
  assert contents(tmp_path) == contents(whole.shards[0].parent)


def test_overwriting_converts_again(listed, whole, tmp_path):
  first = convert(request(tmp_path, listed))
  first.shards[0].write_bytes(b"damaged")
  convert(request(tmp_path, listed, overwrite=True))
  assert contents(tmp_path) == contents(whole.shards[0].parent)


@pytest.mark.parametrize(
  ("settings", "differing"),
  [
    ({"seed": 2}, "seed"),
    ({"num_shards": 3}, "num_shards"),
    ({"shorter_side": 40}, "shorter_side"),
    ({"decode": False}, "decode"),
  ],
)
def test_other_settings_need_overwrite(
  listed, whole, tmp_path, settings, differing
):
  interrupted(tmp_path, listed)
  before = contents(work_dir(tmp_path))
  with pytest.raises(UserError, match=f"interrupted .* different {differing};"):
    convert(request(tmp_path, listed, **settings))
  assert contents(work_dir(tmp_path)) == before
  convert(request(tmp_path, listed))
  with pytest.raises(UserError, match=f"no other .* different {differing};"):
    convert(request(tmp_path, listed, **settings))
  assert contents(tmp_path) == contents(whole.shards[0].parent)
  interrupted(tmp_path, listed, **settings, overwrite=True)
  convert(request(tmp_path, listed, **settings, overwrite=True))
  fresh = tmp_path / "fresh"
  convert(request(fresh, listed, **settings))
  assert contents(tmp_path) == contents(fresh)


def test_other_lists_need_overwrite(tree, listed, tmp_path):
  interrupted(tmp_path, listed)
  other = load_webvision(tree.root, "train", "google", ["0", "2"])
  with pytest.raises(
    UserError,
    match="different class_names, images_sha256, num_classes, "
    "webvision_labels, wordnet_ids;",
  ):
    convert(request(tmp_path, other))


def test_records_of_others_are_not_overwritten(listed, tmp_path):
  (tmp_path / f"{NAME}_train-00000-of-00001").write_bytes(b"someone's own")
  with pytest.raises(UserError, match=r"no other .*`overwrite`"):
    convert(request(tmp_path, listed))
  assert list(contents(tmp_path).values()) == [b"someone's own"]


_HOLD = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_two_processes_do_not_convert_the_same(listed, tmp_path):
  interrupted(tmp_path, listed)
  lock = work_dir(tmp_path) / "lock"
  with subprocess.Popen(
    [sys.executable, "-c", _HOLD, str(lock)],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    text=True,
  ) as other:
    assert other.stdout.readline() == "held\n"
    with pytest.raises(UserError, match="at work"):
      convert(request(tmp_path, listed))
    other.kill()
  convert(request(tmp_path, listed))
  assert len(contents(tmp_path)) == 6
