"""The layers of this package's students, for loading saved models."""

from mentornet_tf.students.local_response_normalization import (
  LocalResponseNormalization,
)
from mentornet_tf.students.pooled_convolution import PooledConvolution
from mentornet_tf.students.resnet import ChannelPadding
from mentornet_tf.students.zero_debiased_batch_normalization import (
  ZeroDebiasedBatchNormalization,
)

STUDENT_LAYERS = (
  ChannelPadding,
  LocalResponseNormalization,
  PooledConvolution,
  ZeroDebiasedBatchNormalization,
)
