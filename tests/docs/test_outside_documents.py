"""Links of documents lead to pages of the site, wherever they lie."""

from pathlib import Path

import pytest
from outside_documents import pages_of_documents, with_links_of_the_site

_ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
  ("place", "link", "expected"),
  [
    ("docs/fit.md", "[x](data.md#the-files)", "[x](/data.md#the-files)"),
    ("docs/fit.md", "[data.md](data.md#the-files)", "[](/data.md#the-files)"),
    ("docs/fit.md", "[x](#saving)", "[x](#saving)"),
    ("docs/fit.md", "[x](../README.md#in-python)", "[x](/index.md)"),
    ("docs/fit.md", "[x](https://example.org)", "[x](https://example.org)"),
    (
      "docs/recipes/webvision.md",
      "[x](../../CHANGELOG.md#fixed)",
      "[x](/project/changelog.md#fixed)",
    ),
    ("CONTRIBUTING.md", "[x](docs/)", "x"),
    (
      "CONTRIBUTING.md",
      "[x](tests/helpers/tiny.py)",
      "[x](/../tests/helpers/tiny.py)",
    ),
    ("docs/mentors/baseline.md", "![x](a.png)", "![x](/mentors/a.png)"),
  ],
)
def test_links(place, link, expected):
  pages = pages_of_documents()
  assert with_links_of_the_site(link, _ROOT / place, pages) == expected


def test_pages_show_documents_that_exist():
  pages = pages_of_documents()
  assert pages[_ROOT / "WORKSPACE.md"] == "project/workspace"
  assert len(pages) > 4
  assert all(path.is_file() for path in pages)
