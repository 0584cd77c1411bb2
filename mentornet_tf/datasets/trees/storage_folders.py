"""Listing a folder without what operating systems and servers leave there."""

import os
from pathlib import Path
from typing import NamedTuple

# In lower case. Network storage, macOS, Windows, Linux and Python make them.
_STORAGE_FOLDERS = {
  "@eadir",
  "@recycle",
  "@recently-snapshot",
  "#recycle",
  "#snapshot",
  "__macosx",
  "__pycache__",
  "$recycle.bin",
  "recycler",
  "system volume information",
  "lost+found",
}
_STORAGE_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}


class FolderListing(NamedTuple):
  """What a folder holds, each in the order of the names.

  Hidden files and folders, whose names begin with a dot, are in none of them.

  Attributes:
    files: names of the files, broken links included.
    folders: names of the folders.
    storage: names of what belongs to an operating system or a storage server:
      files such as "Thumbs.db" and, with a "/", folders such as "@eaDir/".
  """

  files: tuple[str, ...]
  folders: tuple[str, ...]
  storage: tuple[str, ...]


def list_folder(
  folder: str | Path, *, follow_links: bool = True
) -> FolderListing:
  """Lists a folder.

  Args:
    folder: its path.
    follow_links: whether links to folders are folders; else they are left out.
  """
  files: list[str] = []
  folders: list[str] = []
  storage: list[str] = []
  with os.scandir(folder) as entries:
    for entry in entries:
      name = entry.name
      if name.startswith("."):
        continue
      if not entry.is_dir():
        (storage if name.lower() in _STORAGE_FILES else files).append(name)
      elif name.lower() in _STORAGE_FOLDERS:
        storage.append(f"{name}/")
      elif follow_links or not entry.is_symlink():
        folders.append(name)
  return FolderListing(
    tuple(sorted(files)), tuple(sorted(folders)), tuple(sorted(storage))
  )
