"""Settings of short runs on the records of `large_images`."""

from large_images import STUDENT

from mentornet_tf.settings import TrainingSettings
from mentornet_tf.training import train

SETTINGS = TrainingSettings.of(
  dataset_name="webvision_mini",
  studentnet=STUDENT,
  curriculum="mentornet",
  trained_mentornet_dir="mentornet_pd",
  batch_size=10,
  max_number_of_steps=30,
  log_interval_steps=5,
  learning_rate=0.02,
  example_dropout_rates="0.0,100",
  image_size=48,
)
OPTIONS = train.RunOptions(
  save_interval_steps=10, eval_interval_steps=15, steps_per_call=4
)
