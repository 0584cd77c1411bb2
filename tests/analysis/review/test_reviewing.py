"""What goes into a review page, from runs, tables, records and arrays."""

import base64
import dataclasses
import gzip
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import tiny
from absl import flags
from command_modules import imported_command
from PIL import Image
from ranked_runs import by_hand
from review_pages import CLASSES, paths, ranking

import mentornet_tf as mn
from mentornet_tf.analysis.ranking import write_suspect_labels
from mentornet_tf.analysis.review.contents import as_content
from mentornet_tf.analysis.review.image_sources import record_images
from mentornet_tf.analysis.review.rows import read_review_rows
from mentornet_tf.commands.command_line import with_flags
from mentornet_tf.datasets.records.schema import Example, encode_example
from mentornet_tf.datasets.records.shards import shard_name
from mentornet_tf.errors import UserError

_RUN = (
  Path(__file__).parents[2] / "testdata" / "run_folders" / "digits_mentornet_pd"
)


def quiet(line):
  """Takes the line on the page's size."""


def data_of(page):
  """The columns and images that a page holds."""
  text = page.read_text()
  found = dict(re.findall(r'stream" id="(\w+)">(.*?)</script>', text))
  columns = json.loads(gzip.decompress(base64.b64decode(found["rows"])))
  return columns, json.loads(found["images"])


def decoded(url):
  kind, _, encoded = url.partition(";base64,")
  image = Image.open(io.BytesIO(base64.b64decode(encoded)))
  assert kind == f"data:image/{image.format.lower()}"
  return np.asarray(image)


@pytest.fixture(scope="module")
def ranked(tmp_path_factory):
  """A training folder with a ranking in it."""
  folder = tmp_path_factory.mktemp("ranked")
  run = json.loads((_RUN / "run.json").read_text())
  run["data"] |= {"class_names": list("abcde"), "num_classes": 5}
  (folder / "run.json").write_text(json.dumps(run))
  data = dataclasses.replace(
    tiny.dataset(20), class_names=tuple("abcde"), num_classes=5
  )
  write_suspect_labels(ranking(), data, folder / "suspect_labels", 2)
  return folder


def test_a_run_its_table_and_the_arrays_give_the_same_rows(ranked, tmp_path):
  suspects = ranking()
  columns, images = data_of(mn.review_page(ranked, print_line=quiet))
  assert (ranked / "suspect_labels" / "review.html").exists()
  order = suspects.order
  np.testing.assert_array_equal(  # those of the contact sheet
    [decoded(image) for image in images[:2]], tiny.dataset(20).images[order[:2]]
  )
  assert images[2:] == [None] * 18
  assert columns["ids"] == suspects.ids[order].tolist()
  assert columns["given"] == suspects.labels[order].tolist()
  assert columns["suggested"] == suspects.predicted_labels[order].tolist()
  percent = 100 * suspects.pred_probs[order, suspects.labels[order]]
  np.testing.assert_allclose(columns["givenPercent"], percent, atol=0.5)
  assert columns["classes"] == list("abcde")
  assert columns["title"] == "Suspect labels of quadrants_train"
  assert "ranks" not in columns
  options = {"output": tmp_path / "p.html", "print_line": quiet}
  for other in (
    mn.review_page(ranked / "suspect_labels", **options),
    mn.review_page(ranked / "suspect_labels" / "suspect_labels.csv", **options),
    mn.review_page(suspects, class_names="abcde", **options),
  ):
    assert data_of(other)[0]["digest"] == columns["digest"]


def test_a_sample_reaches_down_the_ranking(ranked, tmp_path):
  lines = []
  page = mn.review_page(
    ranked,
    tmp_path / "p.html",
    every=7,
    content=[f"text {i}" for i in range(60)],
    print_line=lines.append,
  )
  columns, _ = data_of(page)
  order = ranking().order[[0, 7, 14]]
  assert columns["ranks"] == [1, 8, 15]
  assert columns["ids"] == ranking().ids[order].tolist()
  assert columns["given"] == ranking().labels[order].tolist()
  assert columns["suggested"] == ranking().predicted_labels[order].tolist()
  assert columns["contents"] == [f"text {3 * i + 1}" for i in order]
  assert columns["classes"] == list("abcde")
  assert columns["title"] == "Suspect labels of quadrants_train, one in 7"
  assert f"{page}: 3 of 20 labels, 3 of them with texts" in lines[0]
  names = [f"{i}.png" for i in range(20)]
  columns, _ = data_of(
    mn.review_page(ranking(), page, every=7, paths=names, print_line=quiet)
  )
  assert columns["files"] == [names[i] for i in order]
  assert columns["title"] == "Suspect labels, one in 7"


