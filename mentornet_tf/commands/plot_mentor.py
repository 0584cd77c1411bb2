r"""Plots the weights of a mentor over the loss.

  mentornet plot-mentor --model_dir=mentors/spcl_linear
  mentornet plot-mentor --model_dir=mentornet_pd --outdir=pictures

writes weights.png, heat maps of the mentor's weights over loss and loss
difference by epoch, beside the target weights and the difference. A mentor that
sees the memory of training is shown examples whose loss has always been the
same.
--style=scatter writes the original's pictures instead: a scatter plot per
epoch, and all of them as an animated GIF.
"""

from pathlib import Path

from absl import flags

from mentornet_tf.commands import command_line
from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import creatable_folder
from mentornet_tf.internal.tensorflow_startup import start_tensorflow

flags.DEFINE_string(
  "model_dir",
  None,
  "Mentor: a folder of mentornet train-mentor, a shipped name, a .keras file "
  "or a TensorFlow 1 checkpoint (folder or prefix).",
)
flags.DEFINE_string(
  "outdir", None, "Folder for the pictures; empty takes --model_dir."
)
flags.DEFINE_float("loss_bound", 15, "Largest loss drawn, in nats.")
flags.DEFINE_list(
  "epoch_ranges",
  "0,10,20,30,40,50,60,70,80,90,99",
  "Epochs drawn, percentages 0..99.",
)
flags.DEFINE_enum(
  "style", "maps", ["maps", "scatter", "both"], "Pictures to write."
)
flags.DEFINE_string(
  "vstar_fn",
  None,
  "Target weights to compare with, as in mentornet mentor-data; by default "
  "those that the mentor was trained on, where they are known.",
)
flags.DEFINE_float("vstar_gamma", None, "Parameter of --vstar_fn.")
command_line.require_finite("loss_bound", above_zero=True)
flags.mark_flags_as_required(["model_dir"])

PARAMETER_FLAGS = {
  "epochs": "epoch_ranges",
  "formula": "vstar_fn",
  "gamma": "vstar_gamma",
  "mentor": "model_dir",
}
flags.register_validator(
  "epoch_ranges",
  lambda epochs: (
    epochs and all(e.strip().isdecimal() and int(e) <= 99 for e in epochs)
  ),
  "expected whole numbers in 0..99 such as 0,10,99",
)


def main() -> None:
  """Writes the pictures that the flags ask for."""
  options = flags.FLAGS
  outdir = Path(options.outdir or options.model_dir)
  if options.outdir is None and not outdir.is_dir():
    raise UserError(
      f"--outdir: expected a folder for the pictures, since {outdir} is none, "
      "got nothing; give one"
    )
  creatable_folder(outdir)
  from mentornet_tf.curricula.target_weights import get_formula

  name, gamma = _target(options)
  formula = get_formula(name, gamma) if name else None
  start_tensorflow()
  from mentornet_tf.curricula.mentors import load_mentor
  from mentornet_tf.internal.figures import save_figure
  from mentornet_tf.mentor_training import mentor_pictures as pictures

  mentor = load_mentor(options.model_dir)
  epochs = [int(epoch) for epoch in options.epoch_ranges]
  title = Path(options.model_dir).name
  outdir.mkdir(parents=True, exist_ok=True)
  written = []
  if options.style != "scatter":
    surface = pictures.weight_surface(
      mentor,
      epochs,
      loss_bound=options.loss_bound,
      points=121,
      formula=formula,
    )
    figure = pictures.draw_weight_maps(surface, f"Mentor {title}")
    written.append(outdir / "weights.png")
    save_figure(figure, written[-1])
  if options.style != "maps":
    surface = pictures.weight_surface(
      mentor, epochs, loss_bound=options.loss_bound, points=30
    )
    figures = [
      pictures.draw_scatter(surface, number, title)
      for number in range(len(epochs))
    ]
    for epoch, figure in zip(epochs, figures, strict=True):
      written.append(outdir / f"epoch_{epoch:02d}.png")
      save_figure(figure, written[-1])
    written.append(outdir / "epochs.gif")
    pictures.save_animation(figures, written[-1])
  for path in written:
    print(path)


def _target(options) -> tuple[str | None, float | None]:
  """The curriculum to compare with: asked for, recorded, or shipped."""
  if options.vstar_fn:
    return options.vstar_fn, options.vstar_gamma
  if options.vstar_gamma is not None:
    raise UserError(
      f"--vstar_gamma: expected --vstar_fn beside it, got {options.vstar_gamma}"
      " alone; add --vstar_fn"
    )
  from mentornet_tf.curricula.target_weights import list_target_weights
  from mentornet_tf.mentor_training.trained_curriculum import (
    read_trained_curriculum,
  )

  trained = read_trained_curriculum(options.model_dir)
  if trained:
    return trained
  if options.model_dir in list_target_weights():
    return options.model_dir, None
  return None, None
