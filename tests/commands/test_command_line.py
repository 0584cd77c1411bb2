"""How mistakes are reported, and what help shows."""

import errno
import os
import sys
import textwrap
from pathlib import Path

import pytest
from absl import flags
from command_modules import fresh_flags

from mentornet_tf.commands import command_line, help_page
from mentornet_tf.commands.near_misses import near_misses
from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import naming

_DOCUMENTATION = """Weighs things.

A line that is much too short
to stand alone:

  mentornet weigh --input=a \\
      --rate=1
"""


@pytest.fixture(autouse=True)
def weighing_flags():
  """The flags of a command, one of them defined through another module."""
  with fresh_flags():
    flags.DEFINE_float(
      "rate", 0.5, "How fast.", lower_bound=0, upper_bound=1, module_name="far"
    )
    flags.DEFINE_bool("augment", True, "Crop and flip.")
    flags.DEFINE_string("input", None, "What to weigh.", required=True)
    with help_page.flag_group("Noise"):
      flags.DEFINE_enum("noise", "none", ["none", "symmetric"], "Kind.")
      flags.DEFINE_alias("noize", "noise")
      flags.DEFINE_bool("verify", False, "Only read.")
    flags.DEFINE_integer("max_number_of_steps", None, "Length.", lower_bound=1)
    flags.DEFINE_list("splits", ["train", "test"], " ".join(["Split."] * 12))
    command_line.define_seed("Seed.")
    command_line.require_finite("rate")
    yield


def run(*words, main=lambda: None, **options):
  """Gives the exit status."""
  with pytest.raises(SystemExit) as exit_:
    command_line.run(main, argv=["mentornet weigh", *words], **options)
  return exit_.value.code or 0


def line_of(capsys, *words, **options):
  """The one line that running ends with."""
  status = run(*words, **options)
  captured = capsys.readouterr()
  assert (status, captured.out) == (1, "")
  (line,) = captured.err.splitlines()
  return line.removeprefix("error: ")


def test_main_runs_with_the_flags():
  seen = []
  words = ("--input=x", "--noaugment", "--seed", "3")

  def main():
    given = flags.FLAGS
    seen.append((given.input, given.augment, given.seed))

  assert run(*words, main=main) == 0
  assert seen == [("x", False, 3)]


def test_words_beside_flags_reach_main():
  seen = []
  run("a", "--input=x", "b", main=seen.extend, arguments="RUN_FOLDER…")
  assert seen == ["a", "b"]


@pytest.mark.parametrize(
  ("word", "meant"),
  [
    ("--rat=1", "--rate"),
    ("-rat=1", "--rate"),
    ("--Rate=1", "--rate"),
    ("--max-number-of-steps=3", "--max_number_of_steps"),
    ("--max_number_of_step", "--max_number_of_steps"),
    ("--steps=3", "--max_number_of_steps"),
    ("--max_steps=3", "--max_number_of_steps"),
    ("--no-augment", "--noaugment"),
    ("--noagument", "--noaugment"),
    ("--sede=1", "--seed"),
    ("--split=val", "--splits"),
  ],
)
def test_a_near_miss_of_a_flag_is_suggested(capsys, word, meant):
  name = word.lstrip("-").partition("=")[0]
  assert line_of(capsys, "--input=x", word) == (
    f"expected flags of mentornet weigh, got --{name}; did you mean {meant}? "
    "(mentornet weigh --help lists every flag)"
  )


@pytest.mark.parametrize(
  ("typed", "meant"),
  [
    ("steps", ["save_interval_steps", "max_number_of_steps"]),
    ("max_steps", ["max_number_of_steps"]),
    ("save_intervall_steps", ["save_interval_steps"]),
    ("max-damage", ["max_damaged"]),
    ("max", ["max_damaged", "max_number_of_steps"]),
    ("wide_steps", []),
  ],
)
def test_shared_words_count_for_more_than_the_spelling(typed, meant):
  names = ["master", "max_damaged", "save_interval_steps"]
  names.append("max_number_of_steps")
  assert near_misses(typed, {name: name for name in names}) == meant


def test_ignored_flags_are_no_suggestions(capsys):
  with help_page.flag_group(help_page.IGNORED):
    flags.DEFINE_string("master", "", "Ignored.")
  line = line_of(capsys, "--input=x", "--mastr=y")
  assert line.startswith("expected flags of mentornet weigh, got --mastr (")


def test_every_unknown_flag_is_reported(capsys):
  # Missing ones come after that: the mistake may be in their names.
  line = line_of(capsys, "--imput=x", "--bogus=1", "--seed=0")
  assert line.startswith(
    "expected flags of mentornet weigh, got --imput; did you mean --input?, "
    "--bogus (mentornet"
  )


@pytest.mark.parametrize(
  ("words", "message"),
  [
    ([], "--input: expected a value, got none (mentornet weigh --help shows"),
    (["--input="], "--input: expected a value, got an empty one ("),
    (
      ["--noise=symetric"],
      "--noise=symetric: expected <none|symmetric>; did you mean symmetric? (",
    ),
    (["--noise=salt"], "--noise=salt: expected <none|symmetric> ("),
    (["--rate=2"], "--rate=2: expected a number in the range [0, 1] ("),
    (["--rate=fast"], "--rate=fast: expected a number in the range [0, 1] ("),
    (["--input=x", "--rate=nan"], "--rate=nan: expected a finite number ("),
    (["--max_number_of_steps=0"], "=0: expected a positive integer ("),
    (["--seed=-1"], "--seed=-1: expected an integer in the range [0, 4294967"),
    (["--augment=maybe"], "--augment=maybe: expected true or false ("),
    (["--noaugment=no"], "--noaugment=no does not take an argument ("),
    (["--seed"], "Missing value for flag --seed ("),
    (["--input=x", "y"], "got the argument 'y'; write it as --name=value ("),
    (["--input=x", "rate=1"], "the argument 'rate=1'; did you mean --rate? ("),
    (["--input=x", "—seed=1"], "argument '—seed=1'; did you mean --seed? ("),
  ],
)
def test_a_mistake_in_flags_is_one_line(capsys, words, message):
  assert message in line_of(capsys, *words)


