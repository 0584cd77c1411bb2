"""The tables of benchmarks/paper_grid.py: results beside published numbers."""

import csv
import io
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mentornet_tf.internal.atomic_files import write_bytes
from mentornet_tf.internal.json_files import write_json
from mentornet_tf.settings import PUBLISHED_ACCURACIES


@dataclass(frozen=True)
class Result:
  """Where a run stands.

  Attributes:
    method: the curriculum.
    noise_percent: of the training labels.
    seed: of the run.
    step: the latest with an accuracy; 0 for none.
    total_steps: of the whole run.
    last: accuracy on the test images at `step`.
    best: the highest so far. It is chosen on the test images.
    steps_per_second: median over the run, while others ran beside it.
  """

  method: str
  noise_percent: int
  seed: int
  step: int = 0
  total_steps: int = 0
  last: float | None = None
  best: float | None = None
  steps_per_second: float | None = None

  @classmethod
  def of(
    cls,
    method: str,
    noise_percent: int,
    seed: int,
    total_steps: int,
    history: Sequence[dict[str, float]],
  ) -> "Result":
    """The result of a run with one entry of `history` per evaluation."""
    if not history:
      return cls(method, noise_percent, seed, 0, total_steps)
    steps = [int(entry["step"]) for entry in history]
    rates = [
      (step - before) / entry["seconds"]
      for before, step, entry in zip([0, *steps], steps, history, strict=False)
    ]
    return cls(
      method,
      noise_percent,
      seed,
      steps[-1],
      total_steps,
      history[-1]["accuracy"],
      max(entry["accuracy"] for entry in history),
      statistics.median(rates),
    )

  @property
  def finished(self) -> bool:
    return 0 < self.step == self.total_steps


def write_tables(folder: Path, results: Sequence[Result], about: str) -> str:
  """Writes results.json, results.csv and results.md, and returns the last."""
  rows = [asdict(each) | {"finished": each.finished} for each in results]
  write_json(folder / "results.json", {"about": about, "runs": rows})
  text = io.StringIO()
  writer = csv.DictWriter(text, [*rows[0]], lineterminator="\n")
  writer.writeheader()
  writer.writerows(rows)
  write_bytes(folder / "results.csv", text.getvalue().encode())
  table = markdown(results, about)
  write_bytes(folder / "results.md", table.encode())
  return table


def markdown(results: Sequence[Result], about: str) -> str:
  """A row per method and noise: last and best accuracy, and the published."""
  lines = [
    about,
    "",
    "| method | noise | accuracy, last | best | published | seeds | steps |",
    "|---|---|---|---|---|---|---|",
  ]
  cells: dict[tuple[str, int], list[Result]] = {}
  for each in results:
    cells.setdefault((each.method, each.noise_percent), []).append(each)
  for (method, noise_percent), group in cells.items():
    known = [each for each in group if each.last is not None]
    published = PUBLISHED_ACCURACIES.get(method, {}).get(noise_percent)
    steps = sorted({each.step for each in group})
    lines.append(
      f"| {method} | {noise_percent} % "
      f"| {_mean([each.last for each in known])} "
      f"| {_mean([each.best for each in known])} "
      f"| {'–' if published is None else f'{published:.3f}'} "
      f"| {len(known)} of {len(group)} "
      f"| {' to '.join(map(str, dict.fromkeys([steps[0], steps[-1]])))} |"
    )
  return "\n".join(lines) + "\n"


def _mean(values: Sequence[float | None]) -> str:
  """Mean and standard deviation over seeds."""
  numbers = [value for value in values if value is not None]
  if not numbers:
    return "–"
  mean = f"{statistics.mean(numbers):.3f}"
  if len(numbers) == 1:
    return mean
  return f"{mean} ± {statistics.stdev(numbers):.3f}"
