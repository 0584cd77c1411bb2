import json
import socket

import pytest

from mentornet_tf.errors import UserError
from mentornet_tf.internal.tf_config import cluster_of_environment

TWO = {"worker": ["localhost:3001", "localhost:3002"]}


def set_config(monkeypatch, cluster, kind="worker", index=0):
  content = {"cluster": cluster, "task": {"type": kind, "index": index}}
  monkeypatch.setenv("TF_CONFIG", json.dumps(content))


def free_address() -> str:
  with socket.socket() as server:
    server.bind(("localhost", 0))
    return f"localhost:{server.getsockname()[1]}"


@pytest.mark.parametrize("index", [1, "1"])
def test_workers_are_those_of_the_cluster(monkeypatch, index):
  addresses = [free_address(), free_address()]
  set_config(monkeypatch, {"worker": addresses}, index=index)
  cluster = cluster_of_environment()
  assert len(cluster) == 2
  assert cluster.addresses == tuple(addresses)
  assert cluster.index == 1
  assert cluster.named(1) == f"worker 1 ({addresses[1]})"


def test_a_chief_comes_first(monkeypatch):
  jobs = {"worker": [free_address()], "chief": [free_address()]}
  set_config(monkeypatch, jobs, index=0)
  cluster = cluster_of_environment()
  assert cluster.jobs == ("chief", "worker")
  assert cluster.addresses == (*jobs["chief"], *jobs["worker"])
  assert cluster.index == 1


def test_workers_that_do_not_answer_are_silent(monkeypatch):
  with socket.socket() as server:
    server.bind(("localhost", 0))
    server.listen()
    answering = f"localhost:{server.getsockname()[1]}"
    workers = [free_address(), answering, free_address()]
    set_config(monkeypatch, {"worker": workers})
    assert cluster_of_environment().silent() == [2]


@pytest.mark.parametrize(
  ("text", "expected"),
  [
    ("", "the workers of the job as JSON, got none; set it to"),
    ("{", "JSON, got {"),
    ("[1]", 'an object "cluster"'),
    ('{"cluster": {"worker": ["a:1"]}}', 'an object "task"'),
    (
      '{"cluster": {}, "task": {"type": "worker", "index": 0}}',
      "at least one worker, got none",
    ),
  ],
)
def test_damaged_values_are_refused(monkeypatch, text, expected):
  monkeypatch.setenv("TF_CONFIG", text)
  with pytest.raises(UserError) as raised:
    cluster_of_environment()
  assert f"TF_CONFIG: expected {expected}" in str(raised.value)
  assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
  ("cluster", "kind", "index", "expected"),
  [
    (TWO, "worker", 2, "index of a task, 0 to 1, got 2; the cluster has 2"),
    (TWO, "worker", None, "index of a task, 0 to 1, got null"),
    (TWO, "worker", True, "index of a task, 0 to 1, got true"),
    (TWO, "trainer", 0, "expected worker as the type of the task, got trainer"),
    (TWO, [], 0, "expected worker as the type of the task, got []"),
    (TWO, "ps", 0, "parameter servers are not supported"),
    (TWO, "evaluator", 0, "the chief evaluates"),
    ({**TWO, "ps": ["a:1"]}, "worker", 0, "parameter servers are not"),
    ({**TWO, "evaluator": ["a:1"]}, "worker", 0, "the chief evaluates"),
    ({**TWO, "sidecar": ["a:1"]}, "worker", 0, "leave the others out"),
    ({"worker": "a:1"}, "worker", 0, "a list of host:port"),
    ({"worker": ["a"]}, "worker", 0, "a list of host:port"),
    ({"worker": ["a:99999"]}, "worker", 0, "a list of host:port"),
    ({"worker": ["a:1", "a:1"]}, "worker", 0, "a:1 twice"),
    ({"chief": ["a:1", "a:2"]}, "chief", 0, "one chief, got 2"),
  ],
)
def test_other_jobs_and_tasks_are_refused(
  monkeypatch, cluster, kind, index, expected
):
  set_config(monkeypatch, cluster, kind, index)
  with pytest.raises(UserError, match=r"TF_CONFIG: .*") as raised:
    cluster_of_environment()
  assert expected in str(raised.value)


def test_a_taken_port_is_refused(monkeypatch):
  with socket.socket() as server:
    server.bind(("", 0))
    server.listen()
    own = f"localhost:{server.getsockname()[1]}"
    set_config(monkeypatch, {"worker": [own, "localhost:1"]})
    with pytest.raises(UserError, match=f"a free port for this worker, {own}"):
      cluster_of_environment()
