r"""Exports a student or a mentor for use elsewhere.

  mentornet export --train_log_dir=runs/pd --output_dir=exports/pd
  mentornet export --mentor=mentornet_pd --output_dir=exports/mentor

A student's SavedModel takes raw images, uint8 or float, or encoded JPEG and PNG
files, and gives classes, probabilities and logits. The images are prepared
inside as the run's evaluation prepares them, the resizing of its conversion to
records or of its image size included; run.json tells, so that there are no
flags for it. A mentor's SavedModel takes features and gives weights.
--train_log_dir is a training folder, the prefix of one of its checkpoints, or a
folder that the original TensorFlow 1 code trained:

  mentornet export --train_log_dir=tf1/model --studentnet=resnet101 \
      --dataset_name=cifar10 --output_dir=exports/tf1
"""

from absl import flags

from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import refuse_existing
from mentornet_tf.internal.tensorflow_startup import start_tensorflow

flags.DEFINE_string(
  "train_log_dir",
  None,
  "Training folder or prefix of a checkpoint whose student is exported.",
)
flags.DEFINE_string(
  "mentor",
  None,
  "Export this mentor instead: the training folder of a student's run under a "
  "mentor, a shipped name, a folder of mentornet train-mentor, a .keras file "
  "or a TensorFlow 1 checkpoint (folder or prefix).",
)
flags.DEFINE_string("output_dir", None, "New folder to write.")
flags.DEFINE_enum(
  "format",
  "saved_model",
  ["saved_model", "keras", "tflite"],
  "What to write into the folder: a SavedModel, or one .keras or .tflite file.",
)
flags.DEFINE_list(
  "class_names",
  None,
  "Names of the student's classes, in order; by default those of its training "
  "data.",
)
flags.DEFINE_string(
  "studentnet",
  "resnet101",
  "Student, where the training folder holds no run.json.",
)
flags.DEFINE_string(
  "dataset_name",
  None,
  "Data set that names the classes, where the training folder holds no "
  "run.json.",
)

flags.DEFINE_string(
  "checkpoint",
  None,
  "Which of the training folder's checkpoints: best (of mentornet train "
  "--keep_best), last or a step; by default the last that can be read.",
)

flags.mark_flags_as_required(["output_dir"])

PARAMETER_FLAGS = {"file_format": "format"}


def main() -> None:
  """Exports what the flags name."""
  flag = flags.FLAGS
  if bool(flag.train_log_dir) == bool(flag.mentor):
    raise UserError(
      "expected one of --train_log_dir and --mentor, got "
      f"{'both' if flag.mentor else 'neither'}; see --help for examples"
    )
  if flag.mentor and flag.checkpoint:
    raise UserError(
      "--checkpoint: expected --train_log_dir with it, got --mentor; leave "
      "--checkpoint out"
    )
  refuse_existing(flag.output_dir)
  start_tensorflow()
  from mentornet_tf.export.exporting import export_mentor, export_student

  if flag.mentor:
    written = export_mentor(
      flag.mentor, flag.output_dir, file_format=flag.format
    )
  else:
    written = export_student(
      flag.train_log_dir,
      flag.output_dir,
      flag.class_names or None,
      file_format=flag.format,
      studentnet=flag.studentnet,
      dataset_name=flag.dataset_name,
      checkpoint=flag.checkpoint or None,
    )
  print(written)