def test_missing_words_are_reported(capsys):
  line = line_of(capsys, "--input=x", arguments="RUN_FOLDER…")
  assert line.startswith("expected RUN_FOLDER…, got none (mentornet weigh")


@pytest.mark.parametrize(
  ("message", "expected"),
  [
    ("rate: expected a number", "--rate: expected a number"),
    ("rate, kind: expected both", "--rate, --noise: expected both"),
    ("rate, other: expected both", "--rate, other: expected both"),
    ("other: expected rate", "other: expected rate"),
    ("x/rate: expected rate: 1", "x/rate: expected rate: 1"),
    ("expected `rate` and `other`", "expected --rate and `other`"),
    ("give `kind='symmetric'`", "give --noise=symmetric"),
    ('give `kind="symmetric"`', "give --noise=symmetric"),
    ("give `rate=0.5`, not 1", "give --rate=0.5, not 1"),
    ("give `augment=False`", "give --noaugment"),
    ("give `augment=True`", "give --augment"),
    ("call `rate(x)` and `verbosity`", "call `rate(x)` and `verbosity`"),
    ("two\n  lines", "two lines"),
  ],
)
def test_parameters_in_messages_become_flags(capsys, message, expected):
  def main():
    raise UserError(message)

  line = line_of(
    capsys, "--input=x", main=main, parameter_flags={"kind": "noise"}
  )
  assert line == expected


def test_a_file_that_cannot_be_read_is_one_line(capsys):
  def main():
    Path("no/such").read_text()

  assert line_of(capsys, "--input=x", main=main) == (
    "no/such: No such file or directory (check the path and its rights)"
  )


@pytest.mark.parametrize(
  ("number", "advice"),
  [
    (errno.ENOSPC, "free some space or choose another folder"),
    (errno.EDQUOT, "free some space or choose another folder"),
    (errno.EROFS, "choose a folder that can be written to"),
    (errno.EMFILE, "raise the number of open files, ulimit -n"),
    (errno.EACCES, "check the path and its rights"),
  ],
)
def test_errors_of_the_system_come_with_file_and_advice(number, advice, capsys):
  def main():
    with naming("runs/a/metrics.csv"):
      raise OSError(number, os.strerror(number))

  line = line_of(capsys, "--input=x", main=main)
  assert line.startswith(f"runs/a/metrics.csv: {os.strerror(number)} ({advice}")


def test_a_defect_keeps_its_traceback():
  def main():
    raise RuntimeError("a defect")

  with pytest.raises(RuntimeError, match="a defect"):
    command_line.run(main, argv=["mentornet weigh", "--input=x"])


def test_messages_call_commands_as_they_were_called(capsys):
  def main():
    raise UserError("a: expected b of mentornet rank")

  wording = {"mentornet rank": "bin/rank_labels.py"}
  line = line_of(
    capsys,
    "--input=x",
    main=main,
    wording=lambda text: text.replace(*next(iter(wording.items()))),
  )
  assert line == "a: expected b of bin/rank_labels.py"


def test_help_lists_required_flags_first_and_groups_as_defined():
  text = help_page.render("mentornet weigh", _DOCUMENTATION, None)
  assert text == textwrap.dedent(
    """\
    Weighs things.

    Usage: mentornet weigh --input=TEXT [flags]

    A line that is much too short to stand alone:

      mentornet weigh --input=a \\
          --rate=1

    Required flags:
      --input=TEXT (required)
          What to weigh.

    Flags:
      --rate=X
          How fast. (a number in the range [0, 1]; default: 0.5)
      --[no]augment
          Crop and flip. (default: true)
      --max_number_of_steps=N
          Length. (a positive integer)
      --splits=A,B,…
          Split. Split. Split. Split. Split. Split. Split. Split. Split. Split.
          Split. Split. (default: train,test)
      --seed=N
          Seed. (an integer in the range [0, 4294967295]; default: 0)

    Noise:
      --noise=<none|symmetric>
          Kind. (default: none; also --noize)
      --[no]verify
          Only read."""
  )


@pytest.mark.parametrize(
  "words", [["-h"], ["--help"], ["-help"], ["--wrong=1", "--help"]]
)
def test_help_goes_to_standard_output(capsys, monkeypatch, words):
  monkeypatch.setattr(sys.modules[__name__], "__doc__", "Weighs.\n\nMore.")
  assert run(*words, arguments="FILE…") == 0
  captured = capsys.readouterr()
  assert captured.err == ""
  assert captured.out.startswith(
    "Weighs.\n\nUsage: mentornet weigh FILE… --input=TEXT [flags]\n\nMore.\n\n"
  )


def test_a_word_after_two_dashes_is_no_flag():
  seen = []
  run("--input=x", "--", "-h", main=seen.extend, arguments="FILE…")
  assert seen == ["-h"]
