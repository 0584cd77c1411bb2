r"""Writes examples to train a mentor on.

From a predefined curriculum, sampled on a grid of losses, loss differences and
epochs:

  mentornet mentor-data --vstar_fn=spcl_linear \
      --outdir=records/spcl_linear

Or from the losses of a student whose clean labels are known, as
`mentornet evaluate --output_csv_file` writes them; this writes a folder per
loss percentile:

  mentornet mentor-data --vstar_fn=data_driven \
      --input_csv_filename=losses.csv --outdir=records

or for a mentor that also sees what training remembers of each example, from
losses.csv of `mentornet train --record_losses`:

  mentornet mentor-data --vstar_fn=data_driven --with_memory \
      --percentile_by_epoch --input_csv_filename=runs/student/losses.csv \
      --outdir=records

`mentornet train-mentor --data_path` takes each folder. A curriculum of your own
is a function v*(features) from [N, 4] features (loss, loss difference, label,
epoch) to [N] weights: --vstar_fn=your_package.your_module:your_function.
"""

from pathlib import Path

from absl import flags

from mentornet_tf.commands import command_line
from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import creatable_folder

flags.DEFINE_string("outdir", None, "Folder to write the examples into.")
flags.DEFINE_string(
  "vstar_fn",
  None,
  "Target weights: baseline, self_paced, spcl_linear, hard_example_mining, "
  "focal_loss, mentornet_pd (also with the prefix vstar_), "
  "package.module:function, or data_driven.",
)
flags.DEFINE_string(
  "vstar_gamma",
  "",
  "Parameter of spcl_linear and mentornet_pd (not 0) and of focal_loss (> 0); "
  "empty takes the curriculum's default (1, 1 and 2).",
)
flags.DEFINE_integer(
  "sample_size",
  100000,
  "Points drawn from the grid; 80 % are for training.",
  lower_bound=2,
)
flags.DEFINE_string(
  "input_csv_filename", None, "Loss dump of --vstar_fn=data_driven."
)
flags.DEFINE_bool(
  "percentile_by_epoch",
  False,
  "For data_driven: take loss differences to the percentile of each epoch's "
  "losses, as a mentor meets them in use, not to that of the whole file.",
)
flags.DEFINE_bool(
  "with_memory",
  False,
  "For data_driven: make examples for --mentor_form=memory, which sees what "
  "training remembers of an example; the loss dump has to hold that.",
)
command_line.define_seed("Seed of the sample and split.")
flags.mark_flags_as_required(["outdir", "vstar_fn"])

PARAMETER_FLAGS = {"formula": "vstar_fn", "gamma": "vstar_gamma"}


def main() -> None:
  """Makes the examples that the flags ask for."""
  options = flags.FLAGS
  creatable_folder(options.outdir)
  if options.vstar_fn == "data_driven":
    _data_driven(options)
  else:
    _predefined(options)


def _predefined(options) -> None:
  from mentornet_tf.mentor_training.examples import predefined_examples

  if options.with_memory:
    raise UserError(
      "--with_memory: expected --vstar_fn=data_driven beside it, got "
      f"{options.vstar_fn}, a formula of the loss; leave it out"
    )
  examples = predefined_examples(
    options.vstar_fn,
    _gamma(options.vstar_gamma),
    sample_size=options.sample_size,
    seed=options.seed,
  )
  _report(examples, examples.save(options.outdir))


def _data_driven(options) -> None:
  from mentornet_tf.mentor_training.examples import (
    DATA_DRIVEN_PERCENTILES,
    data_driven_examples,
  )
  from mentornet_tf.mentor_training.loss_dump import read_loss_dump

  if not options.input_csv_filename:
    raise UserError(
      "--input_csv_filename: expected a loss dump for --vstar_fn=data_driven, "
      "got none; write one with mentornet evaluate --output_csv_file"
    )
  if options.vstar_gamma:
    raise UserError(
      "--vstar_gamma: expected none for --vstar_fn=data_driven, got "
      f"{options.vstar_gamma}; leave it out"
    )
  dump = read_loss_dump(options.input_csv_filename)
  print(
    f"{options.input_csv_filename}: {len(dump.loss)} rows, "
    f"{dump.target_weights().mean():.1%} clean labels; {dump.replaced_rows} "
    "rows were replaced by later ones of the same id and epoch"
  )
  for percentile in DATA_DRIVEN_PERCENTILES:
    examples = data_driven_examples(
      dump,
      percentile,
      percentile_by_epoch=options.percentile_by_epoch,
      with_memory=options.with_memory,
      seed=options.seed,
    )
    folder = Path(options.outdir) / f"{dump.name}_percentile_{percentile}"
    _report(examples, examples.save(folder))


def _gamma(text: str) -> float | None:
  if not text:
    return None
  try:
    return float(text)
  except ValueError:
    raise UserError(
      f"--vstar_gamma: expected a number or nothing, got {text!r}; leave it "
      "out for the curriculum's default"
    ) from None


def _report(examples, path) -> None:
  print(
    f"{path}: {len(examples.train_targets)} examples for training, "
    f"{len(examples.test_targets)} for testing, mean target weight "
    f"{examples.train_targets.mean():.3f}"
  )
