"""Imported by the server of `scripts`: TensorFlow on the CPU, and Keras."""

import os

from mentornet_tf.internal.tensorflow_startup import start_tensorflow

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
start_tensorflow()

import keras  # noqa: E402, F401
