"""Checks the links of a built site: every page and anchor, no other server.

`python docs/extensions/built_links.py build/docs` prints what is broken and
ends with status 1 where anything is. A page that loads scripts, styles, fonts
or pictures from another server is broken, too: the site is read offline.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

_LOADED = {"img", "script", "link", "source", "iframe", "video", "audio"}


class Page(HTMLParser):
  """What a page can be linked by and what it links to.

  Attributes:
    anchors: values of its `id` and `name`.
    links: (tag, address) of all that it refers to.
  """

  def __init__(self, path: Path):
    super().__init__()
    self.anchors: set[str] = set()
    self.links: list[tuple[str, str]] = []
    self.feed(path.read_text(encoding="utf-8"))

  def handle_starttag(
    self, tag: str, attrs: list[tuple[str, str | None]]
  ) -> None:
    values = {name: value or "" for name, value in attrs}
    self.anchors |= {values[name] for name in ("id", "name") if name in values}
    self.links += [
      (tag, values[name]) for name in ("href", "src") if name in values
    ]


def broken_links(site: Path) -> tuple[list[str], int]:
  """What is broken, a line each, and how many links were checked.

  Args:
    site: folder of the built site.
  """
  pages = {
    path.resolve(): Page(path)
    for path in site.rglob("*.html")
    if "_static" not in path.relative_to(site).parts  # templates of the theme
  }
  broken, checked = [], 0
  for path, page in sorted(pages.items()):
    for tag, address in page.links:
      checked += 1
      if problem := _problem(path, tag, address, pages):
        broken.append(f"{path.relative_to(site.resolve())}: {problem}")
  return broken, checked


def _problem(
  path: Path, tag: str, address: str, pages: dict[Path, Page]
) -> str | None:
  if re.match(r"(https?:)?//", address):
    is_loaded = tag in _LOADED
    return f"{address}: is loaded from another server" if is_loaded else None
  if re.match(r"[a-z]+:", address):
    return None  # mail and embedded data
  place, _, anchor = address.partition("#")
  place = unquote(place.partition("?")[0])
  target = (path.parent / place).resolve() if place else path
  if target.is_dir():
    target /= "index.html"
  if not target.exists():
    return f"{address}: no such page"
  if anchor and target in pages:
    known = pages[target].anchors
    return None if unquote(anchor) in known else f"{address}: no such anchor"
  return None


def main() -> None:
  """Checks the site in the folder that the command line names."""
  broken, checked = broken_links(Path(sys.argv[1]))
  print("\n".join([*broken, f"{checked} links, {len(broken)} broken"]))
  sys.exit(bool(broken))


if __name__ == "__main__":
  main()
