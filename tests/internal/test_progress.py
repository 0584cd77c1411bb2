"""One look for all bars, and silence where there is no terminal."""

import io
import os

from rich.console import Console

from mentornet_tf.internal.progress import ProgressBar, standard_error_bar


def terminal():
  return Console(file=io.StringIO(), force_terminal=True, width=80)


def drawn(console):
  return console.file.getvalue()


def test_a_bar_shows_what_is_done_of_how_many():
  console = terminal()
  with ProgressBar("images [jpeg]", console, total=4, completed=1) as bar:
    bar.advance()
    bar.update(4)
  assert "images [jpeg]" in drawn(console) and "4/4" in drawn(console)


def test_a_bar_starts_again_for_the_next_part():
  console = terminal()
  with ProgressBar("train", console) as bar:
    bar.restart(3)
    bar.advance(3)
    bar.restart(10, 7, "test")
    bar.advance()
  text = drawn(console)
  assert text.index("train") < text.index("0/3") < text.index("test")
  assert text.index("7/10") < text.rindex("8/10")


def test_no_terminal_no_bar():
  silent = Console(file=io.StringIO())
  with ProgressBar("images", silent, total=2) as bar:
    bar.advance(2)
  assert drawn(silent) == ""


def test_standard_error_stays_silent_and_open_without_a_terminal(capfd):
  with standard_error_bar("images") as bar:
    bar.restart(2)
    bar.advance(2)
  os.write(2, b"afterwards")
  assert capfd.readouterr().err == "afterwards"
