"""Settings: said once, checked when they are made, read from older runs."""

import dataclasses
import subprocess
import sys

import pytest

from mentornet_tf.datasets.reading.preparation import Crop
from mentornet_tf.errors import UserError
from mentornet_tf.internal.setting_fields import describe
from mentornet_tf.settings import (
  MENTORMIX_DEFAULTS,
  STUDENT_RECIPES,
  CurriculumSettings,
  ImageSettings,
  OptimizerSettings,
  RunOptions,
  RunSettings,
  TrainingSettings,
  parse_update_times,
  preset,
  preset_names,
  training_groups,
  with_current_names,
)

_GROUPS = [*training_groups().values(), RunOptions]


def test_importing_settings_imports_neither_tensorflow_nor_keras():
  script = (
    "import sys, mentornet_tf.settings, mentornet_tf.commands.train_student\n"
    "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
  )
  subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_every_setting_has_a_name_of_its_own_and_a_help():
  settings = [each for group in _GROUPS for each in describe(group)]
  names = [
    name for each in settings for name in (each.name, *each.rules.aliases)
  ]
  assert len(names) == len(set(names))
  for each in settings:
    assert each.rules.help.endswith("."), each.name
    assert "--" not in each.rules.help, each.name


def test_values_and_groups_are_two_spellings_of_the_same():
  by_group = TrainingSettings(
    optimizer=OptimizerSettings(learning_rate=0.2, ema_decay=0.9),
    run=RunSettings(seed=7),
  )
  settings = TrainingSettings.of(learning_rate=0.2, ema_decay=0.9, seed=7)
  assert settings == by_group
  assert settings.values()["learning_rate"] == 0.2
  assert TrainingSettings.of(**settings.values()) == settings
  changed = settings.changed(seed=8, batch_size=3)
  assert (changed.run.seed, changed.data.batch_size) == (8, 3)
  assert changed.optimizer is settings.optimizer
  assert (settings.run.seed, settings.data.batch_size) == (7, 128)


@pytest.mark.parametrize(
  ("values", "message"),
  [
    ({"batch_size": 0}, "batch_size: expected an integer >= 1, got 0"),
    ({"batch_size": 2.5}, "batch_size: expected an integer >= 1, got 2.5"),
    ({"batch_size": True}, "batch_size: expected an integer >= 1, got True"),
    ({"batch_size": "8"}, "batch_size: expected an integer >= 1, got '8'"),
    ({"batch_size": None}, "batch_size: expected an integer >= 1, got None"),
    ({"seed": 2**32}, r"seed: expected an integer in the range \[0, 42949672"),
    (
      {"learning_rate": float("nan")},
      "learning_rate: expected a finite number >= 0, got nan",
    ),
    ({"mixup_alpha": 0}, "mixup_alpha: expected a finite number > 0, got 0"),
    (
      {"update_decision_threshold": 1},
      r"update_decision_threshold: expected .* in the range \[0, 1\), got 1",
    ),
    ({"augment": 1}, "augment: expected True or False, got 1"),
    (
      {"crop_padding": 32},
      r"crop_padding: expected an integer in the range \[0, 31\], got 32",
    ),
    (
      {"crop_padding": 0, "augment": False},
      "crop_padding: expected none without `augment`, .*got 0",
    ),
    (
      {"crop_padding": 0, "image_size": 299},
      "crop_padding: expected none with `image_size`, .*got 0",
    ),
    ({"dataset_name": 3}, "dataset_name: expected text, got 3"),
    (
      {"train_crop": "center"},
      "train_crop: expected one of random, resized, got 'center'",
    ),
    ({"studentnet": "resnet99"}, "studentnet: expected one of inception"),
    ({"curriculum": "vstar_none"}, "curriculum: expected one of none, ment"),
    (
      {"mentormix_weights": "mentormix"},
      "mentormix_weights: expected one of mentornet, threshold",
    ),
    ({"example_dropout_rates": "0.5,50"}, "example_dropout_rates: expected"),
    ({"update_mentor_at": "half"}, "update_mentor_at: expected numbers"),
    (
      {"image_size": 48, "resize_shorter_side": 40},
      "image_size, resize_shorter_side: expected .*, got 40 for 48",
    ),
    (
      {"trained_mentornet_dir": "scratch"},
      "trained_mentornet_dir: expected 'scratch', .* with `update_mentor_at`",
    ),
    ({"learning_rat": 1}, "settings: expected .*did you mean 'learning_rate'"),
  ],
)
def test_mistakes_name_the_setting(values, message):
  with pytest.raises(UserError, match=f"^{message}"):
    TrainingSettings.of(**values)


