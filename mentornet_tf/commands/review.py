"""Writes a page to review suspect labels on.

  mentornet review runs/pd --data_dir=records/cifar10_sym40

RUN is a training folder whose labels `mentornet rank` has ranked, the folder of
a ranking, or its suspect_labels.csv. The page is one HTML file that needs no
server: it shows the labels, most suspect first, takes decisions by mouse or
keyboard, keeps them in the browser and gives them as corrections.csv.

With --every=10 it shows every tenth label of the ranking: a sample from which
mentornet correct --auto learns how far down the others can be trusted.

Its images come from the records that were ranked (--data_dir) or from the files
that the ranking names (--image_dir); without either, those of its contact sheet
are shown. Each takes about 10 kB of the page, 3 kB
where it is as small as CIFAR's, so that 400 make it about 4 MB; 100,000 labels
add 1 to 2 MB. The size is printed.
"""

from absl import flags

from mentornet_tf.commands import command_line
from mentornet_tf.errors import UserError
from mentornet_tf.internal.tensorflow_startup import start_tensorflow

flags.DEFINE_string(
  "data_dir", None, "Folder of the ranked TFRecords, to show their images."
)
flags.DEFINE_string(
  "image_dir",
  None,
  "Folder below which the paths in the ranking lie, to show those images.",
)
flags.DEFINE_integer(
  "num_images",
  400,
  "Show the images of this many of the most suspect labels; the others are "
  "listed by path and id.",
  lower_bound=0,
)
flags.DEFINE_integer(
  "every",
  1,
  "Show the first label of the ranking and every N-th after it, such as 10: "
  "checked, they tell mentornet correct --auto how far down to trust it.",
  lower_bound=1,
)
flags.DEFINE_string(
  "output",
  None,
  "HTML file to write; by default review.html by the ranking, or "
  "review_every_N.html under --every.",
)
flags.DEFINE_string("title", None, "Title of the page.")

ARGUMENTS = "RUN"
PARAMETER_FLAGS = {"num_contents": "num_images"}


def main(rankings: list[str]) -> None:
  """Writes the page."""
  flag = flags.FLAGS
  if len(rankings) > 1:
    raise UserError(
      f"expected one {ARGUMENTS}, got {len(rankings)}; write a page for each"
    )
  start_tensorflow()

  from mentornet_tf.analysis.review.reviewing import review_page

  review_page(
    rankings[0],
    flag.output,
    data_dir=flag.data_dir,
    image_dir=flag.image_dir,
    num_contents=flag.num_images,
    every=flag.every,
    title=flag.title,
    print_line=lambda line: print(
      command_line.with_flags(line, PARAMETER_FLAGS)
    ),
  )
