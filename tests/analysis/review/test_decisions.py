"""The decisions made on a review page: kept by the browser, and imported."""

import pytest
from review_pages import (
  CLASSES,
  FULL_STORAGE,
  NO_STORAGE,
  counts,
  download,
  open_page,
  paths,
  quiet,
  ranking,
  reload,
  rows_of,
)

import mentornet_tf as mn

pytestmark = pytest.mark.usefixtures("nothing_goes_wrong")


def test_progress_survives_a_reload_and_is_of_one_ranking(
  browser, page_file, tmp_path
):
  open_page(browser, page_file)
  browser.press("k", "s", "d")
  before = download(browser)
  reload(browser)
  assert counts(browser).startswith("3 of 20")
  assert download(browser) == before
  browser.press("k")  # goes on with the first undecided
  assert [row[0] for row in rows_of(download(browser))] == ["1", "2", "3", "4"]
  # The same labels from other paths are another ranking.
  other = mn.review_page(
    ranking(), tmp_path / "other.html", class_names=CLASSES, print_line=quiet
  )
  open_page(browser, other, fresh=False)
  assert counts(browser).startswith("0 of 20")
  browser.press("d")
  assert rows_of(download(browser)) == [["1", "1", "", "cat", "drop", ""]]
  open_page(browser, page_file, fresh=False)
  assert counts(browser).startswith("4 of 20")


def test_decisions_of_a_sample_are_imported_into_the_whole_page(
  browser, page_file, tmp_path
):
  sample = mn.review_page(
    ranking(),
    tmp_path / "sample.html",
    class_names=CLASSES,
    paths=paths(),
    every=3,
    print_line=quiet,
  )
  open_page(browser, sample)
  browser.press("d", "s", "k")
  saved = tmp_path / "sample.csv"
  saved.write_text(download(browser), newline="")
  open_page(browser, page_file)
  browser.choose_files("#import-file", saved)
  browser.wait("document.getElementById('counts').innerText.startsWith('3')")
  assert browser.text("#status") == "3 decisions imported."
  assert rows_of(download(browser)) == rows_of(saved.read_text())


@pytest.mark.parametrize(
  ("script", "words"), [(NO_STORAGE, "no storage"), (FULL_STORAGE, "quota")]
)
def test_without_storage_it_says_so_and_imports(
  browser, page_file, tmp_path, script, words
):
  open_page(browser, page_file)
  assert not browser.run("document.getElementById('notice').innerText")
  added = browser.send("Page.addScriptToEvaluateOnNewDocument", source=script)
  try:
    reload(browser)
    browser.press("k")
    assert words in browser.text("#notice")
    browser.press("s", "s", "d")
    browser.dialogs.clear()
    reload(browser)  # asks, since it loses what was decided
    assert browser.dialogs == ["beforeunload"]
    browser.press("k", "s", "s", "d")
    assert counts(browser).startswith("4 of 20")
    text = download(browser)
    reload(browser)
    assert browser.dialogs == ["beforeunload"]
    assert counts(browser).startswith("0 of 20")
    saved = tmp_path / "saved.csv"
    saved.write_bytes(text.encode() + b"9,9999,x,cat,keep,\r\n")
    browser.choose_files("#import-file", saved)
    browser.wait("document.getElementById('counts').innerText.startsWith('4')")
    assert browser.text("#status") == (
      "4 decisions imported. Skipped, as not of this ranking: 1 lines."
    )
    assert download(browser) == text
    browser.press("u")  # the import is one step
    assert counts(browser).startswith("0 of 20")
    saved.write_text("some,table\n1,2\n")
    browser.choose_files("#import-file", saved)
    browser.wait("!!document.querySelector('#status.problem')")
    assert "no column rank, id, path" in browser.text("#status")
  finally:
    browser.send(
      "Page.removeScriptToEvaluateOnNewDocument",
      identifier=added["identifier"],
    )
