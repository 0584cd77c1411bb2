"""Review pages: rankings for them, opening them, and their corrections."""

import csv
import io

import numpy as np

from mentornet_tf.analysis.label_scores import SuspectLabels

# Texts that break pages and tables that do not escape them.
CLASSES = (
  "cat",
  '</script><img src=x onerror="document.title=0">',
  "=SUM(A1)",
  'a "b", c',
  "عربي",
)
# Run before a page's own scripts: browsers that keep nothing.
NO_STORAGE = """
Object.defineProperty(window, "localStorage", {
  get() { throw new DOMException("denied", "SecurityError"); },
});
"""
FULL_STORAGE = """
Storage.prototype.setItem = () => {
  throw new DOMException("exceeded the quota", "QuotaExceededError");
};
"""


def quiet(line):
  """Takes the line on a page's size."""


def ranking(num_rows=20, num_classes=5) -> SuspectLabels:
  """Row r has the id 3 r + 1 and the given class r, modulo their number.

  Every tenth suggests the given class, others one of the next ones.
  """
  rows = np.arange(num_rows)
  given = rows % num_classes
  ahead = 1 + rows // num_classes % (num_classes - 1)
  suggested = (given + ahead) % num_classes
  suggested[::10] = given[::10]
  probabilities = np.zeros((num_rows, num_classes))
  probabilities[rows, given] = 0.25
  probabilities[rows, suggested] = 0.75
  return SuspectLabels(
    ids=3 * rows + 1,
    labels=given,
    clean_labels=np.full(num_rows, -1),
    pred_probs=probabilities,
    mean_loss=np.linspace(9, 1, num_rows),
    mean_weight=np.ones(num_rows),
    steps=(1,),
  )


def paths(num_rows=20) -> list[str]:
  names = ("=x", "-y", "<b>", 'q"u,ote', "new\nline", "שלום")
  return [
    f"{'' if r % 2 else f'd{r % 3}/'}{names[r % 6]} {r}.png"
    for r in range(num_rows)
  ]


# Chromium may drop keys and clicks that come before a page is first painted.
_PAINTED = """
document.querySelectorAll(".card").length > 0
  && performance.getEntriesByName("first-contentful-paint").length > 0
"""


def open_page(browser, file, *, fresh=True):
  """Opens a page, without earlier progress if it is to be fresh."""
  browser.open(file)
  browser.wait(_PAINTED)
  if fresh:
    browser.run("localStorage.clear()")
    reload(browser)


def reload(browser):
  browser.run("document.body.id = 'before'")
  browser.send("Page.reload")
  browser.wait("!document.getElementById('before')")
  browser.wait(_PAINTED)


def rows_of(text):
  """The cells of a corrections.csv, without its header."""
  return list(csv.reader(io.StringIO(text, newline="")))[1:]


def counts(browser):
  return browser.text("#counts")


def download(browser):
  browser.click("#download")
  return browser.downloaded("corrections.csv").decode()


def chosen(browser):
  """The place of the focused card on its page."""
  return browser.run(
    "[...document.querySelectorAll('.card')].indexOf(document.activeElement)"
  )
