"""The networks that weigh examples: MentorNet and two simpler forms.

MentorNet is figure 2 of the paper in the form that the original code gave it
(golden `mentor_forward`); the logistic and the multilayer form are what the
paper compares it with (table 1 of its supplement).
"""

from typing import Any

import keras
from keras import ops

from mentornet_tf.curricula.memory_mentor import MemoryMentor
from mentornet_tf.curricula.mentor_base import NUM_FEATURES, Mentor
from mentornet_tf.internal.typing import Tensor

_register = keras.saving.register_keras_serializable(package="mentornet_tf")


@_register
class MentorNet(Mentor):
  """Maps the features of an example to the logit of its weight.

  Loss and loss difference go through one step of a bidirectional LSTM whose
  cell states, together with an embedding of the label and one of the epoch
  percentage, feed a hidden tanh layer and a single output (paper, figure 2;
  golden `mentor_forward`).

  Input shape:
    [B, 4] float32: loss in nats, loss difference, label, epoch percentage. The
    last two are truncated to integers; epochs beyond the table take its end.

  Output shape:
    [B, 1] float32 logits; the weight is their sigmoid.

  Args:
    num_labels: rows of the label embedding.
    label_width: columns of the label embedding.
    num_epochs: rows of the epoch embedding.
    epoch_width: columns of the epoch embedding.
    lstm_units: units of the LSTM in each direction.
    hidden_nodes: width of the tanh layer.
    epoch_embedding_trainable: the original keeps that table as it was drawn.
    seed: seed of the initial weights, which have the original's distributions.
    **kwargs: passed on to `keras.Model`.
  """

  def __init__(
    self,
    *,
    num_labels: int = 2,
    label_width: int = 2,
    num_epochs: int = 100,
    epoch_width: int = 5,
    lstm_units: int = 1,
    hidden_nodes: int = 20,
    epoch_embedding_trainable: bool = False,
    seed: int = 0,
    **kwargs: Any,
  ):
    super().__init__(seed=seed, **kwargs)
    self.num_labels = num_labels
    self.label_width = label_width
    self.num_epochs = num_epochs
    self.epoch_width = epoch_width
    self.lstm_units = lstm_units
    self.hidden_nodes = hidden_nodes
    self.epoch_embedding_trainable = epoch_embedding_trainable
    shapes = self.weight_shapes()

    def weight(
      name: str,
      initializer: str | keras.initializers.Initializer,
      trainable: bool = True,
    ) -> keras.Variable:
      return self._weight(name, shapes[name], initializer, trainable)

    # In the original's order, which decides how a gradient norm is summed.
    self.label_embedding = weight("label_embedding", self._glorot(0))
    self.forward_kernel = weight("forward_kernel", self._glorot(1))
    self.forward_bias = weight("forward_bias", "zeros")
    self.backward_kernel = weight("backward_kernel", self._glorot(2))
    self.backward_bias = weight("backward_bias", "zeros")
    self.hidden_kernel = weight("hidden_kernel", self._normal(3))
    self.hidden_bias = weight("hidden_bias", self._normal(4))
    self.output_kernel = weight("output_kernel", self._normal(5))
    self.output_offset = weight("output_offset", self._normal(6))
    self.epoch_embedding = weight(
      "epoch_embedding", self._glorot(7), epoch_embedding_trainable
    )

  def weight_shapes(self) -> dict[str, tuple[int, ...]]:
    """The shape of every weight by its attribute name."""
    units, hidden = self.lstm_units, self.hidden_nodes
    # Rows: loss, loss difference, previous output; columns: gates i, j, f, o.
    kernel, bias = (2 + units, 4 * units), (4 * units,)
    return {
      "label_embedding": (self.num_labels, self.label_width),
      "epoch_embedding": (self.num_epochs, self.epoch_width),
      "forward_kernel": kernel,
      "forward_bias": bias,
      "backward_kernel": kernel,
      "backward_bias": bias,
      "hidden_kernel": (
        self.label_width + self.epoch_width + 2 * units,
        hidden,
      ),
      "hidden_bias": (hidden,),
      "output_kernel": (hidden, 1),
      "output_offset": (1,),
    }

  def logits(self, features: Tensor) -> Tensor:
    losses = features[:, :2]
    label = ops.cast(features[:, 2], "int32")
    epoch = ops.cast(features[:, 3], "int32")
    epoch = ops.minimum(epoch, self.num_epochs - 1)
    joined = ops.concatenate(
      [
        ops.take(self.label_embedding, label, axis=0),
        ops.take(self.epoch_embedding, epoch, axis=0),
        self._cell_state(losses, self.forward_kernel, self.forward_bias),
        self._cell_state(losses, self.backward_kernel, self.backward_bias),
      ],
      axis=1,
    )
    hidden = ops.tanh(ops.matmul(joined, self.hidden_kernel) + self.hidden_bias)
    return _offset_output(hidden, self.output_kernel, self.output_offset)

  def _cell_state(self, losses: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """The LSTM's cell state [B, units] after its only step, c = σ(i)·tanh(j).

    The step starts from zeros, so that neither the forget gate nor the rows for
    the previous output act; the original reads the cell state, so that the
    output gate does not act either.
    """
    units = self.lstm_units
    kernel = ops.convert_to_tensor(kernel)[:2, : 2 * units]
    bias = ops.convert_to_tensor(bias)[: 2 * units]
    gates = ops.matmul(losses, kernel) + bias
    return ops.sigmoid(gates[:, :units]) * ops.tanh(gates[:, units:])

  def get_config(self) -> dict[str, Any]:
    return {
      **super().get_config(),
      "num_labels": self.num_labels,
      "label_width": self.label_width,
      "num_epochs": self.num_epochs,
      "epoch_width": self.epoch_width,
      "lstm_units": self.lstm_units,
      "hidden_nodes": self.hidden_nodes,
      "epoch_embedding_trainable": self.epoch_embedding_trainable,
    }


@_register
class LogisticMentor(Mentor):
  """One linear layer on the four features (paper, supplement).

  Input shape:
    [B, 4] float32, as for `MentorNet`.

  Output shape:
    [B, 1] float32 logits.

  Args:
    seed: seed of the standard normal initial weights.
    **kwargs: passed on to `keras.Model`.
  """

  def __init__(self, *, seed: int = 0, **kwargs: Any):
    super().__init__(seed=seed, **kwargs)
    self.kernel = self._weight("kernel", (NUM_FEATURES, 1), self._normal(0))
    self.bias = self._weight("bias", (1,), self._normal(1))

  def logits(self, features: Tensor) -> Tensor:
    return ops.matmul(features, self.kernel) + self.bias


@_register
class MLPMentor(Mentor):
  """One hidden tanh layer on the four features (paper, supplement).

  Input shape:
    [B, 4] float32, as for `MentorNet`.

  Output shape:
    [B, 1] float32 logits.

  Args:
    hidden_nodes: width of the hidden layer.
    seed: seed of the standard normal initial weights.
    **kwargs: passed on to `keras.Model`.
  """

  def __init__(self, *, hidden_nodes: int = 10, seed: int = 0, **kwargs: Any):
    super().__init__(seed=seed, **kwargs)
    self.hidden_nodes = hidden_nodes
    self.hidden_kernel = self._weight(
      "hidden_kernel", (NUM_FEATURES, hidden_nodes), self._normal(0)
    )
    self.hidden_bias = self._weight(
      "hidden_bias", (hidden_nodes,), self._normal(1)
    )
    self.output_kernel = self._weight(
      "output_kernel", (hidden_nodes, 1), self._normal(2)
    )
    self.output_offset = self._weight("output_offset", (1,), self._normal(3))

  def logits(self, features: Tensor) -> Tensor:
    hidden = ops.tanh(
      ops.matmul(features, self.hidden_kernel) + self.hidden_bias
    )
    return _offset_output(hidden, self.output_kernel, self.output_offset)

  def get_config(self) -> dict[str, Any]:
    return {**super().get_config(), "hidden_nodes": self.hidden_nodes}


def _offset_output(hidden: Tensor, kernel: Tensor, offset: Tensor) -> Tensor:
  """[B, 1] output whose offset shifts every weight, not the sum.

  So the original does it, and trained mentors depend on it (golden
  `mentor_forward`).
  """
  return ops.matmul(hidden, kernel + offset)


MENTORS = (MentorNet, LogisticMentor, MLPMentor, MemoryMentor)
