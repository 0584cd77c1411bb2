"""Notes of the library, as commands print them."""

from absl import flags

from mentornet_tf.commands import help_page
from mentornet_tf.commands.flag_console import FlagConsole

NOTE = "note: use `keep_best=loss`, or a lower `total_steps`"


def test_notes_name_flags_and_other_lines_stay(monkeypatch, capsys):
  known = flags.FlagValues()
  for name in ("keep_best", "max_number_of_steps"):
    flags.DEFINE_string(name, None, "", flag_values=known)
  own = {name: known[name] for name in known}
  monkeypatch.setattr(help_page, "own_flags", lambda: own)
  console = FlagConsole({"total_steps": "max_number_of_steps"})
  console.print(NOTE)
  console.print(NOTE.removeprefix("note: "))
  assert capsys.readouterr().out.splitlines() == [
    "note: use --keep_best=loss, or a lower --max_number_of_steps",
    "use `keep_best=loss`, or a lower `total_steps`",
  ]
