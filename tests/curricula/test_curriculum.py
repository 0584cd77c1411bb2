from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

import mentornet_tf as mn
from mentornet_tf.curricula import target_weights
from mentornet_tf.curricula.training_percent import training_percent
from mentornet_tf.errors import UserError
from mentornet_tf.training.step_metrics import data_utilization


def recorded_sequence(golden, k):
  settings = golden.json(f"mentor_sequence_{k}")
  curriculum = mn.MentorCurriculum(
    mn.load_mentor(golden.folder / settings["mentor_checkpoint"]),
    loss_p_percentile=settings["loss_p_percentile"],
    burn_in_epoch=settings["burn_in_epoch"],
    fixed_epoch_after_burn_in=settings["fixed_epoch_after_burn_in"],
    loss_moving_average_decay=settings["loss_moving_average_decay"],
    example_dropout_rates=settings["example_dropout_rates"],
  )
  return curriculum, golden.npz(f"mentor_sequence_{k}")


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_stateful_sequence_equals_golden(golden, figure, k):
  curriculum, recorded = recorded_sequence(golden, k)
  # In a graph, which takes less time.
  weigh = tf.function(lambda *given: vars(curriculum.weigh(*given)))
  used = 0
  for t, losses in enumerate(recorded["losses"]):
    step = tf.constant(recorded["step"][t])
    epoch = training_percent(step, int(recorded["max_step"]))
    assert int(epoch) == recorded["epoch"][t]
    last = SimpleNamespace(**weigh(losses, epoch))
    weight = last.weight.numpy()

    assert int(last.epoch) == recorded["cur_epoch"][t]
    assert float(last.dropout_rate) == recorded["dropout_rate"][t]
    assert float(last.percentile_loss) == recorded["percentile_loss"][t]
    for got, name in (
      (curriculum.loss_moving_average, "loss_moving_avg"),
      (last.loss_moving_average, "loss_moving_avg"),
      (last.loss_difference, "lossdiff"),
      (last.curriculum_weight, "v_sigmoid"),
      (last.weight_before_dropout, "v_bound"),
    ):
      error = np.abs(got.numpy() - recorded[name][t]).max()
      assert error <= 1e-5, name
      figure(f"sequences, {name}", error, 1e-5)

    # Our own draw differs from the original's; how many it keeps does not.
    before = last.weight_before_dropout.numpy()
    kept = weight != 0
    assert kept.sum() <= recorded["selected_count"][t]
    assert kept.sum() >= recorded["selected_count"][t] - (before == 0).sum()
    np.testing.assert_array_equal(weight[kept], before[kept])

    used += np.count_nonzero(recorded["v_dropout"][t] > 1e-3)
    np.testing.assert_allclose(
      data_utilization(used, 128, step), recorded["data_util"][t], atol=1e-6
    )


def test_no_gradient_flows_through_the_weights(golden):
  mentor = mn.load_mentor(golden.folder / "mentor_random")
  curriculum = mn.MentorCurriculum(mentor)
  loss = tf.Variable(np.linspace(0, 5, 16, dtype=np.float32))
  with tf.GradientTape() as tape:
    weight = curriculum(loss, 30)
    objective = tf.reduce_mean(loss * weight)
  gradient = tape.gradient(objective, loss)
  np.testing.assert_array_equal(gradient.numpy(), weight.numpy() / 16)


def test_formula_follows_the_moving_average():
  curriculum = mn.FormulaCurriculum("self_paced", loss_p_percentile=0.5)
  losses = np.asarray([0.0, 1.0, 2.0, 3.0, 4.0], np.float32)
  # The average starts at 0: after one batch with median 2 it stands at 1.
  np.testing.assert_array_equal(curriculum(losses, 0), [1, 1, 0, 0, 0])
  np.testing.assert_array_equal(curriculum(losses, 0), [1, 1, 0, 0, 0])
  assert float(curriculum.loss_moving_average) == 1.5


def test_threshold_takes_losses_below_the_percentile_of_the_batch():
  curriculum = mn.ThresholdCurriculum(loss_p_percentile=0.5)
  losses = np.asarray([0.0, 1.0, 2.0, 3.0, 4.0], np.float32)
  np.testing.assert_array_equal(curriculum(losses, 0), [1, 1, 0, 0, 0])


