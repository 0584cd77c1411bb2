"""The custom layers of the students, for loading saved models."""

from mentornet_tf.students.layers.batch_dropout import BatchDropout
from mentornet_tf.students.layers.local_response_normalization import (
  LocalResponseNormalization,
)
from mentornet_tf.students.layers.pooled_convolution import PooledConvolution
from mentornet_tf.students.layers.zero_debiased_batch_normalization import (
  ZeroDebiasedBatchNormalization,
)
from mentornet_tf.students.resnet import ChannelPadding

STUDENT_LAYERS = (
  BatchDropout,
  ChannelPadding,
  LocalResponseNormalization,
  PooledConvolution,
  ZeroDebiasedBatchNormalization,
)
