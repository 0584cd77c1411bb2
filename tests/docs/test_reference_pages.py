"""Everything public has its entry in the reference, every page its place."""

import re
from pathlib import Path

import pytest
from command_modules import imported_command
from command_pages import command_section

import mentornet_tf as mn
from mentornet_tf.commands import help_page
from mentornet_tf.commands.main import COMMANDS
from mentornet_tf.datasets.records.damaged import damaged_entry
from mentornet_tf.evaluation import continuous
from mentornet_tf.runs.run_folder import read_run
from mentornet_tf.training.actions.metrics_reporter import MetricsReporter

_ROOT = Path(__file__).resolve().parents[2]
_DOCS = _ROOT / "docs"
_REFERENCE = _DOCS / "reference"
_RUN = _ROOT / "tests" / "testdata" / "run_folders" / "digits_mentornet_pd"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_flag_has_an_entry(name):
  with imported_command(COMMANDS[name].module):
    own = {*help_page.own_flags()}
  text = command_section(name)
  entries = re.findall(r"\{option\} (.*)", text)
  named = {flag for entry in entries for flag in re.findall(r"--(\w+)", entry)}
  named |= {*re.findall(r"also `--(\w+)`", text)}
  assert own
  assert own - named == set()
  # A switch is listed in both its forms.
  assert {each.removeprefix("no") for each in named - own} <= own
  assert f"```{{program}} mentornet {name}\n" in text


def test_markdown_of_a_command_keeps_its_examples_and_escapes_its_texts():
  text = command_section("rank")
  assert "```sh\nmentornet rank --train_log_dir=runs/pd" in text
  assert "`suspect_labels.csv`" in text
  assert r"\<train_log_dir\>" not in text  # paths are code


def test_every_command_has_a_section():
  listed = [
    name
    for path in sorted(_REFERENCE.glob("commands_*.md"))
    for names in re.findall(r"^```\{commands\} (.+)$", path.read_text(), re.M)
    for name in names.split()
  ]
  assert sorted(listed) == sorted(COMMANDS)


def test_every_public_name_has_an_entry():
  directive = r"^\.\. (?:auto\w+|data):: (?!mentornet_tf)(\w+)$"
  listed = [
    name
    for path in sorted(_REFERENCE.glob("api_*.md"))
    for name in re.findall(directive, path.read_text(), re.M)
  ]
  assert sorted(listed) == sorted(mn.__all__)


def section(title):
  text = (_REFERENCE / "outputs.md").read_text()
  return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_cells(text):
  rows = re.findall(r"^\| (`[^|]*) \|", text, re.M)
  return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_every_column_of_metrics_is_described():
  columns = MetricsReporter.columns(True, None, estimates_percentile=True)
  described = first_cells(section("metrics.csv"))
  evaluations = {"test_accuracy", "test_loss"}
  evaluations |= {f"SET/{of}" for of in ("accuracy", "top5_accuracy", "loss")}
  assert described == {"step", *columns, *evaluations}


def test_every_column_of_evaluations_is_described():
  assert first_cells(section("eval.csv")) == {*continuous._COLUMNS}


def test_every_entry_of_the_run_file_is_described():
  run = read_run(_RUN)
  text = section("run.json")
  assert all(f"`{name}`" in text for name in (*run, *run["versions"]))
  newer = {"shorter_side", "square_side", "digest", "clean_subset"}
  entries = {*run["data"], *newer, *damaged_entry(("a record",))}
  assert first_cells(text) == entries


def test_every_page_has_its_place_in_a_menu():
  listed = set()
  pages = {path.resolve() for path in _DOCS.rglob("*.md")}
  for path in pages:
    menus = re.findall(
      r"^```\{toctree\}\n(.*?)^```", path.read_text(), re.M | re.S
    )
    for menu in menus:
      for line in menu.splitlines():
        if line and not line.startswith(":"):
          page = re.sub(r".*<(.*)>", r"\1", line)
          listed.add((path.parent / f"{page}.md").resolve())
  assert len(pages) > 40
  assert pages - listed == {_DOCS / "index.md"}
  assert listed - pages == set()
