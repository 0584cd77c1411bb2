"""Whether two sets label their images with the same classes."""

from collections.abc import Sequence

from mentornet_tf.errors import UserError


def check_class_names(
  subject: str, got: Sequence[str], expected: Sequence[str], like: str
) -> None:
  """Refuses a set whose labels mean other classes than those of another.

  Args:
    subject: what the message begins with.
    got: the names of the set's classes in the order of the labels.
    expected: those of the other set.
    like: what the message calls that.

  Raises:
    UserError: the same label means two classes.
  """
  label = first_difference(got, expected)
  if label is not None:
    raise UserError(
      f"{subject}: expected the classes of {like} in their order, got "
      f"{got[label]!r} as class {label}, which is {expected[label]!r} there; "
      "convert one of the sets again with `class_names`, or choose another"
    )


def first_difference(names: Sequence[str], others: Sequence[str]) -> int | None:
  """The first label that means different classes, None where none does.

  Classes that only have numbers have no names to compare, unless the others are
  the same numbers in another order. Counts are not compared.
  """
  unnamed = _are_numbers(names) or _are_numbers(others)
  if unnamed and set(names) != set(others):
    return None
  pairs = enumerate(zip(names, others, strict=False))
  return next((label for label, (one, other) in pairs if one != other), None)


def _are_numbers(names: Sequence[str]) -> bool:
  return list(names) == [str(number) for number in range(len(names))]