def test_uniform_weighs_all_examples_alike_and_keeps_the_statistics():
  curriculum = mn.UniformCurriculum(loss_p_percentile=1.0)
  losses = np.asarray([1.0, 8.0], np.float32)
  weighed = curriculum.weigh(losses, 0)
  np.testing.assert_array_equal(weighed.weight, [1, 1])
  assert float(weighed.percentile_loss) == 8.0


def test_burn_in_ends_one_epoch_early():
  curriculum = mn.FormulaCurriculum(
    "hard_example_mining", burn_in_epoch=18, loss_p_percentile=1.0
  )
  easy = np.asarray([0.0, 5.0], np.float32)
  assert curriculum(easy, 16).numpy()[0] == 1
  assert curriculum(easy, 17).numpy()[0] == 0


def test_epochs_beyond_99_count_as_99():
  weighed = mn.UniformCurriculum().weigh(np.ones(4, np.float32), 1000)
  assert int(weighed.epoch) == 99


@pytest.mark.parametrize(
  "make",
  [
    lambda: mn.MentorCurriculum(mn.load_mentor("self_paced"), seed=4),
    lambda: mn.FormulaCurriculum("focal_loss", gamma=3.0, name="focal"),
    lambda: mn.ThresholdCurriculum(example_dropout_rates="0.25,100"),
    lambda: mn.UniformCurriculum(),
  ],
)
def test_serialisation_keeps_settings_and_weights(make):
  curriculum = make()
  copy = keras.saving.deserialize_keras_object(
    keras.saving.serialize_keras_object(curriculum)
  )
  copy.set_weights(curriculum.get_weights())
  losses = np.linspace(0, 4, 32, dtype=np.float32)
  np.testing.assert_array_equal(curriculum(losses, 20), copy(losses, 20))
  assert copy.get_config() == curriculum.get_config()


def test_weights_stay_float32_under_mixed_precision():
  keras.config.set_dtype_policy("mixed_bfloat16")
  try:
    curriculum = mn.MentorCurriculum(mn.load_mentor("mentornet_pd"))
    assert curriculum(np.ones(8, np.float32), 3).dtype == "float32"
  finally:
    keras.config.set_dtype_policy("float32")


def test_batches_of_unknown_size_are_weighed():
  curriculum = mn.ThresholdCurriculum(example_dropout_rates="0.5,100")
  weigh = tf.function(
    lambda loss: curriculum(loss, 0),
    input_signature=[tf.TensorSpec([None], tf.float32)],
  )
  assert weigh(np.arange(1, 11, dtype=np.float32)).shape == (10,)


@pytest.mark.parametrize(
  ("settings", "message"),
  [
    (
      {"loss_p_percentile": 1.5},
      "loss_p_percentile: .* in 0..1 or .auto., got 1.5",
    ),
    (
      {"burn_in_epoch": -1},
      "burn_in_epoch: .* in 0..100, got -1",
    ),
    ({"loss_moving_average_decay": 2}, "loss_moving_average_decay"),
    ({"example_dropout_rates": "0.5,99"}, "got the sum 99"),
    ({"example_dropout_rates": [0.5, 99]}, "got the sum 99"),
    ({"example_dropout_rates": 0.5}, "example_dropout_rates: .*got 0.5"),
    ({"loss_p_percentile": ".6"}, "a number in 0..1 or .auto., got '.6'"),
  ],
)
def test_bad_settings_are_refused(settings, message):
  with pytest.raises(mn.UserError, match=message):
    mn.UniformCurriculum(**settings)


def test_unknown_formula_is_refused():
  with pytest.raises(mn.UserError, match="self_paced"):
    mn.FormulaCurriculum("self_pased")


def test_last_never_hands_out_the_tensors_of_a_compiled_step():
  curriculum = mn.ThresholdCurriculum()
  with pytest.raises(AttributeError, match="expected a call outside"):
    _ = curriculum.last
  weighed = curriculum.weigh(np.arange(5.0), 3)
  assert curriculum.last is weighed
  tf.function(curriculum)(tf.range(5.0), tf.constant(3))
  with pytest.raises(AttributeError, match="outside of compiled steps"):
    _ = curriculum.last


