"""Training programs on several devices or workers of this machine."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import program_runs
import tensorflow as tf
from scripts import run_script

from mentornet_tf.runs.checkpointing import latest_checkpoint

PROGRAM = "bin/train_student.py"
_HELPERS = Path(__file__).parent
_BOOK_KEEPING = ("save_counter", "_CHECKPOINTABLE")


def flags(records: Path, folder: Path, *more: str) -> list[str]:
  return [
    f"--data_dir={records}",
    f"--eval_data_dir={records}",
    f"--train_log_dir={folder}",
    "--dataset_name=digits",
    "--studentnet=tiny:exact_student",
    "--curriculum=self_paced",
    "--example_dropout_rates=0.2,100",
    "--batch_size=32",
    "--steps_per_call=3",
    "--record_losses",
    "--deterministic",
    *more,
  ]


def worker_environments(count: int) -> list[dict[str, str]]:
  """What each worker of a job on free ports of this machine is started with."""
  with contextlib.ExitStack() as opened:
    servers = [opened.enter_context(socket.socket()) for _ in range(count)]
    for server in servers:
      server.bind(("localhost", 0))
    addresses = [f"localhost:{each.getsockname()[1]}" for each in servers]
  return [
    environment()
    | {
      "TF_CONFIG": json.dumps(
        {
          "cluster": {"worker": addresses},
          "task": {"type": "worker", "index": index},
        }
      )
    }
    for index in range(count)
  ]


def environment() -> dict[str, str]:
  """As users have it, and with the students of these tests."""
  paths = [str(_HELPERS), os.environ.get("PYTHONPATH", "")]
  return program_runs.environment() | {
    "PYTHONPATH": os.pathsep.join(paths),
    "CUDA_VISIBLE_DEVICES": "-1",
  }


def run_all(
  lines: list[list[str]], environments: list[dict[str, str]]
) -> list[subprocess.CompletedProcess]:
  """Runs training programs at the same time, to their ends."""
  script = Path(program_runs.command(PROGRAM)[1])
  with ThreadPoolExecutor(len(lines)) as threads:
    return list(
      threads.map(
        lambda line, env: run_script(script, *line, env=env),
        lines,
        environments,
      )
    )


def start_workers(count: int, line: list[str]) -> list[subprocess.Popen]:
  """Starts a job as users do; processes of their own, that can be killed."""
  return [
    subprocess.Popen(
      [sys.executable, *program_runs.command(PROGRAM)[1:], *line],
      env=each,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )
    for each in worker_environments(count)
  ]


def metrics(folder: Path) -> np.ndarray:
  return np.genfromtxt(folder / "metrics.csv", delimiter=",", skip_header=1)


def weights(folder: Path) -> dict[str, np.ndarray]:
  """Every variable of the last checkpoint."""
  reader = tf.train.load_checkpoint(latest_checkpoint(folder))
  return {
    name: reader.get_tensor(name)
    for name in reader.get_variable_to_shape_map()
    if not name.startswith(_BOOK_KEEPING)
  }
