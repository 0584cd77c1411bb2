r"""Writes a table of your images with corrected labels.

--csv or --source_dir are the images as they were given to convert-images, with
the same flags. --corrections is a table with the columns path (or id), action
(keep, relabel or drop) and label, such as one downloaded from a review;
--auto=PRECISION adds the top of a ranking, as far down as labels that were
checked show at least this share of its suggestions to be right. The images and
their table stay as they are; convert-images takes the new table.

  mentornet correct --source_dir=birds --corrections=corrections.csv \
      --output=birds_corrected.csv
  mentornet correct --csv=birds.csv --source_dir=birds \
      --corrections=corrections.csv --ranking=runs/birds/suspect_labels \
      --auto=0.9 --output=birds_corrected.csv
"""

import shlex
from typing import TYPE_CHECKING

from absl import flags

from mentornet_tf.commands import command_line, table_flags
from mentornet_tf.errors import UserError
from mentornet_tf.internal.tensorflow_startup import start_tensorflow

if TYPE_CHECKING:
  from mentornet_tf.datasets.trees.corrected_table import CorrectedTable
  from mentornet_tf.datasets.trees.corrections import Decision
  from mentornet_tf.datasets.trees.folders import LabeledFiles

FLAGS = flags.FLAGS
flags.DEFINE_string(
  "source_dir",
  None,
  "Folder with a folder for each class, or with train, val and test of such; "
  "with --csv, the folder that its paths are relative to.",
)
flags.DEFINE_string("csv", None, "Table that was converted.")
table_flags.define_flags()
flags.DEFINE_string(
  "class_names", None, "File with a class name per line, as in the conversion."
)
flags.DEFINE_float(
  "test_fraction",
  None,
  "As in the conversion, with its --seed: the new table then names the same "
  "test images.",
  lower_bound=0,
  upper_bound=1,
)
command_line.define_seed("Seed of the test split, as in the conversion.")
flags.DEFINE_string(
  "corrections",
  None,
  "Table with the columns path or id, action and label, and perhaps "
  "given_label, which is compared.",
)
flags.DEFINE_string(
  "ranking",
  None,
  "Folder of a ranking, for --auto.",
)
flags.DEFINE_float(
  "auto",
  None,
  "Share, such as 0.9, of automatic corrections that should be right; none are "
  "made if unset.",
)
flags.DEFINE_enum(
  "auto_action",
  "relabel",
  ["relabel", "drop"],
  "What --auto does: relabel images to the predicted class, or drop them.",
)
flags.DEFINE_string("output", None, "The new table.")
flags.DEFINE_bool("overwrite", False, "Replace a file at --output.")
flags.mark_flag_as_required("output")
command_line.require_finite("test_fraction", "auto")

PARAMETER_FLAGS = {"table": "csv", "precision": "auto"}


def main() -> None:
  """Reads the corrections and writes the new table."""
  if not FLAGS.csv and not FLAGS.source_dir:
    raise UserError(
      "expected images whose labels to correct, got none; give --source_dir or "
      "--csv"
    )
  table_flags.require_table("csv")
  if not FLAGS.corrections and FLAGS.auto is None:
    raise UserError("expected --corrections or --auto, got neither; give one")
  if FLAGS.auto is not None and not FLAGS.ranking:
    raise UserError(
      "--ranking: expected the folder of a ranking for --auto, got none; give "
      "that whose labels were checked, such as runs/NAME/suspect_labels"
    )
  if FLAGS.ranking and FLAGS.auto is None:
    raise UserError(
      "--auto: expected a precision with --ranking, got none; try 0.9, or "
      "leave --ranking out"
    )
  from mentornet_tf.datasets.trees.class_order import read_class_names
  from mentornet_tf.datasets.trees.corrected_table import write_corrected_table
  from mentornet_tf.datasets.trees.corrections import decide, read_corrections

  names = read_class_names(FLAGS.class_names) if FLAGS.class_names else None
  source = table_flags.own_images(FLAGS.csv, FLAGS.source_dir, names)
  files = source.files()
  decisions: dict[int, Decision] = {}
  if FLAGS.corrections:
    decisions = decide(
      files, read_corrections(FLAGS.corrections), FLAGS.corrections
    )
  if FLAGS.auto is not None:
    decisions |= _automatic(files, decisions)
  written = write_corrected_table(
    source,
    files,
    decisions,
    FLAGS.output,
    test_fraction=FLAGS.test_fraction,
    seed=FLAGS.seed,
    overwrite=FLAGS.overwrite,
  )
  _print(written, len(files.images))


def _automatic(
  files: "LabeledFiles", reviewed: "dict[int, Decision]"
) -> "dict[int, Decision]":
  """What the ranking suggests for images that were not reviewed."""
  start_tensorflow()
  from pathlib import Path

  from mentornet_tf.analysis.auto_corrections import suggest_corrections
  from mentornet_tf.analysis.ranking import TABLE_FILE
  from mentornet_tf.datasets.images.listing import readable
  from mentornet_tf.datasets.trees.corrections import decide

  paths, ids = list(files.images.paths), files.images.ids.tolist()
  by_path = {readable(paths[row]): each for row, each in reviewed.items()}
  by_id = {ids[row]: each for row, each in reviewed.items()}
  table = Path(FLAGS.ranking) / TABLE_FILE
  found = suggest_corrections(
    table,
    FLAGS.auto,
    FLAGS.auto_action,
    lambda path, id: by_path.get(path) if path else by_id.get(id),
    {name: number for number, name in enumerate(files.class_names)},
    shlex.join(["mentornet", "review", FLAGS.ranking, "--every=10"]),
  )
  print(
    f"--auto: {len(found.corrections)} corrections, estimated precision "
    f"{found.precision:.3f}, with 95 % confidence at least "
    f"{found.at_least:.3f}, by {found.num_checked} checked labels"
  )
  return decide(files, found.corrections, str(table))


def _print(written: "CorrectedTable", num_images: int) -> None:
  from mentornet_tf.datasets.trees.splits import records_name

  words = ", ".join(f"{count} {word}" for word, count in written.counts.items())
  print(f"{written.path}: {words} of {num_images} images")
  command = ["mentornet", "convert-images", f"--csv={written.path}"]
  command.append(f"--source_dir={written.source_dir}")
  given = table_flags.given_words()
  if written.class_names_path:
    given = [word for word in given if word != "--renumber"]
    command.append(f"--class_names={written.class_names_path}")
  elif FLAGS.class_names:
    command.append(f"--class_names={FLAGS.class_names}")
  # Which is what the first conversion called the records, unless it was told.
  name = "NAME" if FLAGS.csv else records_name(None, FLAGS.source_dir)
  given.append(f"--dataset_name={name}")
  given.append(f"--output_dir=records/{written.path.stem}")
  first = "NAME, " if FLAGS.csv else ""
  print(
    f"next, with {first}--image_size and the like as in the first conversion:"
  )
  print(shlex.join([*command, *given]))
