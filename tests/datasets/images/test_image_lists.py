import copy
import os
import resource

import numpy as np
import pytest

from mentornet_tf.datasets.images.bytes_columns import BytesColumn
from mentornet_tf.datasets.images.decoding import UnusableImageError
from mentornet_tf.datasets.images.listing import (
  FileReader,
  ImageEntry,
  ImageList,
)


def images(count=5, **columns):
  return ImageList(
    paths=BytesColumn.of(b"a/%d.jpg" % i for i in range(count)),
    labels=np.arange(count) % 3,
    clean_labels=np.full(count, -1),
    ids=np.arange(count) * 10,
    **columns,
  )


FULL = images(
  queries=BytesColumn.of([b"q1", b"q2"]).take(np.array([0, 1, 0, 1, 1])),
  synsets=BytesColumn.of([b"n0", b"n1", b"n2"]).take(np.arange(5) % 3),
  offsets=np.arange(5) * 512,
  sizes=np.arange(5) + 100,
)


def test_an_entry_has_every_property():
  assert len(FULL) == 5
  assert FULL[4] == ImageEntry(
    b"a/4.jpg", 1, -1, 40, query=b"q2", synset=b"n1", offset=2048, size=104
  )
  assert images()[3] == ImageEntry(b"a/3.jpg", 0, -1, 30)


def test_columns_have_one_length():
  with pytest.raises(ValueError, match=r"one length, got .*'sizes': 4"):
    images(sizes=np.arange(4))


def test_a_selection_keeps_rows_together():
  part = FULL.take(np.array([3, 1]))
  assert [part[0], part[1]] == [FULL[3], FULL[1]]


def test_shuffling_is_a_fixed_permutation():
  shuffled = images(1000).shuffled(seed=3)
  order = shuffled.ids // 10
  np.testing.assert_array_equal(np.sort(order), np.arange(1000))
  assert shuffled[0] == images(1000)[order[0]]
  np.testing.assert_array_equal(images(1000).shuffled(3).ids, shuffled.ids)
  assert (images(1000).shuffled(4).ids != shuffled.ids).mean() > 0.9
  # Recorded once: records must come out the same on any machine.
  assert images(8).shuffled(0).ids.tolist() == [30, 20, 10, 60, 0, 70, 40, 50]
  assert abs(np.corrcoef(order, np.arange(1000))[0, 1]) < 0.1


def test_the_fingerprint_is_that_of_the_content():
  assert FULL.fingerprint() == FULL.take(np.arange(5)).fingerprint()
  assert FULL.fingerprint() == copy.deepcopy(FULL).fingerprint()
  others = [
    FULL.take(np.array([1, 0, 2, 3, 4])),
    images(),
    images(4),
    images(5, offsets=np.zeros(5, np.int64)),
  ]
  assert len({each.fingerprint() for each in (FULL, *others)}) == 5


@pytest.mark.parametrize("listed", [FULL, images()])
def test_saved_lists_come_back(tmp_path, listed):
  listed.save(tmp_path)
  loaded = ImageList.load(tmp_path)
  assert [loaded[i] for i in range(5)] == [listed[i] for i in range(5)]
  assert loaded.fingerprint() == listed.fingerprint()
  assert (loaded.queries is None) == (listed.queries is None)


def entry(path):
  return ImageEntry(path, 0, 0, 0)


def test_files_are_read_below_the_root(tmp_path):
  (tmp_path / "a").mkdir()
  name = os.fsencode(tmp_path) + b"/a/\xff \xc3\xa9.jpg"
  with open(name, "wb") as file:
    file.write(b"content")
  reader = copy.deepcopy(FileReader(str(tmp_path)))
  assert reader.read(entry(b"a/\xff \xc3\xa9.jpg")) == b"content"
  assert str(reader) == str(tmp_path)


@pytest.mark.parametrize(
  ("path", "reason"),
  [
    (b"nowhere.jpg", "missing file"),
    (b"file/below.jpg", "missing file"),
    (b"folder", "unreadable file"),
    (b"loop", "unreadable file"),
    (b"x" * 300, "unreadable file"),
    (b"pipe", "unreadable file"),
    (b"endless", "unreadable file"),
  ],
)
def test_files_that_cannot_be_read(tmp_path, path, reason):
  (tmp_path / "file").write_text("")
  (tmp_path / "folder").mkdir()
  (tmp_path / "loop").symlink_to("loop")
  os.mkfifo(tmp_path / "pipe")
  (tmp_path / "endless").symlink_to("/dev/zero")
  with pytest.raises(UnusableImageError) as caught:
    FileReader(str(tmp_path)).read(entry(path))
  assert caught.value.reason == reason


def test_trouble_of_the_machine_is_not_blamed_on_the_file(tmp_path):
  (tmp_path / "file").write_text("")
  soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
  resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
  try:
    with pytest.raises(OSError, match="Too many open files"):
      FileReader(str(tmp_path)).read(entry(b"file"))
  finally:
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
