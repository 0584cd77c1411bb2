#!/usr/bin/env python3
"""A folder of images whose labels are noisy, from the command line.

examples/images.py    # two to three minutes on two cores

Everything is written into a new folder, images_example. The lines that begin
with $ can be typed as they are, from within it.
"""

# %% A folder for each class
# Small pictures of digits, of which 40 % of those to train on lie in the folder
# of a random class. Your own photographs go into such folders, too.
import csv
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import mentornet_tf as mn

STEPS = os.environ.get("STEPS", "500")
folder = Path("images_example")
if folder.exists():
  sys.exit(f"{folder} is there already; move it away, or remove it")

pictures, clean_labels = load_digits(return_X_y=True)
noisy_labels = mn.corrupt_labels(clean_labels, 10, rate=0.4, seed=0)
order = np.random.default_rng(0).permutation(len(pictures))[:1000]
for place, number in enumerate(order):
  is_test = place < 400
  label = (clean_labels if is_test else noisy_labels)[number]
  file = folder / f"tiles/{'test' if is_test else 'train'}/{label}/{number}.png"
  file.parent.mkdir(parents=True, exist_ok=True)
  pixels = (pictures[number].reshape(8, 8) * (255 / 16)).astype("uint8")
  Image.fromarray(pixels).resize((32, 32)).save(file)


def mentornet(line):
  """Runs a command of the package and shows what it says."""
  print(f"\n$ mentornet {line}", flush=True)
  command = [sys.executable, "-m", "mentornet_tf", *shlex.split(line)]
  subprocess.run(command, cwd=folder, check=True)


def clean_class(path):
  """What a reviewer sees in a picture: the digit, whatever its folder."""
  return str(clean_labels[int(Path(path).stem)])


def read_table(file):
  """The rows of a CSV file."""
  with (folder / file).open(newline="") as opened:
    return list(csv.DictReader(opened))


def noise_rate(rows):
  """Share of labels that are not those of the picture."""
  wrong = [row["label"] != clean_class(row["path"]) for row in rows]
  return np.mean(wrong)


# %% Convert, and train a plain classifier and one under a mentor
mentornet(
  "convert-images --source_dir=tiles --image_size=32 --output_dir=noisy"
)
TRAIN = (
  "train --studentnet=inception --noaugment --batch_size=32 "
  f"--num_epochs_per_decay=20 --max_number_of_steps={STEPS} "
  "--log_interval_steps=100 --eval_interval_steps=100 --dataset_name=tiles "
)
MENTOR = "--trained_mentornet_dir=mentornet_pd --example_dropout_rates=0.0,100 "
NOISY = "--data_dir=noisy --eval_data_dir=noisy "
mentornet(f"{TRAIN}{NOISY}--train_log_dir=runs/plain")
# The percentile is about the share of clean labels.
mentornet(
  f"{TRAIN}{NOISY}{MENTOR}--loss_p_percentile=0.6 --memory "
  "--train_log_dir=runs/mentored"
)

# %% Rank the labels, and make a page to review them
# The ranking comes from what the training remembers, and names every file.
mentornet("rank --train_log_dir=runs/mentored --data_dir=noisy")
mentornet("review runs/mentored")

# %% Review some of them
# On the page that is by mouse or keyboard. Here the reviewer looks at every
# fourth picture whose label is suspect, and decides what the page would write.
ranking = read_table("runs/mentored/suspect_labels/suspect_labels.csv")
suspect = [
  row for row in ranking if row["given_label"] != row["predicted_label"]
]
with (folder / "corrections.csv").open("w", newline="") as opened:
  writer = csv.writer(opened)
  writer.writerow(["path", "given_label", "action", "label"])
  for row in suspect[::4]:
    given, seen = row["given_class"], clean_class(row["path"])
    decision = ["keep", ""] if seen == given else ["relabel", seen]
    writer.writerow([row["path"], given, *decision])

# %% Correct: those reviewed, and as many more as the review supports
mentornet(
  "correct --source_dir=tiles --corrections=corrections.csv "
  "--ranking=runs/mentored/suspect_labels --auto=0.85 --output=corrected.csv "
  "--overwrite"
)

# %% Convert the new table, train anew, export
mentornet(
  "convert-images --csv=corrected.csv --source_dir=tiles --image_size=32 "
  "--dataset_name=tiles --output_dir=corrected"
)
mentornet(
  f"{TRAIN}--data_dir=corrected --eval_data_dir=corrected "
  f"{MENTOR}--loss_p_percentile=0.85 --train_log_dir=runs/corrected"
)
mentornet("export --train_log_dir=runs/corrected --output_dir=classifier")

# %% What it was worth
print()
train_rows = [r for r in read_table("corrected.csv") if r["split"] == "train"]
before = [r | {"label": r["label_before"] or r["label"]} for r in train_rows]
print(
  f"noisy labels: {noise_rate(before):.3f} before, "
  f"{noise_rate(train_rows):.3f} after; {len(suspect[::4])} pictures were "
  "looked at"
)
for name in ("plain", "mentored", "corrected"):
  *_, last = read_table(f"runs/{name}/metrics.csv")
  print(f"{name}: test accuracy {float(last['test_accuracy']):.3f}")
