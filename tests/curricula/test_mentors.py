"""Loading mentors by name and by path."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from mentornet_tf.curricula.memory_mentor import MemoryMentor
from mentornet_tf.curricula.mentor_network import LogisticMentor, MentorNet
from mentornet_tf.curricula.mentors import list_mentors, load_mentor
from mentornet_tf.errors import UserError
from mentornet_tf.mentor_training.examples import predefined_examples

DOCS = Path(__file__).parents[2] / "docs" / "mentors"

FEATURES = np.float32([[0.5, -1, 0, 10], [3, 2, 0, 95]])


PREDEFINED = [
  "baseline",
  "focal_loss",
  "hard_example_mining",
  "mentornet_pd",
  "self_paced",
  "spcl_linear",
]


def test_the_shipped_mentors_are_listed():
  learned = ["mentornet_dd", "mentornet_dd_v1", "mentornet_memory"]
  assert list_mentors() == sorted([*PREDEFINED, *learned])


@pytest.mark.parametrize("name", ["mentornet_dd", "mentornet_dd_v1"])
def test_the_data_driven_mentors_prefer_small_losses(name):
  mentor = load_mentor(name)
  for epoch in (0, 18, 50, 99):
    small, large = mentor(np.float32([[0.2, -2, 0, epoch], [5, 3, 0, epoch]]))
    assert float(small[0]) > 0 > float(large[0])


@pytest.mark.parametrize(
  ("name", "logits"),
  [
    ("mentornet_dd", [4.363624, 1.025407, 0.824485, -2.46523]),
    ("mentornet_dd_v1", [4.920921, 1.313846, 1.148481, -2.498686]),
    ("mentornet_pd", [15.278705, 17.504936, 5.177989, -9.388577]),
  ],
)
def test_shipped_mentors_answer_as_when_they_were_shipped(name, logits):
  rows = [[0.2, -2, 0, 18], [1.5, -0.5, 0, 50], [4, 0, 0, 50], [5, 3, 0, 99]]
  answers = load_mentor(name)(np.float32(rows))
  answers = keras.ops.convert_to_numpy(answers)[:, 0]
  np.testing.assert_allclose(answers, logits, rtol=1e-4)


def test_the_mentor_that_sees_the_memory_knows_memorized_noise():
  mentor = load_mentor("mentornet_memory")
  assert isinstance(mentor, MemoryMentor)
  for epoch in (20, 50, 99):
    clean, memorized, noisy = mentor(
      # Loss and difference, on average, log p of label and other, agreement.
      np.float32(
        [
          [0.1, -1, 0.4, -1.2, np.log(0.8), np.log(0.1), 0.9, epoch],
          [0.1, -1, 3.0, 1.4, np.log(0.2), np.log(0.6), 0.2, epoch],
          [4.0, 3, 4.0, 2.4, np.log(0.05), np.log(0.8), 0.0, epoch],
        ]
      )
    )
    assert clean > 3 and memorized < 0.5 and noisy < -0.5
    # Which a mentor that sees its present loss takes for clean.
    assert load_mentor("mentornet_pd")(np.float32([[0.1, -1, 0, epoch]])) > 3


@pytest.mark.parametrize("name", list_mentors())
def test_every_shipped_mentor_has_a_card_and_a_picture(name):
  card = (DOCS / f"{name}.md").read_text()
  assert card.startswith(f"# {name}\n")
  assert f"({name}.png)" in card
  assert "mentornet train-mentor" in card
  assert (DOCS / f"{name}.png").is_file()


@pytest.mark.parametrize("name", PREDEFINED)
def test_shipped_mentors_weigh_as_their_formulas_do(name):
  mentor = load_mentor(name)
  assert isinstance(mentor, MentorNet)
  examples = predefined_examples(name, sample_size=20_000, seed=77)
  logits = mentor(examples.train_features.astype(np.float32)).numpy()[:, 0]
  weights = 1 / (1 + np.exp(-logits.astype(np.float64)))
  assert np.mean((weights - examples.train_targets) ** 2) <= 0.001


def test_every_kind_of_path_loads(golden, tmp_path):
  folder = golden.folder / "mentor_spcl_linear"
  expected = load_mentor(folder)(FEATURES).numpy()
  prefix = folder / "mentornet.model-30000"
  bare = tmp_path / "bare"
  shutil.copytree(folder, bare, ignore=lambda *_: ["checkpoint"])
  load_mentor(folder).save(tmp_path / "mentor.keras")
  saved = tmp_path / "mentor.keras"
  for path in (str(folder), prefix, str(prefix), bare, saved, tmp_path):
    np.testing.assert_array_equal(load_mentor(path)(FEATURES), expected)


def test_other_forms_load(tmp_path):
  mentor = LogisticMentor(seed=3)
  mentor.save(tmp_path / "logistic.keras")
  loaded = load_mentor(tmp_path / "logistic.keras")
  np.testing.assert_array_equal(loaded(FEATURES), mentor(FEATURES))


def refused(name_or_path):
  with pytest.raises(UserError) as caught:
    load_mentor(name_or_path)
  assert "\n" not in str(caught.value)
  return str(caught.value)


def test_an_unknown_name_lists_names_and_kinds():
  message = refused("mentornet_xy")
  assert "'mentornet_xy'" in message
  assert ", ".join(list_mentors()) in message
  for kind in ("TensorFlow 1 checkpoint", ".keras file", "train-mentor"):
    assert kind in message
  assert "expected a name or a path, got ''" in refused("")


def test_folders_without_a_mentor_are_refused(golden, tmp_path):
  assert "got neither" in refused(tmp_path)
  source = golden.folder / "mentor_random" / "mentornet.model-0.index"
  for name in ("a", "b"):
    shutil.copy(source, tmp_path / f"{name}.index")
  assert "got 2 checkpoints and no file 'checkpoint'" in refused(tmp_path)


def test_the_folder_of_a_student_is_not_that_of_a_mentor(tmp_path):
  MentorNet().save(tmp_path / "mentor.keras")
  load_mentor(tmp_path)
  (tmp_path / "run.json").write_text("{}")
  message = refused(tmp_path)
  assert "got that of a student's training" in message
  assert "mentor-at-<step>.keras" in message


def test_other_files_are_refused(tmp_path):
  other = tmp_path / "mentor.txt"
  other.write_text("weights")
  assert "a file of another kind" in refused(other)


@pytest.mark.parametrize("kept", [0, 200, -100])
def test_a_damaged_keras_file_is_refused(tmp_path, kept):
  path = tmp_path / "mentor.keras"
  MentorNet().save(path)
  path.write_bytes(path.read_bytes()[:kept])
  message = refused(path)
  assert str(path) in message
  assert "does not load" in message


@pytest.mark.parametrize(
  ("inputs", "outputs", "message"),
  [(4, 2, "with output [None, 2]"), (3, 1, "refuses them")],
)
def test_another_model_is_refused(tmp_path, inputs, outputs, message):
  model = keras.Sequential(
    [keras.Input((inputs,)), keras.layers.Dense(outputs)]
  )
  path = tmp_path / "student.keras"
  model.save(path)
  assert message in refused(path)
