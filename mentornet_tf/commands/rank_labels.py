r"""Ranks the labels of a data set, most suspect first.

  mentornet rank --train_log_dir=runs/pd --data_dir=records/cifar10_sym40

The averages that a training run kept of its examples (its memory), or else its
last checkpoints, give the loss of every example, the weight that the curriculum
gives that loss, and the class that is predicted. Printed first is an estimate
of how many labels are noisy, and which classes are confused. The
output folder receives suspect_labels.csv (a row per example), contact_sheet.png
(the most suspect images, given → suggested label), pred_probs.npz (labels and
probabilities, as cleanlab and similar tools take them) and metrics.json. Where
clean labels are known, it also says how well noisy ones are detected.

The images are read as the run read its own: where it was trained with
--image_size, they are streamed from the records and never lie in memory.
"""

from pathlib import Path

from absl import flags

from mentornet_tf.internal.tensorflow_startup import start_tensorflow

flags.DEFINE_string("train_log_dir", None, "Training folder to rank with.")
flags.DEFINE_string("data_dir", None, "Folder that holds the TFRecord shards.")
flags.DEFINE_string(
  "dataset_name",
  None,
  "Data set's name, as in its shards' file names; by default the run's.",
)
flags.DEFINE_string("split", "train", "Split to rank: train, val or test.")
flags.DEFINE_string(
  "output_dir",
  None,
  "Folder for the results; by default <train_log_dir>/suspect_labels, where "
  "mentornet report looks for them.",
)
flags.DEFINE_integer(
  "checkpoints",
  None,
  "Average over this many of the last checkpoints; by default all that the "
  "training folder keeps (up to 5).",
  lower_bound=1,
)
flags.DEFINE_string(
  "checkpoint",
  None,
  "Rank with this checkpoint alone: best (of mentornet train --keep_best), "
  "last or a step.",
)
flags.DEFINE_enum(
  "source",
  "auto",
  ["auto", "memory", "checkpoints"],
  "memory: averages that the training kept of its own examples, at no pass; "
  "checkpoints: evaluate the last ones; auto: the memory where there is one of "
  "these data with 20 visits per example, and no checkpoints are chosen.",
)
flags.DEFINE_enum(
  "rank_by",
  None,
  ["loss", "weight", "self_confidence"],
  "loss: highest mean loss first; weight: lowest mean weight first, equal "
  "weights by mean loss; self_confidence: lowest mean probability of the given "
  "label first. loss and weight are the same for the baseline, whose weights "
  "are all 1. By default self_confidence with a memory, loss with checkpoints.",
)
flags.DEFINE_integer(
  "batch_size",
  None,
  "Images in a batch; by default 500, or the run's where it has an image size.",
  lower_bound=1,
)
flags.DEFINE_integer(
  "num_images",
  48,
  "Images on the contact sheet.",
  lower_bound=1,
  upper_bound=400,
)
flags.DEFINE_integer(
  "max_damaged",
  None,
  "Pass over up to this many damaged records per set; by default as many as "
  "the run does.",
  lower_bound=0,
)
flags.DEFINE_multi_enum(
  "export",
  [],
  ["datalab", "fiftyone"],
  "Also write files for cleanlab's Datalab (datalab.json, "
  "datalab_pred_probs.npy) or FiftyOne (fiftyone.json); may be repeated.",
)
flags.DEFINE_string(
  "image_dir",
  "",
  "With --export=fiftyone, the folder below which the images' files lie.",
)
flags.DEFINE_string("device_id", "0", "GPU to use, where there is one.")

flags.mark_flags_as_required(["train_log_dir", "data_dir"])


def main() -> None:
  """Ranks the labels and prints what was found."""
  flag = flags.FLAGS
  start_tensorflow(flag.device_id)

  from mentornet_tf.analysis import ranking
  from mentornet_tf.analysis.rank_labels import rank_labels

  output_dir = Path(
    flag.output_dir or Path(flag.train_log_dir) / ranking.DEFAULT_FOLDER
  )
  suspects = rank_labels(
    flag.train_log_dir,
    flag.data_dir,
    dataset_name=flag.dataset_name,
    split=flag.split,
    output_dir=output_dir,
    source=flag.source,
    checkpoints=flag.checkpoints,
    checkpoint=flag.checkpoint or None,
    rank_by=flag.rank_by,
    batch_size=flag.batch_size,
    num_images=flag.num_images,
    max_damaged=flag.max_damaged,
  )
  for line in ranking.describe(suspects):
    print(line)
  if "datalab" in flag.export:
    print(suspects.to_datalab(output_dir))
  if "fiftyone" in flag.export:
    print(suspects.to_fiftyone(output_dir, flag.image_dir))
  print(f"{output_dir / ranking.TABLE_FILE}: {len(suspects.ids)} labels")
