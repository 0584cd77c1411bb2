"""The defaults in docs/choosing.md are those of flags and signatures."""

import inspect
from pathlib import Path

import mentornet_tf as mn
from mentornet_tf.settings import settings_by_name

_PAGE = Path(__file__).resolve().parents[1] / "docs" / "choosing.md"

# Setting of the command line -> argument, where its name is another one.
_ARGUMENTS = {
  "loss_p_percentile": "loss_p_percentile",
  "burn_in_epoch": "burn_in_epoch",
  "fixed_epoch_after_burn_in": "fixed_epoch_after_burn_in",
  "loss_moving_average_decay": "loss_moving_average_decay",
  "example_dropout_rates": "example_dropout_rates",
  "vstar_gamma": "gamma",
  "weigh_by_average": "weigh_by_average",
  "mixup_alpha": "alpha",
  "second_reweight": "second_reweight",
}
_CLASSES = (
  mn.MentorCurriculum,
  mn.Curriculum,
  mn.FormulaCurriculum,
  mn.MentoredModel,
  mn.MentorMix,
)


def table() -> list[str]:
  lines = ["| setting | `mentornet train` | Python |", "|---|---|---|"]
  for setting, argument in _ARGUMENTS.items():
    flag = settings_by_name()[setting].default
    found = []
    for each in _CLASSES:
      parameter = inspect.signature(each.__init__).parameters.get(argument)
      if parameter is not None:
        found.append(f"`{parameter.default}` ({each.__name__})")
    assert found, argument
    lines.append(f"| `{setting}` | `{flag}` | {', '.join(found)} |")
  return lines


def test_the_table_of_defaults_is_current():
  expected = "\n".join(table())
  assert expected in _PAGE.read_text(), f"expected in {_PAGE}:\n{expected}"
