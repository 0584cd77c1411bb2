"""Documents that lie outside of docs/ as pages of the site, and links to them.

Documents link each other by their places in the project, so that they read
well on a code host too. A page whose text is `{document} PATH` is the document
at that path from the root of the project; links to it lead to the page. Links
to other files give the files, and links to folders are plain text.
"""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
  from sphinx.application import Sphinx

_ROOT = Path(__file__).resolve().parents[2]
_DOCS = _ROOT / "docs"
_STUB = re.compile(r"\{document\} (\S+)\s*")
# A link whose text is the file's name shows the title of the page instead.
_FILE_NAME = re.compile(r"[\w/]+\.md")
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def pages_of_documents() -> dict[Path, str]:
  """The page, such as "project/changelog", by the document that it shows."""
  # What the site's front page says is the README's matter, too.
  found = {_ROOT / "README.md": "index"}
  for path in sorted(_DOCS.rglob("*.md")):
    if stub := _STUB.fullmatch(path.read_text(encoding="utf-8")):
      page = path.relative_to(_DOCS).with_suffix("").as_posix()
      found[_ROOT / stub[1]] = page
  return found


def with_links_of_the_site(
  text: str, place: Path, pages: dict[Path, str]
) -> str:
  """`text` with links that lead somewhere within the site.

  Args:
    text: of a document.
    place: where the document lies.
    pages: of `pages_of_documents`.
  """

  def replaced(match: re.Match) -> str:
    is_picture, label, address = match.groups()
    if re.match(r"[a-z]+:|#|/", address):
      return match[0]
    target, hash_sign, anchor = address.partition("#")
    path = Path(os.path.normpath(place.parent / target))
    if path.suffix == ".md" and _FILE_NAME.fullmatch(label):
      label = ""
    if path in pages:
      within = hash_sign + anchor if pages[path] != "index" else ""
      return f"[{label}](/{pages[path]}.md{within})"
    if path.is_dir():
      return label
    if path.is_relative_to(_DOCS):
      new = f"/{path.relative_to(_DOCS).as_posix()}"
    else:
      new = f"/{os.path.relpath(path, _DOCS)}"
    return f"{is_picture}[{label}]({new}{hash_sign}{anchor})"

  return _LINK.sub(replaced, text)


def _read(app: "Sphinx", page: str, source: list[str]) -> None:
  pages = pages_of_documents()
  place = _DOCS / f"{page}.md"
  if stub := _STUB.fullmatch(source[0]):
    place = _ROOT / stub[1]
    app.env.note_dependency(str(place))
    source[0] = place.read_text(encoding="utf-8")
  source[0] = with_links_of_the_site(source[0], place, pages)


def setup(app: "Sphinx") -> dict[str, bool]:
  """Lets Sphinx read pages through this module."""
  app.connect("source-read", _read)
  return {"parallel_read_safe": True, "parallel_write_safe": True}
