"""The package as it is installed: what wheel and sdist hold, and that it works.

The wheel goes into an environment of its own, which sees the dependencies of
this one but not the checkout.
"""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from pathlib import Path

import numpy as np
import pytest
from image_files import write_birds

from mentornet_tf.commands.main import COMMANDS
from mentornet_tf.datasets.sources.digits import load_digits

pytestmark = pytest.mark.slow

_ROOT = Path(__file__).resolve().parents[2]
# What no build takes from a checkout, and what would only cost time to copy.
_LEFT_OUT = shutil.ignore_patterns(
  ".git", ".venv", "build", "dist", "*.egg-info", "__pycache__", "shared"
)
_BUILD = """
import sys
from setuptools.build_meta import build_sdist, build_wheel
folder = sys.argv[1]  # the builds overwrite it
build_wheel(folder)
build_sdist(folder)
"""


def run(words, folder, **options):
  """Runs a program to its end; gives what it printed."""
  done = subprocess.run(
    list(map(str, words)),
    cwd=folder,
    capture_output=True,
    text=True,
    timeout=500,
    **options,
  )
  assert done.returncode == 0, done.stderr
  return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> dict[str, Path]:
  """Wheel and sdist of a copy of the checkout."""
  folder = tmp_path_factory.mktemp("build")
  shutil.copytree(_ROOT, folder / "checkout", ignore=_LEFT_OUT)
  run([sys.executable, "-c", _BUILD, folder], folder / "checkout")
  (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
  return {"wheel": wheel, "sdist": sdist}


@pytest.fixture(scope="module")
def mentornet(built, tmp_path_factory):
  """Runs `mentornet` of the installed wheel: mentornet(folder, *words)."""
  folder = tmp_path_factory.mktemp("environment")
  run([sys.executable, "-m", "venv", "--without-pip", folder], folder)
  python = folder / "bin" / "python"
  pip = [sys.executable, "-m", "pip", "--python", python, "install"]
  run([*pip, "--quiet", "--no-deps", "--no-index", built["wheel"]], folder)
  script = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
  packages = Path(run([python, "-c", script], folder).strip())
  dependencies = [path for path in sys.path if path.endswith("site-packages")]
  (packages / "dependencies.pth").write_text("\n".join(dependencies))
  environment = {
    name: value
    for name, value in os.environ.items()
    if name not in ("PYTHONPATH", "TF_CPP_MIN_LOG_LEVEL", "VIRTUAL_ENV")
  }

  def start(place, *words):
    program = folder / "bin" / "mentornet"
    return run([program, *words], place, env=environment)

  script = "import mentornet_tf; print(mentornet_tf.__file__)"
  place = run([python, "-c", script], folder, env=environment)
  assert Path(place.strip()).is_relative_to(packages)
  return start


def test_an_installed_package_does_the_whole_job_on_digits(mentornet, tmp_path):
  mentornet(tmp_path, "convert-cifar", "--output_dir=rec", "--noise=symmetric")
  mentornet(
    tmp_path,
    "train",
    "--data_dir=rec",
    "--eval_data_dir=rec",
    "--dataset_name=digits",
    "--studentnet=inception",
    "--train_log_dir=run",
    "--trained_mentornet_dir=mentornet_pd",
    "--loss_p_percentile=0.6",
    "--example_dropout_rates=0.0,100",
    "--batch_size=32",
    "--max_number_of_steps=150",
    "--noaugment",
  )
  with (tmp_path / "run" / "metrics.csv").open() as file:
    *_, last = csv.DictReader(file)
  accuracy = float(last["test_accuracy"])
  assert accuracy > 0.7  # of ten classes, 35 % of whose labels are noisy

  text = mentornet(
    tmp_path, "evaluate", "--data_dir=rec", "--checkpoint_dir=run", "--once"
  )
  assert f"step 150  accuracy {accuracy:.4f}" in text

  mentornet(tmp_path, "rank", "--train_log_dir=run", "--data_dir=rec")
  ranked = tmp_path / "run" / "suspect_labels"
  assert len((ranked / "suspect_labels.csv").read_text().splitlines()) == 1443
  assert (ranked / "contact_sheet.png").stat().st_size > 10_000

  mentornet(tmp_path, "report", "run", "--output=report.html")
  assert "Training report: run" in (tmp_path / "report.html").read_text()

  mentornet(tmp_path, "export", "--train_log_dir=run", "--output_dir=export")
  assert classified(tmp_path / "export") == pytest.approx(accuracy, abs=1e-6)


def classified(export: Path) -> float:
  """Accuracy of a SavedModel on the digits' test split."""
  import tensorflow as tf

  digits = load_digits("test")
  model = tf.saved_model.load(str(export))
  classes = model.signatures["images_uint8"](tf.constant(digits.images))
  return float(np.mean(classes["classes"].numpy() == digits.labels))


def test_an_installed_package_trains_and_plots_a_mentor(mentornet, tmp_path):
  mentornet(
    tmp_path,
    "mentor-data",
    "--vstar_fn=spcl_linear",
    "--outdir=examples",
    "--sample_size=5000",
  )
  mentornet(
    tmp_path,
    "train-mentor",
    "--data_path=examples",
    "--train_dir=mentor",
    "--max_step_train=300",
  )
  report = json.loads((tmp_path / "mentor" / "training.json").read_text())
  assert report["final"]["test_mse"] < 0.02
  mentornet(tmp_path, "plot-mentor", "--model_dir=mentor")
  assert (tmp_path / "mentor" / "weights.png").stat().st_size > 10_000


def test_an_installed_package_converts_in_worker_processes(mentornet, tmp_path):
  write_birds(tmp_path / "birds")
  text = mentornet(
    tmp_path,
    "convert-images",
    "--source_dir=birds",
    "--output_dir=records",
    "--num_workers=2",
  )
  assert text.startswith("birds train: 20 of 22 listed images, 2 classes")


def test_an_installed_package_has_a_quickstart(mentornet, tmp_path):
  text = mentornet(tmp_path, "quickstart", "--max_number_of_steps=10")
  assert "| MentorNet |" in text
  assert (tmp_path / "runs" / "quickstart" / "learning_curves.png").exists()


def test_the_wheel_holds_the_package_alone(built):
  with zipfile.ZipFile(built["wheel"]) as wheel:
    names = set(wheel.namelist())
    (info,) = {name.partition("/")[0] for name in names if ".dist-" in name}
    metadata = message_from_string(wheel.read(f"{info}/METADATA").decode())
    scripts = wheel.read(f"{info}/entry_points.txt").decode()
  assert {name.partition("/")[0] for name in names} == {"mentornet_tf", info}
  sources = {
    str(path.relative_to(_ROOT))
    for path in (_ROOT / "mentornet_tf").rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
  }
  assert {name for name in names if not name.startswith(info)} == sources
  assert "mentornet_tf/py.typed" in sources
  assert "mentornet = mentornet_tf.commands.main:main" in scripts
  assert metadata["Name"] == "mentornet-tf"
  assert metadata["License-Expression"] == "Apache-2.0"
  urls = dict(url.split(", ") for url in metadata.get_all("Project-URL"))
  assert urls["MentorNet"] == "https://arxiv.org/abs/1712.05055"


def test_the_sdist_holds_what_the_readme_links_to(built):
  with tarfile.open(built["sdist"]) as sdist:
    names = {name.partition("/")[2] for name in sdist.getnames()}
  text = (_ROOT / "README.md").read_text()
  targets = re.findall(r"\]\(([^):#]+?)(?:#[^)]*)?\)", text)
  assert len(targets) > 10
  assert [each for each in targets if each.rstrip("/") not in names] == []
  scripts = {each.script for each in COMMANDS.values()} - {""}
  needed = {"bin/_setup.sh", "bin/quickstart", "bin/test", "requirements.txt"}
  needed |= {"tests/conftest.py", "examples/own_images.py", "LICENSE"}
  assert scripts | needed <= names
  assert [name for name in names if "__pycache__" in name] == []