def test_examples_that_do_not_count_have_no_weight_and_no_percentile():
  losses = np.float32([0.5, 9.0, 1.0, 7.0, 2.0, 8.0])
  mask = np.array([True, False, True, False, True, False])
  for rate in ("0,100", "0.5,100"):
    masked, alone = (
      mn.FormulaCurriculum(
        "spcl_linear", loss_p_percentile=0.5, example_dropout_rates=rate
      )
      for _ in range(2)
    )
    got = masked.weigh(losses, 30, mask=mask)
    expected = alone.weigh(losses[mask], 30)
    assert float(got.percentile_loss) == float(expected.percentile_loss) == 1
    assert float(masked.loss_moving_average) == 0.5
    np.testing.assert_array_equal(
      got.weight_before_dropout.numpy()[mask], expected.weight_before_dropout
    )
    assert (got.weight.numpy()[~mask] == 0).all()
    mean = got.weight.numpy()[mask].mean()
    assert float(got.mean_weight) == pytest.approx(mean)
  none = masked.weigh(losses, 30, mask=np.zeros(6, bool))
  assert float(none.percentile_loss) == 0.5  # the moving average stays
  assert float(masked.loss_moving_average) == 0.5
  assert float(none.mean_weight) == 0


@pytest.fixture
def register():
  names = []

  def register_formula(function):
    names.append(f"formula_{len(names)}")
    target_weights.register_target_weights(names[-1], function)
    return names[-1]

  yield register_formula
  for name in names:
    del target_weights._REGISTERED[name]


@pytest.mark.parametrize(
  ("function", "message"),
  [
    (lambda features: features[:, :1], "shape [3], got shape [3, 1]"),
    (lambda features: features, "shape [3], got shape [3, 4]"),
    (lambda features: features[0, 0], "shape [3], got shape []"),
    (lambda features: features[1:, 0], "shape [3], got shape [2]"),
    (lambda features: 0.5, "shape [3], got shape []"),
    (lambda features: None, "got no tensor"),
  ],
)
def test_a_formula_of_another_shape_is_refused(register, function, message):
  name = register(function)
  with pytest.raises(UserError) as caught:
    mn.FormulaCurriculum(name)
  assert f"formula {name!r}: expected one weight per example" in str(
    caught.value
  )
  assert message in str(caught.value)
  assert "\n" not in str(caught.value)


def test_a_shape_that_depends_on_the_batch_is_refused(register):
  curriculum = mn.FormulaCurriculum(
    register(lambda features: features[:3, 0]), example_dropout_rates="0,100"
  )
  with pytest.raises(UserError, match=r"shape \[5\], got shape \[3\]"):
    curriculum(np.ones(5, np.float32), 0)


@pytest.mark.parametrize("dtype", ["bool", "int32", "float64", "bfloat16"])
def test_a_formula_of_another_dtype_is_cast(register, dtype):
  curriculum = mn.FormulaCurriculum(
    register(lambda features: keras.ops.cast(features[:, 0] < 2, dtype)),
    example_dropout_rates="0,100",
  )
  losses = np.float32([0.5, 3, 1])
  for call in (curriculum, tf.function(curriculum)):
    weights = call(losses, 40)
    assert weights.dtype == tf.float32
    np.testing.assert_array_equal(weights, [1, 0, 1])


def test_clones_have_the_settings_and_a_random_state_of_their_own():
  class Power(mn.Curriculum):
    def __init__(self, power=2.0, **options):
      super().__init__(**options)
      self.power = power

    def example_weights(self, loss, loss_difference, percentile_loss, *_):
      return keras.ops.exp(-self.power * loss)

  class Closed(Power):
    def __init__(self, power):
      super().__init__(power=power, example_dropout_rates="0.5,100")

  losses = np.linspace(0, 1, 32, dtype=np.float32)
  for make in (
    lambda: Power(3.0, example_dropout_rates="0.5,100", seed=2),
    lambda: Closed(3.0),
    lambda: mn.MentorCurriculum(mn.load_mentor("mentornet_pd"), seed=2),
  ):
    curriculum = make()
    curriculum(losses, 10)
    clone = curriculum.clone()
    assert type(clone) is type(curriculum) and clone.seed == curriculum.seed + 1
    assert float(clone.loss_moving_average) == 0
    assert clone.example_dropout_rates == curriculum.example_dropout_rates
    other, own = clone.weigh(losses, 10), make().weigh(losses, 10)
    np.testing.assert_array_equal(
      other.weight_before_dropout, own.weight_before_dropout
    )
    assert (other.weight.numpy() != own.weight.numpy()).any()


def test_a_clone_needs_the_arguments_as_attributes():
  class Hidden(mn.ThresholdCurriculum):
    def __init__(self, power):
      super().__init__()
      self._power = power

  with pytest.raises(UserError, match=r"Hidden: expected each .*'power'"):
    Hidden(2).clone()
