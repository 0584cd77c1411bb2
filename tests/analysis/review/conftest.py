"""A browser and a review page to open in it."""

import numpy as np
import pytest
from browser import browser_program, opened_browser
from review_pages import CLASSES, paths, quiet, ranking

import mentornet_tf as mn


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
  browser_program()
  with opened_browser(tmp_path_factory.mktemp("browser")) as opened:
    yield opened


@pytest.fixture
def nothing_goes_wrong(browser):
  browser.problems.clear()
  browser.requests.clear()
  yield
  assert browser.problems == []
  outside = [u for u in browser.requests if not u.startswith("data:")]
  assert all(url.startswith("file:") for url in outside), outside
  assert {url.rpartition(".")[2] for url in outside} <= {"html"}


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
  images = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 3), np.uint8)
  return mn.review_page(
    ranking(),
    tmp_path_factory.mktemp("page") / "review.html",
    content=images,
    class_names=CLASSES,
    paths=paths(),
    num_contents=15,
    title="A & <b>",
    print_line=quiet,
  )
