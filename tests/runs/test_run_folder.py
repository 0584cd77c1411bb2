import pytest

from mentornet_tf.errors import UserError
from mentornet_tf.runs.run_folder import (
  MetricsWriter,
  RunFolder,
  read_metrics,
  read_run,
)

_SETTINGS = {"learning_rate": 0.1, "seed": 0}


def test_run_json_holds_settings_data_and_versions(tmp_path):
  RunFolder(tmp_path / "a" / "b", _SETTINGS, {"num_examples": 5})
  run = read_run(tmp_path / "a" / "b")
  assert run["settings"] == _SETTINGS
  assert run["data"] == {"num_examples": 5}
  assert {"tensorflow", "keras", "python"} <= run["versions"].keys()


def test_the_same_settings_reopen_a_folder(tmp_path):
  RunFolder(tmp_path, _SETTINGS, {})
  written = (tmp_path / "run.json").read_text()
  RunFolder(tmp_path, _SETTINGS, {})
  assert (tmp_path / "run.json").read_text() == written


def test_other_settings_are_refused_with_the_differences(tmp_path):
  RunFolder(tmp_path, _SETTINGS, {"num_examples": 5})
  with pytest.raises(UserError) as caught:
    RunFolder(tmp_path, _SETTINGS | {"seed": 3}, {"num_examples": 6})
  assert "settings.seed was 0, now 3" in str(caught.value)
  assert "data.num_examples was 5, now 6" in str(caught.value)
  assert "learning_rate" not in str(caught.value)


def test_other_data_of_the_same_size_are_refused(tmp_path):
  data = {"num_examples": 5, "digest": "0123456789ab", "clean_subset": {"a": 1}}
  RunFolder(tmp_path, _SETTINGS, data)
  RunFolder(tmp_path, _SETTINGS, data)
  with pytest.raises(UserError) as caught:
    RunFolder(tmp_path, _SETTINGS, data | {"digest": "ba9876543210"})
  assert "other images, labels or ids in the data" in str(caught.value)
  assert "was 01234567…, now ba987654…" in str(caught.value)


def test_a_folder_without_a_digest_gets_one_and_says_so_once(tmp_path):
  old = {"num_examples": 5, "clean_subset": {"num_examples": 2}}
  new = old | {
    "digest": "01",
    "clean_subset": {"num_examples": 2, "digest": "2"},
  }
  RunFolder(tmp_path, _SETTINGS, old)
  notes = []
  for _ in range(2):
    RunFolder(tmp_path, _SETTINGS, new, warn=notes.append)
  (note,) = notes
  assert "holds no digest of the images" in note
  assert read_run(tmp_path)["data"] == new
  for other in ({"digest": "3"}, {"clean_subset": {**old, "digest": "3"}}):
    with pytest.raises(UserError, match=r"other images, labels or ids"):
      RunFolder(tmp_path, _SETTINGS, new | other)


def test_the_first_of_many_renamed_classes_is_reported(tmp_path):
  names = [str(number) for number in range(1000)]
  RunFolder(tmp_path, _SETTINGS, {"class_names": names})
  with pytest.raises(UserError) as caught:
    RunFolder(tmp_path, _SETTINGS, {"class_names": sorted(names)})
  assert "class 2 in the data was '2', now '10';" in str(caught.value)
  assert len(str(caught.value)) < 1000


def test_a_file_in_the_way_is_reported(tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.raises(UserError, match="folder that can be created"):
    RunFolder(tmp_path / "file", _SETTINGS, {})


def test_no_write_permission_is_reported(tmp_path, monkeypatch):
  # Asked of the system, since tests may run as a user whom modes do not bind.
  monkeypatch.setattr("os.access", lambda path, mode: False)
  with pytest.raises(UserError, match="no write permission"):
    RunFolder(tmp_path, _SETTINGS, {})


def test_a_damaged_run_json_is_reported(tmp_path):
  (tmp_path / "run.json").write_text("{")
  with pytest.raises(UserError, match=r"run\.json: expected JSON"):
    read_run(tmp_path)


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("", "got Expecting value"),
    ('{"settings": {}, "da', "got Unterminated string"),
    ("[]", "got a JSON list"),
    ("{}", "got none with the part 'settings'"),
    ('{"settings": {}}', "got none with the part 'data'"),
    ('{"settings": [], "data": {}}', "got none with the part 'settings'"),
  ],
)
def test_a_file_that_is_no_run_json_is_refused(tmp_path, text, message):
  (tmp_path / "run.json").write_text(text)
  for use in (read_run, lambda path: RunFolder(path, _SETTINGS, {})):
    with pytest.raises(UserError) as caught:
      use(tmp_path)
    assert "run.json: expected JSON written by a training run" in str(
      caught.value
    )
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
  assert (tmp_path / "run.json").read_text() == text


def test_metrics_hold_the_rows_written(tmp_path):
  folder = RunFolder(tmp_path, _SETTINGS, {})
  writer = MetricsWriter(folder, ["loss", "accuracy"])
  writer.write(10, {"loss": 1.5, "accuracy": None})
  writer.write(20, {"loss": 0.25, "accuracy": float("nan")})
  writer.close()
  assert read_metrics(tmp_path) == [
    {"step": "10", "loss": "1.5", "accuracy": ""},
    {"step": "20", "loss": "0.25", "accuracy": ""},
  ]
  assert list(tmp_path.glob("events.*"))


def test_rows_after_the_checkpoint_are_dropped(tmp_path):
  folder = RunFolder(tmp_path, _SETTINGS, {})
  writer = MetricsWriter(folder, ["loss"])
  for step in (10, 20, 30):
    writer.write(step, {"loss": float(step)})
  MetricsWriter(folder, ["loss"], start_step=20).write(30, {"loss": 3.0})
  assert [row["loss"] for row in read_metrics(tmp_path)] == ["10", "20", "3"]
  assert not list(tmp_path.glob(".partial*"))


def test_nothing_half_written_stays_when_json_cannot_be_written(tmp_path):
  with pytest.raises(TypeError):
    RunFolder(tmp_path, {"bad": object()}, {})
  assert not (tmp_path / "run.json").exists()


@pytest.mark.parametrize("cut", [1, 2, 3, 6])
def test_a_row_of_metrics_that_was_cut_is_written_again(tmp_path, cut):
  folder = RunFolder(tmp_path, _SETTINGS, {})
  writer = MetricsWriter(folder, ["loss"])
  writer.write(10, {"loss": 1.5})
  writer.write(200, {"loss": 0.75})
  writer.close()
  whole = folder.metrics_path.read_bytes()
  folder.metrics_path.write_bytes(whole[:-cut])
  assert [row["step"] for row in read_metrics(tmp_path)] == ["10"]
  writer = MetricsWriter(folder, ["loss"], start_step=10)
  writer.write(200, {"loss": 0.75})
  writer.close()
  assert folder.metrics_path.read_bytes() == whole


@pytest.mark.parametrize(
  "content", [b"10,1.5\n", b"step,loss\n\0\0\n", b"step,loss\nten,1.5\n"]
)
def test_damaged_metrics_are_refused_and_kept(tmp_path, content):
  folder = RunFolder(tmp_path, _SETTINGS, {})
  folder.metrics_path.write_bytes(content)
  for use in (
    lambda: read_metrics(tmp_path),
    lambda: MetricsWriter(folder, ["loss"]),
  ):
    with pytest.raises(UserError, match=r"metrics\.csv, line \d: expected"):
      use()
    assert folder.metrics_path.read_bytes() == content
