"""Label issues, called as cleanlab's functions are."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from mentornet_tf.analysis.label_arrays import check_probabilities
from mentornet_tf.analysis.label_issues import IssueFilter
from mentornet_tf.analysis.label_quality import METHODS, quality_scores
from mentornet_tf.analysis.rank_labels import rank_labels
from mentornet_tf.analysis.suspects import SuspectLabels
from mentornet_tf.errors import UserError
from mentornet_tf.internal.choices import check_choice

QUALITY_DTYPE = np.dtype(
  [
    ("is_label_issue", np.bool_),
    ("label_quality", np.float64),
    ("given_label", np.int64),
    ("predicted_label", np.int64),
  ]
)


def find_label_issues(
  labels: Any,
  pred_probs: Any = None,
  y: Any = None,
  *,
  return_indices_ranked_by: str | None = None,
  rank_by_kwargs: Mapping[str, Any] | None = None,
  filter_by: str = "prune_by_noise_rate",
  frac_noise: float = 1.0,
  num_to_remove_per_class: Sequence[int] | None = None,
  min_examples_per_class: int = 1,
  confident_joint: np.ndarray | None = None,
  n_jobs: int | None = None,
  verbose: bool = False,
  multi_label: bool = False,
  **ranking: Any,
) -> np.ndarray:
  """Finds labels that are likely noisy, called as `cleanlab.filter` has it.

  Args:
    labels: [N] classes in 0..K−1; or what `rank_labels` returned; or a model,
      or a function that builds one, with the data in the next two arguments.
    pred_probs: [N, K] probabilities, best of models that have not seen the
      example; or the model's inputs.
    y: with a model, the labels.
    return_indices_ranked_by: "self_confidence", "normalized_margin" or
      "confidence_weighted_entropy" gives indices of the issues, lowest quality
      first; None gives a mask.
    rank_by_kwargs: {"adjust_pred_probs": bool}, see `quality_scores`.
    filter_by: which labels are issues, see `IssueFilter`.
    frac_noise: see `IssueFilter`.
    num_to_remove_per_class: see `IssueFilter`.
    min_examples_per_class: see `IssueFilter`.
    confident_joint: see `IssueFilter`.
    n_jobs: ignored; the computation is not spread over processes.
    verbose: ignored.
    multi_label: only False.
    **ranking: with a model, further arguments of `rank_labels`, such as `folds`
      and `fit_arguments`.

  Returns:
    [N] bool, or the [M] int64 positions of the issues.

  Raises:
    UserError: the arguments are out of range or do not fit each other.
  """
  if multi_label:
    raise UserError(
      "multi_label: expected False, got True; labels of several classes per "
      "example are not supported"
    )
  issues = IssueFilter(
    filter_by,
    frac_noise,
    num_to_remove_per_class,
    min_examples_per_class,
    confident_joint,
  )
  if return_indices_ranked_by is not None:
    check_choice("return_indices_ranked_by", return_indices_ranked_by, METHODS)
  adjusted = _adjusted(rank_by_kwargs)
  labels, pred_probs = _arrays(labels, pred_probs, y, ranking)
  mask = issues.mask(labels, pred_probs)
  if return_indices_ranked_by is None:
    return mask
  found = np.flatnonzero(mask)
  scores = quality_scores(
    labels, pred_probs, return_indices_ranked_by, adjusted
  )
  return found[np.argsort(scores[found], kind="stable")]


def label_quality(
  labels: Any,
  pred_probs: Any = None,
  y: Any = None,
  *,
  method: str = "self_confidence",
  adjust_pred_probs: bool = False,
  filter_by: str = "prune_by_noise_rate",
  **ranking: Any,
) -> np.ndarray:
  """A row per example, as `CleanLearning.find_label_issues` of cleanlab.

  Args:
    labels: as of `find_label_issues`.
    pred_probs: as of `find_label_issues`.
    y: as of `find_label_issues`.
    method: "self_confidence", "normalized_margin" or
      "confidence_weighted_entropy", see `quality_scores`.
    adjust_pred_probs: see `quality_scores`.
    filter_by: which labels are issues, see `IssueFilter`.
    **ranking: as of `find_label_issues`.

  Returns:
    [N] structured array with "is_label_issue" bool, "label_quality" float64 in
    0..1 (the lower, the more suspect), "given_label" and "predicted_label"
    int64; `pandas.DataFrame` takes it as it is.

  Raises:
    UserError: the arguments are out of range or do not fit each other.
  """
  check_choice("method", method, METHODS)
  issues = IssueFilter(filter_by)
  labels, pred_probs = _arrays(labels, pred_probs, y, ranking)
  table = np.empty(len(labels), QUALITY_DTYPE)
  table["is_label_issue"] = issues.mask(labels, pred_probs)
  table["label_quality"] = quality_scores(
    labels, pred_probs, method, adjust_pred_probs
  )
  table["given_label"] = labels
  table["predicted_label"] = pred_probs.argmax(axis=1)
  return table


def _arrays(
  first: Any, second: Any, y: Any, ranking: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
  """Labels and probabilities, of whatever the arguments are."""
  if isinstance(first, keras.Model) or callable(first):
    first = rank_labels(first, second, y, **ranking)
    second = y = None
  elif ranking:
    raise TypeError(f"unexpected argument {next(iter(ranking))!r}")
  if isinstance(first, SuspectLabels):
    if second is not None or y is not None:
      raise UserError(
        "pred_probs: expected none beside a ranking, which holds them, got "
        "some; leave them out"
      )
    return first.labels, first.pred_probs
  if second is None or y is not None:
    raise UserError(
      "pred_probs: expected `labels` and their probabilities [N, K], got "
      f"{'no probabilities' if second is None else 'y beside them'}; give both "
      "arrays, or a model with its data"
    )
  return check_probabilities(first, second)


def _adjusted(rank_by_kwargs: Mapping[str, Any] | None) -> bool:
  given = dict(rank_by_kwargs or {})
  adjusted = given.pop("adjust_pred_probs", False)
  if given or not isinstance(adjusted, bool):
    raise UserError(
      "rank_by_kwargs: expected {'adjust_pred_probs': True or False}, got "
      f"{rank_by_kwargs!r}; leave out the rest"
    )
  return adjusted
