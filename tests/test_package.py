"""What the package says of itself, in the places that say it."""

import re
from pathlib import Path

import pytest

import mentornet_tf as mn

try:
  import tomllib
except ModuleNotFoundError:  # Python 3.10, where pytest brings it
  import tomli as tomllib

_ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def project():
  return tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]


def names(requirements):
  return {re.match(r"[\w.-]+", each)[0] for each in requirements}


def test_the_version_is_that_of_changelog_and_citation():
  changes = (_ROOT / "CHANGELOG.md").read_text()
  assert re.findall(r"^## (\S+)", changes, re.M)[0] == mn.__version__
  citation = (_ROOT / "CITATION.cff").read_text()
  assert f"\nversion: {mn.__version__}\n" in citation


def test_a_plain_install_brings_what_the_library_needs_alone(project):
  extras = project["optional-dependencies"]
  assert {"beam", "docs", "jax", "test", "tfds"} == {*extras}
  only_extra = {name for each in extras.values() for name in names(each)}
  assert names(project["dependencies"]) & only_extra == set()
  assert len(project["dependencies"]) < 12


@pytest.mark.parametrize("extra", ["docs", "test"])
def test_what_an_extra_brings_is_pinned_for_ci(project, extra):
  pins = "".join(
    (_ROOT / name).read_text()
    for name in ("requirements.txt", "requirements-docs.txt")
  )
  pinned = {*re.findall(r"^([\w.-]+)==", pins, re.M)}
  wanted = names(project["optional-dependencies"][extra]) - {project["name"]}
  assert wanted - pinned == set()
