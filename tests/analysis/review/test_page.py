"""The review page in a browser: mouse, keys and the downloads."""

import time

import numpy as np
import pytest
from review_pages import (
  CLASSES,
  chosen,
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
from mentornet_tf.datasets.trees.corrections import read_corrections
from mentornet_tf.internal.spreadsheet_cells import unguarded

pytestmark = pytest.mark.usefixtures("nothing_goes_wrong")
HEADER = "rank,id,path,given_label,action,label\r\n"


def test_it_shows_the_labels_as_plain_text(browser, page_file):
  open_page(browser, page_file)
  assert browser.run("document.title") == "A & <b>"
  assert browser.text("h1") == "A & <b>"
  shown = browser.run(
    """[...document.querySelectorAll(".card")].map((card) => [
      card.querySelector(".given").textContent,
      card.querySelector(".suggested")?.textContent ?? null,
      card.querySelector(".place bdi").textContent,
      card.querySelectorAll("img").length,
    ])"""
  )
  given, suggested = ranking().labels, ranking().predicted_labels
  assert shown == [
    [
      CLASSES[given[r]],
      CLASSES[suggested[r]] if suggested[r] != given[r] else None,
      path,
      int(r < 15),
    ]
    for r, path in enumerate(paths())
  ]
  assert "The first 15 are shown with their images" in browser.text("#about")
  assert browser.wait(
    "[...document.images].every((image) => image.naturalWidth === 8)"
  )


def test_by_the_keyboard_alone(browser, page_file, tmp_path):
  open_page(browser, page_file)
  browser.press("k", "s", "d", "o")
  browser.press(*"SCR", "Enter")  # part of a class, in other letters
  assert chosen(browser) == 4
  browser.press("ArrowRight", "s", "s")  # the first row is decided already
  assert counts(browser) == (
    "6 of 20 reviewed · 1 kept · 4 relabelled · 1 dropped"
  )
  browser.press("ArrowLeft", "ArrowLeft", "c")
  browser.press("n", "d")
  # To the top: Shift+Tab would do, and reach the filters first.
  browser.run("document.activeElement.blur(), scrollTo(0, 0)")
  for _ in range(40):
    browser.press("Tab")
    if browser.run("document.activeElement.id") == "download":
      break
  browser.press("Enter")
  text = browser.downloaded("corrections.csv").decode()
  script = '"</script><img src=x onerror=""document.title=0"">"'
  assert text == HEADER + "".join(
    f"{line}\r\n"
    for line in (
      "1,1,d0/=x 0.png,cat,keep,",
      f"2,4,'-y 1.png,{script},relabel,'=SUM(A1)",
      "3,7,d2/<b> 2.png,'=SUM(A1),drop,",
      f'4,10,"q""u,ote 3.png","a ""b"", c",relabel,{script}',
      f'7,19,d0/=x 6.png,{script},relabel,"a ""b"", c"',
      "8,22,'-y 7.png,'=SUM(A1),drop,",
    )
  )
  # `mentornet correct` reads the same.
  file = tmp_path / "corrections.csv"
  file.write_text(text, newline="")
  read = read_corrections(file)
  assert [each.action for each in read] == [
    *("keep", "relabel", "drop", "relabel", "relabel", "drop")
  ]
  rows = [0, 1, 2, 3, 6, 7]
  given = ranking().labels
  assert [each.path for each in read] == [paths()[row] for row in rows]
  assert [each.id for each in read] == [3 * row + 1 for row in rows]
  assert [each.given_label for each in read] == [
    CLASSES[given[row]] for row in rows
  ]
  assert [each.label for each in read] == [
    *("", CLASSES[2], "", CLASSES[1], CLASSES[3], "")
  ]


def test_undo(browser, page_file):
  open_page(browser, page_file)
  browser.press("k", "d", "ArrowRight", "d", "u")
  assert counts(browser).startswith("2 of 20")
  browser.press("Control+z")
  browser.click("#undo")
  assert counts(browser).startswith("0 of 20")
  assert chosen(browser) == 0
  assert browser.run("document.getElementById('undo').disabled")
  browser.press("u")
  assert browser.text("#status") == "There is nothing to undo."


def test_by_mouse(browser, page_file):
  open_page(browser, page_file)
  button = "li:nth-child({}) button[data-action={}]".format
  browser.click(button(3, "keep"))
  browser.click(button(5, "drop"))
  browser.click(button(4, "suggested"))
  browser.click(button(20, "other"))
  browser.click("[role=option]:nth-child(5)")
  browser.wait("document.getElementById('counts').innerText.startsWith('4')")
  browser.click(button(3, "keep"))  # takes it back
  rows = rows_of(download(browser))
  given, suggested = ranking().labels, ranking().predicted_labels
  assert [[row[0], row[4], unguarded(row[5])] for row in rows] == [
    ["4", "relabel", CLASSES[suggested[3]]],
    ["5", "drop", ""],
    ["20", "keep", ""] if given[19] == 4 else ["20", "relabel", CLASSES[4]],
  ]
  assert [unguarded(row[3]) for row in rows] == [
    CLASSES[given[int(row[0]) - 1]] for row in rows
  ]
  assert [unguarded(row[2]) for row in rows] == [
    paths()[int(row[0]) - 1] for row in rows
  ]


def test_filters(browser, page_file):
  open_page(browser, page_file)
  labels = np.stack([ranking().labels, ranking().predicted_labels], axis=1)

  def choose(name, value):
    browser.run(
      f"""(() => {{
        const field = document.getElementById("{name}-filter");
        field.value = "{value}";
        field.dispatchEvent(new Event("change", {{ bubbles: true }}));
      }})()"""
    )

  def ranks():
    places = browser.run(
      "[...document.querySelectorAll('.place')].map((e) => e.innerText)"
    )
    return [int(place.split()[0].strip("#")) for place in places]

  def expected(given, suggested=None):
    wanted = labels[:, 0] == given
    if suggested is not None:
      wanted &= labels[:, 1] == suggested
    return (np.flatnonzero(wanted) + 1).tolist()

  choose("given", 3)
  assert ranks() == expected(3)
  suggested = labels[3, 1]
  choose("suggested", suggested)
  assert ranks() == expected(3, suggested) != expected(3)
  choose("suggested", "")
  choose("given", "")
  browser.press("k", "d")
  browser.click("#undecided-filter")
  assert ranks() == list(range(3, 21))
  browser.press("k")  # stays in sight until the filter is set again
  assert ranks() == list(range(3, 21))
  assert browser.text("#pages") == "of 1 · 18 labels"


@pytest.mark.parametrize(
  ("content", "tag", "words"),
  [
    ([f"<i>text</i> {i}" for i in range(60)], "blockquote", "<i>text</i> 1"),
    (
      [{"width": i / 3, "<i>": "</script>"} for i in range(60)],
      "dl",
      "width\n0.333333\n<i>\n</script>",
    ),
  ],
)
def test_texts_and_values(browser, tmp_path, content, tag, words):
  file = mn.review_page(
    ranking(), tmp_path / "p.html", content=content, print_line=quiet
  )
  open_page(browser, file)
  assert browser.text(f".card {tag}") == words
  browser.press("o", "3", "Enter")  # classes without names are numbers
  browser.wait("document.getElementById('counts').innerText.startsWith('1')")
  assert rows_of(download(browser)) == [["1", "1", "", "0", "relabel", "3"]]


def test_two_hundred_thousand_rows(browser, tmp_path):
  num_rows = 200_000
  lines = []
  file = mn.review_page(
    ranking(num_rows),
    tmp_path / "many.html",
    class_names=CLASSES,
    paths=[f"class_{r % 50}/{r:08}.jpg" for r in range(num_rows)],
    print_line=lines.append,
  )
  size = file.stat().st_size
  assert lines == [
    f"{file}: 200000 labels, without images, {size / 1e6:.1f} MB"
  ]
  assert size < 4e6
  open_page(browser, file)
  start = time.monotonic()
  reload(browser)
  loading = time.monotonic() - start
  assert browser.run("document.querySelectorAll('*').length") < 1500
  start = time.monotonic()
  browser.press("PageDown")
  assert browser.text("#pages") == "of 8,334 · 200,000 labels"
  assert browser.text(".place").startswith("#25 ")
  turning = time.monotonic() - start
  # An idle core takes 0.3 and 0.03 s; work in squares would take minutes.
  assert loading < 20
  assert turning < 5
  browser.run("document.getElementById('page').select()")
  browser.press(*"8334", "Enter")
  browser.wait("document.querySelectorAll('.card').length === 8")
  browser.press("Tab")  # out of the field
  browser.click("li:last-child button[data-action=drop]")
  reload(browser)
  assert counts(browser).startswith("1 of 200,000 reviewed")
  assert rows_of(download(browser)) == [
    ["200000", "599998", "class_49/00199999.jpg", CLASSES[4], "drop", ""]
  ]