def test_options_of_a_run_are_checked_too():
  assert RunOptions(save_interval_steps=None).save_interval_steps is None
  with pytest.raises(UserError, match=r"^steps_per_call: expected"):
    RunOptions(steps_per_call=0)


def test_values_have_the_type_of_their_field():
  settings = TrainingSettings.of(num_epochs_per_decay=40, clean_fraction=1)
  assert repr(settings.optimizer.num_epochs_per_decay) == "40.0"
  assert repr(settings.joint.clean_fraction) == "1.0"


def test_names_of_the_original_and_of_ones_own_are_taken():
  for curriculum in ("vstar_spcl_linear", "oracle", "package.module:function"):
    settings = CurriculumSettings(curriculum=curriculum)
    assert settings.curriculum == curriculum
  assert parse_update_times("0.21, 0.75") == (0.21, 0.75)
  assert parse_update_times("") == ()
  for text in ("0.5,0.2", "0,0.5", "0.5,1", "-0.1", "0.2,0.2", "nan"):
    with pytest.raises(UserError, match="increasing fractions"):
      parse_update_times(text)


def test_presets_and_defaults_of_students_are_settings():
  changes = [preset(name) for name in preset_names()]
  changes += [recipe.defaults for recipe in STUDENT_RECIPES.values()]
  for values in [*changes, MENTORMIX_DEFAULTS]:
    settings = TrainingSettings.of(**values)
    assert settings.values() == TrainingSettings().values() | dict(values)


def test_what_weighs_the_examples():
  assert TrainingSettings.of(curriculum="threshold").weighing == "threshold"
  mixing = TrainingSettings.of(
    curriculum="mentormix", mentormix_weights="self_paced"
  )
  assert mixing.weighing == "self_paced"


def test_the_crop_follows_the_settings():
  def crop(**changes):
    return ImageSettings(**{"image_size": 48, **changes}).crop

  assert crop() == Crop(48, 51, "random")
  assert crop(image_size=299) == Crop(299, 320, "random")
  assert crop(
    image_size=75, resize_shorter_side=90, train_crop="resized"
  ) == Crop(75, 90, "resized")
  plain = crop(augment=False, train_crop="resized")
  assert plain == Crop(48, 51, "center", flip=False)
  assert crop(image_size=None) is None


def test_small_and_large_images_in_evaluation_and_student():
  small = TrainingSettings.of(batch_size=8, studentnet="inception")
  assert (small.evaluation_batch_size, small.student_options) == (500, {})
  assert small.augmentation.padding == 8
  assert small.changed(augment=False).augmentation.padding == 0
  flipped = small.changed(crop_padding=0).augmentation
  assert (flipped.padding, flipped.crop, flipped.flip) == (0, 32, True)
  large = small.changed(image_size=48)
  assert large.evaluation_batch_size == 8
  assert large.student_options == {"input_shape": (48, 48, 3)}


def test_settings_of_older_versions_get_their_current_names():
  values = with_current_names({"judge_by_average": True, "seed": 1})
  assert values == {"weigh_by_average": True, "seed": 1}


def test_groups_cannot_be_changed_in_place():
  with pytest.raises(dataclasses.FrozenInstanceError):
    TrainingSettings().run.seed = 1
