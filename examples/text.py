#!/usr/bin/env python3
"""Texts whose labels are noisy: rank them, correct them, train again.

examples/text.py    # half a minute on two cores
"""

# %% Texts at hand
# What Python's standard library says of its own functions and classes, by what
# they are for. Nothing is downloaded.
import ast
import os
import sysconfig
from pathlib import Path

import keras
import numpy as np
from sklearn.model_selection import train_test_split

import mentornet_tf as mn

EPOCHS, BATCH_SIZE = int(os.environ.get("EPOCHS", "20")), 64
keras.utils.set_random_seed(0)

TOPICS = {
  "code": "ast codeop dis importlib inspect pkgutil symtable tokenize",
  "concurrency": "asyncio concurrent multiprocessing queue sched threading",
  "files": "_pyio fileinput gzip pathlib shutil tarfile tempfile zipfile",
  "mail": "email imaplib mailbox poplib smtplib",
  "numbers": "_pydecimal fractions numbers random statistics",
  "testing": "bdb cProfile doctest pdb trace traceback unittest",
  "web": "ftplib html http ipaddress socketserver urllib wsgiref xmlrpc",
}
CLASSES = tuple(TOPICS)


def documentation(module):
  """Every docstring in a module or package of the standard library."""
  library = Path(sysconfig.get_path("stdlib"))
  for file in [library / f"{module}.py", *(library / module).rglob("*.py")]:
    if file.exists() and not {"test", "tests"} & {*file.parts}:
      for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
          yield ast.get_docstring(node) or ""


texts, topics = [], []
for number, modules in enumerate(TOPICS.values()):
  found = {text for name in modules.split() for text in documentation(name)}
  found = sorted(text for text in found if len(text.split()) > 4)
  texts += found
  topics += [number] * len(found)
texts, test_texts, clean_labels, test_labels = train_test_split(
  texts, np.array(topics), test_size=0.25, stratify=topics, random_state=0
)
print(f"{len(texts)} texts to train on, {len(test_texts)} to test")

# %% 40 % of the training texts get a random topic; the test texts stay clean
labels = mn.corrupt_labels(clean_labels, len(CLASSES), rate=0.4, seed=0)
words = keras.layers.TextVectorization(5000, output_sequence_length=80)
words.adapt(texts)
x, test_x = words(texts).numpy(), words(test_texts).numpy()


# %% A classifier like any other, and how good it gets
def build_classifier():
  """The average of the word vectors, and a layer on top."""
  return keras.Sequential(
    [
      keras.Input((80,), dtype="int32"),
      keras.layers.Embedding(5000, 32, mask_zero=True),
      keras.layers.GlobalAveragePooling1D(),
      keras.layers.Dropout(0.5),
      keras.layers.Dense(len(CLASSES)),
    ]
  )


def train(model, x, y):
  """Accuracy on the clean test labels."""
  model.compile(
    keras.optimizers.Adam(5e-3),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
  )
  model.fit(x, y, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)
  return model.evaluate(test_x, test_labels, verbose=0, return_dict=True)[
    "accuracy"
  ]


before = train(build_classifier(), x, labels)
print(f"noisy labels, plain Keras: test accuracy {before:.3f}")

# %% The same under a mentor, which remembers how each text went
memory = mn.TrainingMemory(num_examples=len(x), num_classes=len(CLASSES))
mentored = mn.MentoredModel(
  build_classifier(),
  mn.MentorCurriculum(
    mn.load_mentor("mentornet_pd"),
    loss_p_percentile=0.6,
    example_dropout_rates="0.0,100",
  ),
  total_steps=EPOCHS * int(np.ceil(len(x) / BATCH_SIZE)),
  memory=memory,
)
accuracy = train(mentored, mn.with_index(x), labels)
print(f"noisy labels, under a mentor: test accuracy {accuracy:.3f}")

# %% Rank the labels, most suspect first
suspects = mn.rank_labels(mentored, class_names=CLASSES)
print(suspects.summary())
for i in suspects.order[:3]:
  print(
    f"{CLASSES[labels[i]]} → {CLASSES[suspects.predicted_labels[i]]}: "
    f"{' '.join(texts[i].split())[:60]}"
  )
issues = mn.find_label_issues(suspects)  # [N] bool
is_noisy = labels != clean_labels
print(
  f"{issues.sum()} labels are suspect; of these {is_noisy[issues].mean():.3f} "
  f"are noisy, which is {issues[is_noisy].mean():.3f} of all noisy ones"
)
# A page in which to decide on each by mouse or keyboard.
mn.review_page(suspects, "review.html", content=texts, class_names=CLASSES)

# %% Correct them, and train from scratch
# As the ranking suggests, or as decided on that page: the download of the page,
# "corrections.csv", can stand in place of `issues`.
corrected = mn.correct_labels(suspects, issues)
print(
  f"{corrected.num_relabelled} labels were changed; noisy labels: "
  f"{is_noisy.mean():.3f} before, "
  f"{(corrected.labels != clean_labels).mean():.3f} after"
)
after = train(build_classifier(), x, corrected.labels)
print(f"corrected labels, plain Keras: test accuracy {after:.3f}")
