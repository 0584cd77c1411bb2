"""Writes review pages of rankings: of run folders, tables and arrays."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mentornet_tf.analysis import ranking as written
from mentornet_tf.analysis.label_scores import SuspectLabels
from mentornet_tf.analysis.review.contents import Content, as_content
from mentornet_tf.analysis.review.image_sources import (
  ImageFiles,
  record_images,
)
from mentornet_tf.analysis.review.page import review_html
from mentornet_tf.analysis.review.rows import (
  ReviewRows,
  read_review_rows,
  rows_of_suspects,
)
from mentornet_tf.analysis.written_ranking import (
  read_ranking_metrics,
  read_suspect_images,
)
from mentornet_tf.errors import UserError
from mentornet_tf.internal import atomic_files
from mentornet_tf.runs.run_folder import read_run

PAGE_FILE = "review.html"
# Thumbnails are a few kB each; texts compress well.
_NUM_IMAGES = 400
_NUM_OTHERS = 20_000


def review_page(
  ranking: SuspectLabels | str | os.PathLike,
  output: str | os.PathLike | None = None,
  *,
  content: Mapping[int, Any] | Sequence[Any] | None = None,
  class_names: Sequence[str] | None = None,
  paths: Sequence[str] | None = None,
  data_dir: str | os.PathLike | None = None,
  image_dir: str | os.PathLike | None = None,
  num_contents: int | None = None,
  every: int = 1,
  title: str | None = None,
  print_line: Callable[[str], Any] = print,
) -> Path:
  """Writes one HTML page on which to keep, change or drop suspect labels.

  The page needs no server and loads nothing from elsewhere. It keeps the
  decisions in the browser and gives them as `corrections.csv`.

  Args:
    ranking: what `rank_labels` returned, the training folder or other folder
      that it wrote to, or its `suspect_labels.csv`.
    output: the HTML file; None writes `review.html` beside the table, or
      `review_every_N.html` under `every=N`.
    content: what to show of the example with each id, `content[id]`: an image
      (uint8 [height, width] or [height, width, 1, 3 or 4], encoded bytes or a
      PIL image), a text, or a mapping of names to values. Ids of arrays are
      positions. A mapping may lack some. None shows the images of the ranking's
      contact sheet, where it has one.
    class_names: a name per class; None takes those of the run or of the table,
      or numbers.
    paths: with `SuspectLabels` that hold none: the file of each example, in
      their order.
    data_dir: folder of the ranked TFRecords, to show their images.
    image_dir: folder below which the ranking's paths lie, to show their images.
    num_contents: of how many of the most suspect examples the content is shown;
      None takes 400 images, and 20,000 texts or mappings. Others are shown by
      path and id.
    every: shows the first label of the ranking and each `every`-th after it,
      such as 10: a sample that reaches down to the last, from which
      `correct_labels` tells with what precision the ranking is right.
    title: the page's title.
    print_line: takes a line on the size of the page before it is written.

  Returns:
    The path of the page.

  Raises:
    UserError: there is no ranking, the arguments do not fit it or each other,
      an image cannot be decoded, or the page cannot be written.
  """
  sources = {"content": content, "data_dir": data_dir, "image_dir": image_dir}
  given = [name for name, value in sources.items() if value is not None]
  if len(given) > 1:
    raise UserError(
      f"{', '.join(given)}: expected one of them, got {len(given)}; leave out "
      "the others"
    )
  if num_contents is not None and num_contents < 0:
    raise UserError(
      f"num_contents: expected at least 0, got {num_contents}; try 400"
    )
  if every < 1:
    raise UserError(f"every: expected at least 1, got {every}; try 10")
  if isinstance(ranking, SuspectLabels):
    if output is None or data_dir is not None:
      raise UserError(
        "output: expected a file for a ranking in memory, and no `data_dir`; "
        "pass the folder of the ranking to use that"
      )
    rows = rows_of_suspects(ranking, class_names, paths)
    data_name, kept = "", None
  else:
    table = ranking_table(ranking)
    # A sample does not replace the whole page.
    name = PAGE_FILE if every == 1 else f"review_every_{every}.html"
    output = output or table.parent / name
    metrics = read_ranking_metrics(table.parent) or {}
    data_name = metrics.get("data", "")
    kept = table.parent / written.IMAGES_FILE
    rows = read_review_rows(table, class_names or _class_names(table))
  num_ranked = len(rows)
  rows = rows.every(every)
  output = atomic_files.writable_file(output)
  if data_dir is not None:
    number = _NUM_IMAGES if num_contents is None else num_contents
    content = _images_of_records(data_dir, data_name, rows, number)
  elif image_dir is not None:
    content = ImageFiles(image_dir, rows.ids.tolist(), rows.paths)
  elif content is None and kept and kept.exists():
    content = read_suspect_images(kept)
  contents = _contents(content, rows, num_contents)
  page = review_html(rows, contents, title or _title(data_name, every))
  line = f"{output}: {_described(rows, num_ranked, contents, len(page))}"
  num_shown = sum(each is not None for each in contents)
  wanted = _NUM_IMAGES if num_contents is None else num_contents
  if not given and kept is not None and num_shown < min(wanted, len(rows)):
    more = "more" if num_shown else "images"
    line += f"; give `data_dir` or `image_dir` to show {more}"
  print_line(line)
  atomic_files.write_bytes(output, page)
  return output


def ranking_table(path: str | os.PathLike) -> Path:
  """The table of a ranking, from its own path, its folder or its run's.

  Raises:
    UserError: there is none.
  """
  path = Path(path)
  if path.is_file():
    return path
  for folder in (path, path / written.DEFAULT_FOLDER):
    if (folder / written.TABLE_FILE).is_file():
      return folder / written.TABLE_FILE
  got = "a folder without one" if path.is_dir() else "nothing there"
  raise UserError(
    f"{path}: expected a training folder whose labels are ranked, or a "
    f"{written.TABLE_FILE}, got {got}; rank the labels first (mentornet rank)"
  )


def _title(data_name: str, every: int) -> str:
  """Tells what the page shows, if not the most suspect labels."""
  of_data = f" of {data_name}" if data_name else ""
  sampled = f", one in {every}" if every > 1 else ""
  return f"Suspect labels{of_data}{sampled}"


def _class_names(table: Path) -> list[str] | None:
  """All classes of the run in whose folder a ranking lies, if it does."""
  if table.parent.name != written.DEFAULT_FOLDER:
    return None
  run = read_run(table.parent.parent)
  return run["data"].get("class_names") if run else None


def _images_of_records(
  data_dir: str | os.PathLike, data_name: str, rows: ReviewRows, number: int
) -> dict[int, bytes | np.ndarray]:
  dataset_name, _, split = data_name.rpartition("_")
  if not dataset_name:
    raise UserError(
      f"data_dir: expected {written.METRICS_FILE} beside the ranking, which "
      "names the set, got none; rank the labels again"
    )
  return record_images(data_dir, dataset_name, split, rows.ids[:number])


def _contents(
  content: Mapping[int, Any] | Sequence[Any] | None,
  rows: ReviewRows,
  number: int | None,
) -> list[Content | None]:
  """What is shown of the first rows; nothing of those that a mapping lacks."""
  if content is None:
    return []
  contents: list[Content | None] = []
  most = _NUM_OTHERS if number is None else number
  for identity in rows.ids.tolist():
    if len(contents) >= most:
      break
    try:
      value = content[identity]
    except KeyError:
      contents.append(None)
      continue
    except IndexError as error:
      raise UserError(
        f"content: expected an entry for every id, got {len(content)} and the "
        f"id {identity}; pass a mapping from ids where they are not positions"
      ) from error
    shown = as_content(value)
    if number is None and shown.kind == "image":
      most = _NUM_IMAGES
    contents.append(shown)
  return contents


def _described(
  rows: ReviewRows,
  num_ranked: int,
  contents: Sequence[Content | None],
  size: int,
) -> str:
  shown = [each for each in contents if each is not None]
  what = {"image": "images", "text": "texts", "values": "values"}
  parts = (
    f"{len(shown)} of them with {what[shown[0].kind]}"
    if shown
    else "without images"
  )
  sampled = f" of {num_ranked}" if len(rows) < num_ranked else ""
  return f"{len(rows)}{sampled} labels, {parts}, {size / 1e6:.1f} MB"