def test_a_table_of_its_own_names_the_classes_that_occur(tmp_path):
  table = tmp_path / "table.csv"
  header = (
    "rank,id,given_label,predicted_label,given_class,predicted_class,"
    "given_probability,predicted_probability,mean_loss,mean_weight,score"
  )
  rows = ["3,7,5,2,crane,b,0.1,0.8,2,0,2", "4,8,9,5,crane,crane,0.1,0.8,2,0,2"]
  table.write_text("\n".join([header, *rows, ""]))
  read = read_review_rows(table)
  assert read.class_names == ("b", "crane (5)", "crane (9)")
  assert read.class_words == ("b", "5", "9")
  assert read.given.tolist() == [1, 2]
  assert read.suggested.tolist() == [0, 1]
  assert read.columns["ranks"] == [3, 4]
  assert read.paths is None
  with pytest.raises(UserError, match="class_names: expected 'b' for class 2"):
    read_review_rows(table, ["a"] * 10)
  table.write_text(header + "\n")
  with pytest.raises(UserError, match="expected a row per label, got none"):
    read_review_rows(table)
  table.write_text(
    "\n".join([header + ",path", *(f'{row},"d/a, b.png"' for row in rows)])
    + "\n"
  )
  assert read_review_rows(table).paths == ["d/a, b.png"] * 2


def test_paths_come_back(tmp_path):
  names = ["/a", "a//b", "d/", "", *paths()[4:]]
  page = mn.review_page(
    ranking(), tmp_path / "p.html", paths=names, print_line=quiet
  )
  columns, _ = data_of(page)
  folders = [columns["folders"][i] for i in columns["folder"]]
  assert [
    folder + file
    for folder, file in zip(folders, columns["files"], strict=True)
  ] == names


def test_images_of_records(tmp_path):
  """Those with the ids of the ranking, past a damaged record; one is raw."""
  rng = np.random.default_rng(0)
  pixels = rng.integers(0, 256, (4, 6, 5, 3)).astype(np.uint8)
  records = []
  for number, image in zip((13, 12, 11, 10), pixels, strict=True):
    png = io.BytesIO()
    Image.fromarray(image).save(png, "PNG")
    is_raw = number == 11
    data = image.tobytes() if is_raw else png.getvalue()
    example = Example(data, "raw" if is_raw else "png", 0, number, 6, 5)
    records.append(encode_example(example))
  records.insert(1, b"no message")
  import tensorflow as tf

  with tf.io.TFRecordWriter(
    str(tmp_path / shard_name("two", "train", 0, 1))
  ) as writer:
    for record in records:
      writer.write(record)
  data = dataclasses.replace(
    tiny.dataset(4), name="two_train", class_names=("a", "b"), num_classes=2
  )
  write_suspect_labels(by_hand(), data, tmp_path / "ranking", 2)
  lines = []
  page = mn.review_page(
    tmp_path / "ranking",
    data_dir=tmp_path,
    num_contents=3,
    print_line=lines.append,
  )
  columns, images = data_of(page)
  assert columns["ids"] == [12, 11, 13, 10]
  np.testing.assert_array_equal(
    [decoded(image) for image in images], pixels[[1, 2, 0]]
  )
  assert "4 labels, 3 of them with images" in lines[0]
  with pytest.raises(UserError, match="without the id 99"):
    record_images(tmp_path, "two", "train", [10, 99])


def test_image_files(tmp_path):
  image = np.full((300, 400, 3), 90, np.uint8)
  (tmp_path / "d").mkdir()
  Image.fromarray(image).save(tmp_path / "d" / "a.png")
  names = ["d/gone.png"] * 20
  names[1] = "d/a.png"
  write = {"paths": names, "output": tmp_path / "p.html", "print_line": quiet}
  _, images = data_of(
    mn.review_page(ranking(), image_dir=tmp_path, num_contents=3, **write)
  )
  assert images[0] is None and images[2] is None
  assert decoded(images[1]).shape == (150, 200, 3)
  assert np.abs(decoded(images[1]).astype(int) - 90).max() <= 2
  with pytest.raises(UserError, match="image_dir: expected the folder below"):
    mn.review_page(ranking(), image_dir=tmp_path / "d", **write)
  del write["paths"]
  with pytest.raises(UserError, match="with the column path, got one without"):
    mn.review_page(ranking(), image_dir=tmp_path, **write)


