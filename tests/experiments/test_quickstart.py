import io

import pytest
import tiny
from rich.console import Console

from mentornet_tf.experiments import quickstart
from mentornet_tf.experiments.quickstart import run_quickstart

_PNG = b"\x89PNG"


@pytest.mark.parametrize(
  "student", [tiny.STUDENT, pytest.param("inception", marks=pytest.mark.slow)]
)
def test_quickstart_leaves_a_table_and_two_pictures(
  tmp_path, monkeypatch, student
):
  settings = quickstart._SETTINGS
  assert settings.student.studentnet == "inception"
  monkeypatch.setattr(
    quickstart, "_SETTINGS", settings.changed(studentnet=student)
  )
  text = io.StringIO()
  table = run_quickstart(
    tmp_path, max_number_of_steps=3, console=Console(file=text, width=200)
  )
  rows = [line.split("|")[1:-1] for line in table.splitlines()[2:]]
  assert [row[0].strip() for row in rows] == ["baseline", "MentorNet"]
  for row in rows:
    best, last, auc = (float(cell) for cell in row[1:])
    assert 0 <= last <= best <= 1
    assert 0 <= auc <= 1
  assert (tmp_path / "table.md").read_text() == table + "\n"
  for name in ("learning_curves", "weight_against_loss"):
    assert (tmp_path / f"{name}.png").read_bytes().startswith(_PNG)

  again = run_quickstart(
    tmp_path, max_number_of_steps=3, console=Console(file=text, width=200)
  )
  assert again == table
  assert text.getvalue().count("already finished at step 3") == 2
