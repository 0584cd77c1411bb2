"""Apache Beam writes what processes of this machine write."""

import sys

import numpy as np
import pytest
from conversions import contents
from image_files import jpeg
from webvision_tree import write_webvision_tree

from mentornet_tf.datasets.images.bytes_columns import BytesColumn
from mentornet_tf.datasets.images.listing import (
  FileReader,
  ImageList,
  ListedImages,
)
from mentornet_tf.datasets.trees.webvision import load_webvision
from mentornet_tf.datasets.writing.conversion import ConversionRequest, convert
from mentornet_tf.datasets.writing.runners import BeamRunner, LocalRunner
from mentornet_tf.errors import UserError


def test_beam_writes_the_bytes_of_local_processes(tmp_path):
  root = write_webvision_tree(tmp_path / "webvision").root

  def request(folder):
    listed = load_webvision(root, "train", "google")
    return ConversionRequest(
      tmp_path / folder,
      "webvision_google",
      "train",
      listed,
      shorter_side=50,
      num_shards=5,
    )

  convert(request("local"), LocalRunner(1))
  done = []
  converted = convert(
    request("beam"), BeamRunner("DirectRunner"), on_images=done.append
  )
  assert contents(tmp_path / "beam") == contents(tmp_path / "local")
  assert len(contents(tmp_path / "beam")) == 7
  assert sum(done) == converted.summary["images"]["listed"] - 1


def test_an_error_of_a_worker_is_one_line(tmp_path):
  names = [f"{number:02d}.jpg" for number in range(80)]
  listed = ListedImages(
    ImageList(
      BytesColumn.of(name.encode() for name in names),
      labels=np.zeros(80, np.int64),
      clean_labels=np.zeros(80, np.int64),
      ids=np.arange(80),
    ),
    FileReader(str(tmp_path)),
    ("only",),
    "files",
  )
  # The shard that does not hold it has no file at all.
  (tmp_path / "00.jpg").write_bytes(jpeg())
  request = ConversionRequest(
    tmp_path / "out", "pets", "train", listed, num_shards=2
  )
  with pytest.raises(UserError, match="got none of 40") as caught:
    convert(request, BeamRunner("DirectRunner"))
  assert "\n" not in str(caught.value)
  for name in names:
    (tmp_path / name).write_bytes(jpeg())
  # Goes on with that shard; the finished one is not looked at again.
  converted = convert(request, BeamRunner("DirectRunner"))
  assert sorted(
    each["num_examples"] for each in converted.summary["shards"]
  ) == [1, 40]


def test_workers_without_this_package_are_one_line(tmp_path, monkeypatch):
  """As on machines where nobody has installed it."""
  root = write_webvision_tree(tmp_path / "webvision").root
  listed = load_webvision(root, "train", "google")
  runner = BeamRunner(
    "DirectRunner",
    ("--direct_running_mode=multi_processing", "--direct_num_workers=1"),
  )
  request = ConversionRequest(tmp_path / "out", "pets", "train", listed)
  monkeypatch.chdir(tmp_path)
  missing = tmp_path / "missing"
  missing.mkdir()
  (missing / "mentornet_tf.py").write_text(
    "raise ModuleNotFoundError(\"No module named 'mentornet_tf'\")\n"
  )
  monkeypatch.setenv("PYTHONPATH", str(missing))
  with pytest.raises(UserError, match="expected mentornet_tf to be installed"):
    convert(request, runner)


def test_without_beam_the_error_says_what_to_install(monkeypatch):
  monkeypatch.setitem(sys.modules, "apache_beam", None)
  with pytest.raises(UserError, match=r'pip install "mentornet-tf\[beam\]"'):
    BeamRunner("DirectRunner")


def test_unknown_runner():
  with pytest.raises(UserError, match=r"one of DirectRunner, .* 'Local'"):
    BeamRunner("Local")


@pytest.mark.parametrize(
  ("words", "said"),
  [
    (["--no_such_option=3"], "got the unknown '--no_such_option=3';"),
    (["word"], "got the unknown 'word';"),
    (["--save_main_session=maybe"], "got "),
    (["--max_num_workers=many"], "got argument --max_num_workers: invalid int"),
    (
      ["--runner=SparkRunner"],
      "expected options other than the runner, got 'SparkRunner'",
    ),
  ],
)
def test_options_that_beam_would_pass_over_are_refused(words, said):
  with pytest.raises(UserError, match=r"^beam_options: expected ") as caught:
    BeamRunner("DirectRunner", tuple(words))
  assert said in str(caught.value)
  assert "\n" not in str(caught.value)


def test_options_of_beam_are_taken():
  words = ("--direct_num_workers=2", "--job_name=convert")
  assert BeamRunner("DirectRunner", words).beam_options == words
