"""`mentornet COMMAND` and the scripts in bin/ and data/."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_modules import fresh_flags, imported_command

import mentornet_tf as mn
from mentornet_tf.commands.main import COMMANDS, call_by_script, main

_ROOT = Path(__file__).resolve().parents[2]
_NAMES = [
  "train",
  "evaluate",
  "rank",
  "review",
  "correct",
  "report",
  "export",
  "convert-cifar",
  "convert-webvision",
  "convert-imagenet",
  "convert-images",
  "convert-clothing1m",
  "convert-food101n",
  "convert-animal10n",
  "convert-cnwl",
  "convert-tiny-imagenet",
  "mentor-data",
  "train-mentor",
  "plot-mentor",
  "reproduce",
  "quickstart",
]
# In a process of their own commands may use so much processor time before
# TensorFlow starts.
_SECONDS = 0.5

_TIMED = """
import atexit, os, sys
atexit.register(lambda: os.write(2, f"{sum(os.times()[:2])}".encode()))
assert "tensorflow" not in sys.modules
from mentornet_tf.commands.main import main
try:
  main(sys.argv[1:])
finally:
  loaded = {"tensorflow", "keras", "matplotlib", "scipy"} & set(sys.modules)
  assert not loaded, loaded
"""


def python(*arguments, cwd=_ROOT, **options):
  return subprocess.run(
    [sys.executable, *map(str, arguments)],
    cwd=cwd,
    capture_output=True,
    text=True,
    timeout=60,
    **options,
  )


def output_of(capsys, *words):
  """Standard output and standard error of `mentornet WORDS`, and its status."""
  status = 0
  with fresh_flags():
    try:
      main(words)
    except SystemExit as exit_:
      status = exit_.code or 0
  captured = capsys.readouterr()
  return captured.out, captured.err, status


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_the_commands_are_listed(capsys, words):
  out, err, status = output_of(capsys, *words)
  assert (err, status) == ("", 0)
  listed = [line.split()[0] for line in out.splitlines() if line[:2] == "  "]
  assert listed == _NAMES
  assert max(map(len, out.splitlines())) <= 80


def test_the_version_is_that_of_the_package(capsys):
  out, _, status = output_of(capsys, "--version")
  assert (out, status) == (f"mentornet-tf {mn.__version__}\n", 0)


@pytest.mark.parametrize(
  ("word", "message"),
  [
    ("trian", "expected a command, got 'trian'; did you mean train? ("),
    ("train_student", "got 'train_student'; did you mean train? ("),
    ("convert_cifar", "got 'convert_cifar'; did you mean convert-cifar? ("),
    ("xyzzy", "expected a command, got 'xyzzy' (mentornet --help lists"),
    ("--data_dir=x", "expected a command before the flags, got --data_dir=x ("),
  ],
)
def test_an_unknown_command_is_one_line(capsys, word, message):
  out, err, status = output_of(capsys, word)
  assert (out, status) == ("", 1)
  (line,) = err.splitlines()
  assert line.startswith("error: ") and message in line


@pytest.mark.parametrize("name", _NAMES)
def test_every_command_has_help_in_80_columns(name, capsys):
  command = COMMANDS[name]
  with imported_command(command.module) as module:
    assert module.__doc__.startswith(f"{command.summary}\n")
  for words in ([name, "--help"], [name, "-h"], ["help", name]):
    sys.modules.pop(f"mentornet_tf.commands.{command.module}", None)
    out, err, status = output_of(capsys, *words)
    assert (err, status) == ("", 0)
    assert out.startswith(f"{command.summary}\n\nUsage: mentornet {name} ")
    assert f"\n  mentornet {name} " in out  # an example
    scripts = [each.script for each in COMMANDS.values() if each.script]
    assert [script for script in scripts if script in out] == []
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
  "name", [name for name in _NAMES if COMMANDS[name].script]
)
def test_every_script_is_its_command(name):
  script = COMMANDS[name].script
  text = (_ROOT / script).read_text()
  assert len(text.splitlines()) <= 12
  shown = python(_ROOT / script, "--help", cwd="/")
  assert (shown.returncode, shown.stderr) == (0, "")
  assert f"\n\nUsage: {script} " in shown.stdout
  assert f"\n  {script} " in shown.stdout
  assert [each for each in _NAMES if f"mentornet {each} " in shown.stdout] == []
  assert max(map(len, shown.stdout.splitlines())) <= 80
  wrong = python(_ROOT / script, "--wrong=1", cwd="/")
  assert wrong.returncode == 1 and len(wrong.stderr.splitlines()) == 1
  assert wrong.stderr.startswith(f"error: expected flags of {script}, got ")


def test_there_is_no_script_without_a_command():
  scripts = {f"{p.parent.name}/{p.name}" for p in _ROOT.glob("bin/*.py")}
  scripts |= {f"{p.parent.name}/{p.name}" for p in _ROOT.glob("data/*.py")}
  assert scripts == {each.script for each in COMMANDS.values()} - {""}


def test_commands_are_called_by_script_in_texts():
  text = (
    "see `mentornet train-mentor --x`, mentornet\n  report and mentornet-tf"
  )
  assert call_by_script(text) == (
    "see `bin/train_mentor.py --x`, bin/report.py and mentornet-tf"
  )
  assert call_by_script("a mentornet learns") == "a mentornet learns"


def test_the_package_runs_as_a_module():
  shown = python("-m", "mentornet_tf", "rank", "--help")
  assert (shown.returncode, shown.stderr) == (0, "")
  assert "\n\nUsage: mentornet rank " in shown.stdout


@pytest.mark.parametrize(
  ("arguments", "remedy"),
  [
    (["bin/train_student.py"], "run bin/quickstart once, then source"),
    (["data/create_cifar_tf_record.py"], "run bin/quickstart once"),
    (["-m", "mentornet_tf", "train"], "run pip install mentornet-tf"),
  ],
)
def test_a_missing_environment_is_one_line(arguments, remedy):
  # -S leaves out the folder of installed packages.
  result = python("-S", *arguments, "--help")
  assert (result.returncode, result.stdout) == (1, "")
  (line,) = result.stderr.splitlines()
  assert line.startswith("error: expected the Python package absl to be inst")
  assert remedy in line


@pytest.mark.parametrize("name", _NAMES)
def test_mistakes_in_flags_are_reported_before_tensorflow_starts(name):
  result = python("-c", _TIMED, name, "--qqqq=1")
  assert result.returncode == 1
  line, seconds = result.stderr.splitlines()
  assert line == (
    f"error: expected flags of mentornet {name}, got --qqqq (mentornet {name} "
    "--help lists every flag)"
  )
  assert float(seconds) <= _SECONDS


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"]])
def test_help_is_quick(words):
  result = python("-c", _TIMED, *words)
  assert result.returncode == 0
  assert float(result.stderr) <= _SECONDS


def test_importing_the_package_is_quick():
  script = "import os, mentornet_tf; print(sum(os.times()[:2]))"
  assert float(python("-c", script).stdout) <= _SECONDS


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has it")
def test_a_full_output_is_one_line():
  with open("/dev/full", "w") as full:
    result = subprocess.run(
      [sys.executable, "-m", "mentornet_tf", "--help"],
      cwd=_ROOT,
      stdout=full,
      stderr=subprocess.PIPE,
      text=True,
      timeout=60,
    )
  assert result.returncode == 1
  assert result.stderr == (
    "error: standard output: No space left on device (free some space, or "
    "redirect it)\n"
  )


@pytest.mark.parametrize("words", ["--help", "train --help"])
def test_help_ends_quietly_when_its_reader_has_left(words):
  program = f"{sys.executable} -m mentornet_tf {words}"
  result = subprocess.run(
    ["bash", "-c", f"{program} | sleep 0; sleep 0.3; {program} | head -1"],
    cwd=_ROOT,
    capture_output=True,
    text=True,
    timeout=60,
  )
  assert result.stderr == ""
  assert len(result.stdout.splitlines()) == 1
