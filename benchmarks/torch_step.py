"""A training step of CifarNet in PyTorch, for `mentored_step.py --part=torch`.

Runs in a Python that has torch, which may be another one. Arguments: batch
size, steps per round, clock, dtype. For each line on standard input it runs a
round and prints the seconds of one step.
"""

import contextlib
import sys

import torch
from alternating import timed
from torch import nn


def main() -> None:
  """Serves rounds until standard input ends."""
  batch_size, steps, kind, dtype = sys.argv[1:]
  torch.manual_seed(0)
  images = torch.randn(int(batch_size), 3, 32, 32)
  images = images.to(memory_format=torch.channels_last)
  labels = torch.arange(int(batch_size)) % 10
  student = _cifarnet().to(memory_format=torch.channels_last)
  optimizer = torch.optim.SGD(student.parameters(), 0.01)
  loss_of = nn.CrossEntropyLoss()

  def scope():
    if dtype == "bfloat16":
      return torch.autocast("cpu", torch.bfloat16)
    return contextlib.nullcontext()

  def run() -> None:
    for _ in range(int(steps)):
      with scope():
        loss = loss_of(student(images), labels)
      optimizer.zero_grad()
      loss.backward()
      optimizer.step()

  case = timed(run, int(steps), kind)
  for _ in sys.stdin:
    print(case(), flush=True)


def _cifarnet() -> nn.Module:
  def norm() -> nn.Module:
    return nn.LocalResponseNorm(9, alpha=0.001, beta=0.75, k=1.0)

  return nn.Sequential(
    nn.Conv2d(3, 64, 5, padding=2),
    nn.ReLU(),
    nn.MaxPool2d(2),
    norm(),
    nn.Conv2d(64, 64, 5, padding=2),
    nn.ReLU(),
    norm(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(64 * 64, 384),
    nn.ReLU(),
    nn.Dropout(0.2),
    nn.Linear(384, 192),
    nn.ReLU(),
    nn.Linear(192, 10),
  )


if __name__ == "__main__":
  main()
