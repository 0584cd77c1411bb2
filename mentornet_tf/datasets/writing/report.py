"""The report of a conversion: counts, and the paths of changed images."""

import collections
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mentornet_tf.datasets.images.listing import readable
from mentornet_tf.datasets.writing.plan import ConversionPlan
from mentornet_tf.internal.atomic_files import replacing


@dataclass(frozen=True)
class ConversionCounts:
  """Counts over a whole set.

  Attributes:
    kept: records of each shard.
    repaired: images that were re-encoded, by what they were; most first.
    skipped: images without a record, by reason; most first.
    files: size and checksum of each shard, as the summary holds them.
  """

  kept: tuple[int, ...]
  repaired: dict[str, int]
  skipped: dict[str, int]
  files: tuple[dict[str, Any], ...] = ()

  @property
  def num_kept(self) -> int:
    """Records in all shards."""
    return sum(self.kept)

  def as_json(self) -> dict[str, Any]:
    """The entries of the summary and the report."""
    return {
      "listed": self.num_kept + sum(self.skipped.values()),
      "kept": self.num_kept,
      "repaired": self.repaired,
      "skipped": self.skipped,
    }


def report_path(output_dir: Path, dataset_name: str, split: str) -> Path:
  """The report beside the records."""
  return output_dir / f"{dataset_name}_{split}.report.json"


def count_images(
  plan: ConversionPlan, dropped: Sequence[tuple[bytes, str]]
) -> ConversionCounts:
  """Adds up the reports of all shards, and the images dropped before."""
  kept: list[int] = []
  files: list[dict[str, Any]] = []
  reasons = {
    "repaired": collections.Counter[str](),
    "skipped": collections.Counter(reason for _, reason in dropped),
  }
  for index in range(plan.num_shards):
    report = plan.read_report(index)
    kept.append(report["kept"])
    files.append(
      {key: report[key] for key in ("bytes", "checksum") if key in report}
    )
    for outcome, counter in reasons.items():
      counter.update(reason for _, reason in report[outcome])
  return ConversionCounts(
    tuple(kept),
    files=tuple(files),
    **{
      outcome: dict(sorted(counter.items(), key=lambda pair: (-pair[1], pair)))
      for outcome, counter in reasons.items()
    },
  )


def describe_reasons(reasons: dict[str, int]) -> str:
  """The counts in words: "12 truncated JPEG, 3 missing file"."""
  return ", ".join(f"{count} {reason}" for reason, count in reasons.items())


def write_report(
  plan: ConversionPlan,
  counts: ConversionCounts,
  dropped: Sequence[tuple[bytes, str]],
) -> Path:
  """Writes the report, a line for each repaired or skipped image.

  The lines are copied shard by shard, since there may be a million of them.
  """

  def entries(outcome: str) -> Iterator[list[str]]:
    if outcome == "skipped":
      yield from ([readable(path), reason] for path, reason in dropped)
    for index in range(plan.num_shards):
      yield from plan.read_report(index)[outcome]

  head = {"dataset": plan.dataset_name, "split": plan.split}
  text = json.dumps(head | counts.as_json(), indent=2)
  path = report_path(plan.output_dir, plan.dataset_name, plan.split)
  with replacing(path) as partial, partial.open("w", encoding="ascii") as file:
    file.write(text.removesuffix("\n}"))
    for outcome in ("repaired", "skipped"):
      file.write(f',\n  "{outcome}_images": [')
      separator = ""
      for entry in entries(outcome):
        file.write(f"{separator}\n    {json.dumps(entry)}")
        separator = ","
      file.write("\n  ]" if separator else "]")
    file.write("\n}\n")
  return path
