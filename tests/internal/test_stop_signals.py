import os
import signal

import pytest

from mentornet_tf.internal.stop_signals import stop_on_signals


@pytest.fixture
def interruptible():
  # Jobs that a shell starts in the background ignore it.
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  yield
  signal.signal(signal.SIGINT, before)


def test_first_signal_asks_to_stop_and_handlers_come_back(interruptible):
  before = signal.getsignal(signal.SIGINT)
  with stop_on_signals(signal.SIGINT) as should_stop:
    assert not should_stop()
    os.kill(os.getpid(), signal.SIGINT)
    assert should_stop()
    with pytest.raises(KeyboardInterrupt):
      os.kill(os.getpid(), signal.SIGINT)
  assert signal.getsignal(signal.SIGINT) == before


def test_a_scheduler_may_ask_twice():
  before = signal.getsignal(signal.SIGTERM)
  with stop_on_signals(signal.SIGTERM) as should_stop:
    for _ in range(2):
      os.kill(os.getpid(), signal.SIGTERM)
      assert should_stop()
  assert signal.getsignal(signal.SIGTERM) == before
