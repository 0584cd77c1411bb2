"""Parameters in messages of the library, as the flags of each command."""

import pytest
from command_modules import imported_command

from mentornet_tf.commands import help_page, main
from mentornet_tf.commands.command_line import with_flags
from mentornet_tf.curricula.mentormix import MentorMix
from mentornet_tf.curricula.mentors import load_mentor
from mentornet_tf.curricula.target_weights import get_formula
from mentornet_tf.datasets.labels.label_noise import LabelNoise
from mentornet_tf.datasets.reading.preparation import Crop
from mentornet_tf.datasets.records.shards import find_shards
from mentornet_tf.datasets.trees.tables import read_image_table
from mentornet_tf.errors import UserError
from mentornet_tf.mentor_training.decisions import decided_examples
from mentornet_tf.mentor_training.examples import predefined_examples
from mentornet_tf.mentor_training.mentor_trainer import build_mentor
from mentornet_tf.mentor_training.recipes import MentorRecipe
from mentornet_tf.students.registry import build_student
from mentornet_tf.training.joint.schedule import UpdateSchedule

_MODULES = {command.module for command in main.COMMANDS.values()}


@pytest.mark.parametrize("module", sorted(_MODULES))
def test_parameters_stand_for_flags_of_the_command(module):
  with imported_command(module) as command:
    parameters = getattr(command, "PARAMETER_FLAGS", {})
    own = help_page.own_flags()
    assert set(parameters.values()) <= set(own)
    assert set(parameters) & set(own) == set()


@pytest.mark.parametrize(
  ("module", "mistake", "start"),
  [
    (
      "train_student",
      lambda: Crop(40, 20),
      "--image_size, --resize_shorter_side: expected a size",
    ),
    ("train_student", lambda: MentorMix(alpha=0), "--mixup_alpha: expected"),
    (
      "train_student",
      lambda: get_formula("spcl_linear", 0),
      "--vstar_gamma: expected a number other than 0",
    ),
    (
      "train_student",
      lambda: load_mentor("nosuch"),
      "--trained_mentornet_dir: expected a shipped mentor",
    ),
    (
      "train_student",
      lambda: UpdateSchedule((0.4, 0.41)).steps(4),
      "--update_mentor_at: expected updates at different steps",
    ),
    (
      "train_student",
      lambda: UpdateSchedule((0.5,), decision_threshold=2),
      "--update_decision_threshold: expected a number",
    ),
    (
      "eval_student",
      lambda: build_student("nosuch", 10),
      "--studentnet: expected a known student",
    ),
    (
      "export_saved_model",
      lambda: load_mentor("nosuch"),
      "--mentor: expected a shipped mentor",
    ),
    (
      "plot_mentor",
      lambda: load_mentor("nosuch"),
      "--model_dir: expected a shipped mentor",
    ),
    (
      "generate_mentor_data",
      lambda: get_formula("nosuch"),
      "--vstar_fn: expected a known curriculum",
    ),
    (
      "train_mentor",
      lambda: build_mentor("nosuch", MentorRecipe()),
      "--mentor_form: expected mentornet",
    ),
    (
      "train_mentor",
      lambda: load_mentor("nosuch"),
      "--decisions_of: expected a shipped mentor",
    ),
    (
      "train_mentor",
      lambda: decided_examples(
        predefined_examples("self_paced", sample_size=5),
        load_mentor("mentornet_memory"),
        0.7,
      ),
      "--decisions_of: expected one that takes 4 features",
    ),
    (
      "create_cifar_tf_record",
      lambda: LabelNoise("none", rate=0.5),
      "--noise_rate: expected a value only with --noise=symmetric",
    ),
    (
      "create_image_folder_tf_record",
      lambda: LabelNoise("matrix"),
      "--noise_matrix: expected a file with --noise=matrix",
    ),
    (
      "create_image_folder_tf_record",
      lambda: read_image_table("nosuch.csv", None),
      "--csv: expected a table of images",
    ),
    (
      "create_webvision_tf_record",
      lambda: find_shards("nosuch", "webvision_google", "train"),
      "--output_dir: expected a folder with TFRecords",
    ),
  ],
)
def test_messages_name_the_flag(module, mistake, start):
  with pytest.raises(UserError) as caught:
    mistake()
  with imported_command(module) as command:
    message = with_flags(str(caught.value), command.PARAMETER_FLAGS)
  assert message.startswith(start)
