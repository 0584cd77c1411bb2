"""Images inside uncompressed archives, read in place."""

import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

from mentornet_tf.datasets.images.decoding import UnusableImageError
from mentornet_tf.datasets.images.listing import ImageEntry
from mentornet_tf.errors import UserError
from mentornet_tf.internal.regular_files import check_regular


@dataclass(frozen=True)
class ArchiveMember:
  """A file of an archive.

  Attributes:
    name: its path within the archive.
    offset: first byte within the archive.
    size: bytes.
  """

  name: str
  offset: int
  size: int


@dataclass(frozen=True)
class ArchiveReader:
  """Reads images whose paths are an archive's path and a name within it.

  Attributes:
    root: the folder that the archives' paths are relative to.
  """

  root: str

  def __str__(self) -> str:
    return self.root

  def read(self, entry: ImageEntry) -> bytes:
    """The image file's content.

    Raises:
      UnusableImageError: the archive is truncated within the image.
      OSError: the archive cannot be read.
    """
    archive = os.fsdecode(entry.path.rpartition(b"/")[0])
    with open(f"{self.root}/{archive}", "rb") as file:
      file.seek(entry.offset)
      data = file.read(entry.size)
    if len(data) < entry.size:
      raise UnusableImageError("archive ends early")
    return data


def tar_members(path: str | Path) -> list[ArchiveMember]:
  """The files of an uncompressed tar archive, which is not unpacked.

  Raises:
    UserError: the file is missing, truncated, or not such an archive.
  """
  path = Path(path)
  if not path.exists():
    raise UserError(
      f"expected an archive at {path}, got no such file; correct the path"
    )
  check_regular(path)
  members = []
  try:
    with tarfile.open(path, "r:") as archive:
      for member in archive:
        if member.isfile():
          members.append(
            ArchiveMember(member.name, member.offset_data, member.size)
          )
      end = archive.offset
  except (tarfile.TarError, EOFError, OverflowError, ValueError) as error:
    raise UserError(
      f"{path}: expected a whole uncompressed tar archive, got another file or "
      f"a truncated one ({error}); download it again"
    ) from error
  # One that is truncated between two members shows no other sign of it.
  with path.open("rb") as file:
    file.seek(end)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
      raise UserError(
        f"{path}: expected a whole tar archive, got one truncated after "
        f"{len(members)} files and {path.stat().st_size} bytes; download it "
        "again"
      )
  return members