def test_contents():
  grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
  kind, url = as_content(grey)
  assert kind == "image"
  np.testing.assert_array_equal(decoded(url), grey)
  np.testing.assert_array_equal(decoded(as_content(grey[..., None])[1]), grey)
  clear = np.zeros((2, 2, 4), np.uint8)  # transparent: white paper
  assert (decoded(as_content(clear)[1]) == 255).all()
  assert as_content("text") == ("text", "text")
  assert len(as_content("x" * 9000)[1]) == 5002
  values = {"width": np.float32(0.1), 2: "long", "n": 7}
  expected = {"width": "0.1", "2": "long", "n": "7"}
  assert as_content(values) == ("values", expected)


@pytest.mark.parametrize(
  ("value", "words"),
  [
    (np.zeros((2, 2, 3)), r"ndarray of float64 \[2, 2, 3\]"),
    (np.zeros(4, np.uint8), r"uint8 \[4\]"),
    (b"no image", "8 bytes that are no image"),
    (None, "NoneType of object"),
  ],
)
def test_contents_of_no_kind(value, words):
  with pytest.raises(UserError, match=f"^content: expected an image .*{words}"):
    as_content(value)


@pytest.mark.parametrize(
  ("arguments", "words"),
  [
    ({"content": [""], "image_dir": "x"}, "content, image_dir: expected one"),
    ({"content": ["a", "b"]}, "content: expected an entry for every id, got 2"),
    ({"content": {1: "a", 4: {}}}, "expected one kind, got text and values"),
    ({"class_names": "ab"}, "class_names: expected 5, got 2"),
    ({"class_names": ["1", "a", "a", "b", "c"]}, "names that differ, got 'a'"),
    ({"paths": ["a"]}, "paths: expected 20, got 1"),
    ({"paths": ["\udcff"] * 20}, "expected texts that UTF-8 can hold"),
    ({"num_contents": -1}, "num_contents: expected at least 0, got -1"),
    ({"every": 0}, "every: expected at least 1, got 0; try 10"),
    ({"data_dir": "x"}, "no `data_dir`"),
  ],
)
def test_arguments_that_do_not_fit(tmp_path, arguments, words):
  with pytest.raises(UserError, match=words):
    mn.review_page(
      ranking(), tmp_path / "p.html", print_line=quiet, **arguments
    )
  assert list(tmp_path.iterdir()) == []


def test_the_page_holds_no_text_of_the_data_as_html(tmp_path):
  page = mn.review_page(
    ranking(),
    tmp_path / "p.html",
    class_names=CLASSES,
    content=["</script><script>alert(1)</script>"] * 60,
    title="</title><script>",
    print_line=quiet,
  ).read_text()
  assert "onerror" not in page
  assert "alert(1)" not in page
  assert "</title><script>" not in page
  assert page.count("&lt;/title&gt;&lt;script&gt;") == 2
  assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)


def run_command(*arguments):
  with imported_command("review") as command:
    rest = flags.FLAGS(["mentornet review", *map(str, arguments)])
    command.main(rest[1:])


def test_the_command(ranked, tmp_path, capsys):
  output = tmp_path / "p.html"
  run_command(ranked, f"--output={output}", "--title=Mine", "--num_images=7")
  assert capsys.readouterr().out == (
    f"{output}: 20 labels, 2 of them with images, 0.0 MB; give --data_dir or "
    "--image_dir to show more\n"
  )
  run_command(ranked, f"--output={output}", "--every=10", "--num_images=1")
  assert capsys.readouterr().out == (
    f"{output}: 2 of 20 labels, 1 of them with images, 0.0 MB\n"
  )
  assert data_of(output)[0]["ranks"] == [1, 11]
  run_command(ranked, f"--output={output}", "--title=Mine", "--num_images=2")
  assert capsys.readouterr().out.endswith("2 of them with images, 0.0 MB\n")
  assert data_of(output)[0]["title"] == "Mine"
  table = tmp_path / "alone" / "suspect_labels.csv"
  table.parent.mkdir()
  table.write_bytes((ranked / "suspect_labels" / table.name).read_bytes())
  run_command(table)
  assert capsys.readouterr().out.endswith(
    "20 labels, without images, 0.0 MB; give --data_dir or --image_dir to show "
    "images\n"
  )
  with pytest.raises(UserError, match="expected one RUN, got 2"):
    run_command(ranked, ranked)
  with pytest.raises(UserError, match="expected a training folder whose"):
    run_command(tmp_path)
  with imported_command("review") as command:
    line = with_flags("num_contents: expected", command.PARAMETER_FLAGS)
  assert line == "--num_images: expected"
