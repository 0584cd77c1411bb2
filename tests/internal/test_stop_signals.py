import os
import signal

from mentornet_tf.internal.stop_signals import stop_on_signals


def test_first_signal_asks_to_stop_and_handlers_come_back():
  before = signal.getsignal(signal.SIGTERM)
  with stop_on_signals(signal.SIGTERM) as should_stop:
    assert not should_stop()
    os.kill(os.getpid(), signal.SIGTERM)
    assert should_stop()
    assert signal.getsignal(signal.SIGTERM) == before
  assert signal.getsignal(signal.SIGTERM) == before
