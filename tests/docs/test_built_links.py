"""The check of a built site's links finds what is broken, and no more."""

from built_links import broken_links


def test_broken_links_are_found(tmp_path):
  (tmp_path / "guide").mkdir()
  (tmp_path / "index.html").write_text(
    '<h1 id="top"></h1><a href="guide/a%20b.html#part">ok</a>'
    '<a href="guide/">ok</a><a href="https://example.org">ok</a>'
    '<a href="missing.html">page</a><a href="guide/a b.html#nowhere">anchor</a>'
    '<script src="https://example.org/x.js"></script><img src="p.png">'
  )
  (tmp_path / "guide" / "a b.html").write_text(
    '<p id="part"></p><a href="../index.html#top">ok</a><a href="#no">own</a>'
  )
  (tmp_path / "guide" / "index.html").write_text('<a href="mailto:a@b">ok</a>')
  broken, checked = broken_links(tmp_path)
  assert checked == 10
  assert broken == [
    "guide/a b.html: #no: no such anchor",
    "index.html: missing.html: no such page",
    "index.html: guide/a b.html#nowhere: no such anchor",
    "index.html: https://example.org/x.js: is loaded from another server",
    "index.html: p.png: no such page",
  ]


def test_templates_of_the_theme_are_not_pages(tmp_path):
  (tmp_path / "_static").mkdir()
  (tmp_path / "_static" / "macros.html").write_text('<a href="{{ x }}">x</a>')
  assert broken_links(tmp_path) == ([], 0)
