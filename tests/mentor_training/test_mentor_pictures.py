"""Pictures: the numbers behind them, what they hold, and their files."""

import os

import numpy as np
import pytest
from PIL import Image

from mentornet_tf.curricula.mentor_network import LogisticMentor
from mentornet_tf.curricula.target_weights import get_formula
from mentornet_tf.errors import UserError
from mentornet_tf.internal.figures import save_figure
from mentornet_tf.mentor_training.mentor_pictures import (
  draw_scatter,
  draw_weight_maps,
  save_animation,
  weight_surface,
)


@pytest.fixture
def mentor():
  mentor = LogisticMentor()
  mentor.kernel.assign([[0.5], [-1.0], [9.0], [0.01]])
  mentor.bias.assign([0.25])
  return mentor


def test_a_surface_holds_the_mentors_weights(mentor):
  formula = get_formula("spcl_linear", 2.0)
  surface = weight_surface(
    mentor, [0, 50], loss_bound=4, points=5, formula=formula
  )
  np.testing.assert_allclose(surface.losses, [0, 1, 2, 3, 4])
  np.testing.assert_allclose(surface.differences, [-5, -2.5, 0, 2.5, 5])
  assert surface.weights.shape == surface.targets.shape == (2, 5, 5)
  for e, row, d in [(0, 0, 0), (1, 3, 1), (1, 2, 4)]:
    logit = (
      0.5 * surface.losses[row]
      - surface.differences[d]
      + 0.01 * surface.epochs[e]
      + 0.25
    )
    expected = 1 / (1 + np.exp(-logit))
    assert surface.weights[e, row, d] == pytest.approx(expected, rel=1e-5)
    target = np.clip(1 - surface.differences[d] / 2, 0, 1)
    assert surface.targets[e, row, d] == pytest.approx(target)


def test_maps_show_mentor_target_and_error_by_epoch(mentor):
  surface = weight_surface(
    mentor, [0, 50, 99], points=4, formula=get_formula("self_paced")
  )
  figure = draw_weight_maps(surface, "Mine")
  images = [axis.images[0] for axis in figure.axes if axis.images]
  assert len(images) == 9
  rows = [surface.weights, surface.targets, surface.weights - surface.targets]
  shown = np.stack([np.asarray(image.get_array()) for image in images])
  np.testing.assert_allclose(shown, np.concatenate(rows), atol=1e-7)
  titles = [axis.get_title() for axis in figure.axes]
  assert titles[:3] == ["epoch 0 %", "epoch 50 %", "epoch 99 %"]
  mse = np.mean((surface.weights[1] - surface.targets[1]) ** 2)
  assert titles[7] == f"MSE {mse:.0e}"
  assert figure.get_suptitle().startswith("Mine")


def test_maps_without_a_target_are_one_row(mentor):
  surface = weight_surface(mentor, [0, 50], points=3)
  figure = draw_weight_maps(surface, "Mine")
  assert surface.targets is None
  assert sum(bool(axis.images) for axis in figure.axes) == 2


def test_files_are_written_whole(mentor, tmp_path):
  surface = weight_surface(mentor, [0, 99], points=3)
  save_figure(draw_weight_maps(surface, "Mine"), tmp_path / "maps.png", dpi=40)
  figures = [draw_scatter(surface, number, "Mine") for number in (0, 1)]
  assert figures[1].axes[0].get_title() == "Mine, epoch 99 %"
  save_animation(figures, tmp_path / "epochs.gif", seconds_each=0.5)
  assert sorted(os.listdir(tmp_path)) == ["epochs.gif", "maps.png"]
  with Image.open(tmp_path / "maps.png") as picture:
    assert len(np.unique(np.asarray(picture).reshape(-1, 4), axis=0)) > 10
  with Image.open(tmp_path / "epochs.gif") as animation:
    assert animation.n_frames == 2
    assert animation.info["duration"] == 500
    assert animation.info["loop"] == 0
  with pytest.raises(FileNotFoundError):
    save_figure(figures[0], tmp_path / "nosuch" / "a.png")


@pytest.mark.parametrize(
  ("epochs", "settings", "message"),
  [
    ([], {}, "epoch_ranges: expected epochs in 0..99, got []"),
    ([0, 100], {}, "epoch_ranges: expected epochs in 0..99, got [0, 100]"),
    ([-1], {}, "epoch_ranges: expected epochs in 0..99"),
    ([0], {"loss_bound": 0}, "loss_bound: expected a finite loss > 0, got 0"),
    ([0], {"loss_bound": float("nan")}, "loss_bound: expected a finite loss"),
    ([0], {"points": 1}, "points: expected a number >= 2, got 1"),
  ],
)
def test_settings_out_of_range_are_refused(mentor, epochs, settings, message):
  with pytest.raises(UserError) as caught:
    weight_surface(mentor, epochs, **settings)
  assert message in str(caught.value)
