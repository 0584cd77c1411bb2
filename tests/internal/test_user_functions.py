"""Whatever a function of the user does, the message names it and its line."""

import inspect
import sys

import pytest

from mentornet_tf.errors import UserError
from mentornet_tf.internal.user_functions import load_function, signature_of

_MODULE = """\
import os


def fails(x):
  return 1 / x


def leaves():
  raise SystemExit(3)


def calls_others(x):
  return os.stat(x)


def fine(a, b=2):
  return a + b
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
  """The file of a module of the user's that can be imported."""
  monkeypatch.syspath_prepend(tmp_path)

  def write(name, text=_MODULE):
    monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / f"{name}.py").write_text(text)
    return tmp_path / f"{name}.py"

  return write


@pytest.mark.parametrize(
  ("function", "args", "reason", "line"),
  [
    ("fails", (0,), "ZeroDivisionError: division by zero", 5),
    ("leaves", (), "SystemExit: 3", 9),
    ("calls_others", ("\0",), "embedded null", 13),
    ("fails", (), "TypeError: fails() missing 1 required", 4),
    ("fails", (1, 2), "TypeError: fails() takes 1 positional", 4),
  ],
)
def test_failures_name_function_reason_and_line(
  own, function, args, reason, line
):
  file = own("own_failures")
  call = load_function(f"own_failures:{function}", "curriculum")
  with pytest.raises(UserError) as caught:
    call(*args)
  message = str(caught.value)
  assert message.startswith(f"curriculum: expected own_failures:{function} to")
  assert reason in message and f"{file}, line {line};" in message
  assert "\n" not in message


def test_a_function_is_called_as_it_is(own):
  own("own_fine")
  call = load_function("own_fine:fine", "student")
  assert call(1) == 3 and call(1, b=5) == 6
  assert list(inspect.signature(call).parameters) == ["a", "b"]


@pytest.mark.parametrize(
  ("text", "words"),
  [
    ("x = undefined", ["NameError", "'undefined'", "line 1"]),
    ("\nimport sys\nsys.exit(2)", ["SystemExit: 2", "line 3"]),
    ("def f(:", ["invalid syntax", "line 1"]),
    ("import no_such_module", ["No module named 'no_such_module'"]),
  ],
)
def test_modules_that_fail_name_their_line(own, text, words):
  own(f"own_broken_{abs(hash(text))}", text)
  with pytest.raises(UserError, match="module that can be imported") as caught:
    load_function(f"own_broken_{abs(hash(text))}:f", "student")
  for word in words:
    assert word in str(caught.value)


def test_builtins_fail_in_one_line():
  with pytest.raises(UserError, match=r"builtins:len to return .* TypeError"):
    load_function("builtins:len", "curriculum")(3)
  assert signature_of(load_function("builtins:dict", "curriculum")) is None
