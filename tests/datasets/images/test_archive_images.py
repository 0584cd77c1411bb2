import imagenet_trees
import pytest
from imagenet_trees import IMAGES, NAMES

from mentornet_tf.datasets.images.archives import (
  ArchiveMember,
  ArchiveReader,
  tar_members,
)
from mentornet_tf.datasets.images.decoding import UnusableImageError
from mentornet_tf.datasets.images.listing import ImageEntry
from mentornet_tf.errors import UserError


def entry(member: ArchiveMember, archive: str) -> ImageEntry:
  path = f"{archive}/{member.name}".encode()
  return ImageEntry(path, 0, 0, 0, offset=member.offset, size=member.size)


def test_members_are_read_in_place(tmp_path):
  archive = imagenet_trees.write_tar(tmp_path / "images.tar")
  members = tar_members(archive)
  assert [member.name for member in members] == [
    f"{name}.JPEG" for name in reversed(NAMES)
  ]
  reader = ArchiveReader(str(tmp_path))
  found = [reader.read(entry(member, "images.tar")) for member in members]
  assert found == list(reversed(IMAGES))
  assert str(reader) == str(tmp_path)


def test_folders_within_an_archive_are_no_members(tmp_path):
  source = imagenet_trees.write_flat_folder(tmp_path / "val")
  import tarfile

  with tarfile.open(tmp_path / "images.tar", "w") as archive:
    archive.add(source, "val")
  members = tar_members(tmp_path / "images.tar")
  assert sorted(member.name for member in members) == [
    f"val/{name}.JPEG" for name in NAMES
  ]


def test_an_archive_that_breaks_off_is_noticed_wherever_it_does(tmp_path):
  archive = imagenet_trees.write_tar(tmp_path / "images.tar")
  data = archive.read_bytes()
  end = max(member.offset + member.size for member in tar_members(archive))
  for size in (0, 1, 511, 512, 700, 1024, 1536, end // 2, end - 1, end):
    archive.write_bytes(data[:size])
    with pytest.raises(UserError, match=r"images\.tar: expected a whole"):
      tar_members(archive)


def test_an_archive_that_broke_off_later(tmp_path):
  archive = imagenet_trees.write_tar(tmp_path / "images.tar")
  member = tar_members(archive)[-1]
  archive.write_bytes(archive.read_bytes()[: member.offset + 10])
  with pytest.raises(UnusableImageError, match="archive ends early"):
    ArchiveReader(str(tmp_path)).read(entry(member, "images.tar"))
  archive.unlink()
  with pytest.raises(FileNotFoundError):
    ArchiveReader(str(tmp_path)).read(entry(member, "images.tar"))


def test_other_files(tmp_path):
  with pytest.raises(UserError, match="no such file"):
    tar_members(tmp_path / "images.tar")
  for content in (b"\x1f\x8b" + bytes(100), b"not an archive" * 100):
    (tmp_path / "images.tar").write_bytes(content)
    with pytest.raises(UserError, match="uncompressed tar archive"):
      tar_members(tmp_path / "images.tar")
