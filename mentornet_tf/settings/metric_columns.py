"""The columns that an evaluation adds to metrics.csv."""

from collections.abc import Iterable, Sequence

from mentornet_tf.errors import UserError

# Top-5 accuracy is informative for more classes than this.
TOP = 5


def evaluation_columns(
  set_name: str | None, num_classes: int | None = None
) -> dict[str, str]:
  """What an evaluation measures -> its column.

  Args:
    set_name: None for a single set, which needs no name.
    num_classes: of the set; None if unknown, which includes what only sets of
      many classes have.
  """
  if set_name is None:
    return {"accuracy": "test_accuracy", "loss": "test_loss"}
  measured = ["accuracy", "loss"]
  if num_classes is None or num_classes > TOP:
    measured.insert(1, "top5_accuracy")
  return {each: f"{set_name}/{each}" for each in measured}


def columns_of_sets(set_names: Iterable[str | None]) -> list[str]:
  """All columns that evaluating sets of any number of classes may give."""
  return [
    column for name in set_names for column in evaluation_columns(name).values()
  ]


def check_metric(metric: str, columns: Sequence[str]) -> None:
  """Raises UserError unless `metric` is one of the evaluated columns.

  Args:
    metric: a column of metrics.csv.
    columns: those of the evaluation; empty where nothing is evaluated.
  """
  if not columns:
    raise UserError(
      f"keep_best: expected images to evaluate on beside {metric!r}, got none; "
      "give `eval_data_dir` or `eval_sets`, or leave `keep_best` out"
    )
  if metric not in columns:
    raise UserError(
      f"keep_best: expected one of {', '.join(columns)}, got {metric!r}; "
      "choose one"
    )
