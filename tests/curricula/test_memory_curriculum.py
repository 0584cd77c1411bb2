"""The curriculum of a mentor that sees the memory, against NumPy in float64."""

import keras
import numpy as np
import pytest
from memory_references import memory_mentor, nearest_rank, weights_by_hand

import mentornet_tf as mn
from mentornet_tf.curricula.memory_features import RememberedBatch
from mentornet_tf.curricula.registry import build_mentor_curriculum
from mentornet_tf.errors import UserError


def curriculum(**options):
  options = {"example_dropout_rates": "0,100"} | options
  return mn.MemoryCurriculum(memory_mentor(), **options)


def batch(rng, size=12):
  loss = rng.exponential(1.0, size)
  given, other = rng.dirichlet(np.ones(3), size).T[:2]
  remembered = RememberedBatch(
    rng.exponential(1.0, size), given, other, rng.uniform(size=size)
  )
  return loss.astype(np.float32), RememberedBatch(*remembered)


def test_a_sequence_of_batches_is_that_of_numpy():
  weighs = curriculum(loss_p_percentile=0.6, loss_moving_average_decay=0.7)
  rng = np.random.default_rng(0)
  average = mean_average = 0.0
  for epoch in (0, 10, 55, 99):
    loss, remembered = batch(rng)
    mask = rng.uniform(size=len(loss)) < 0.8
    mean_loss, given, other, agreement = remembered
    average = 0.7 * average + 0.3 * nearest_rank(loss[mask], 0.6)
    mean_average = 0.7 * mean_average + 0.3 * nearest_rank(mean_loss[mask], 0.6)
    columns = [
      loss,
      loss - average,
      mean_loss,
      mean_loss - mean_average,
      np.log(given + 0.001),
      np.log(other + 0.001),
      agreement,
      np.full_like(given, epoch),
    ]
    expected = weights_by_hand(weighs.mentor, np.stack(columns, 1)) * mask
    weighed = weighs.weigh(loss, epoch, mask=mask, remembered=remembered)
    np.testing.assert_allclose(weighed.weight, expected, rtol=2e-5)
    np.testing.assert_allclose(
      float(weighs.mean_loss_moving_average), mean_average, rtol=1e-6
    )
    np.testing.assert_allclose(weighed.remembered.mean_loss, mean_loss, 1e-6)


def test_both_averages_stay_where_nothing_counts():
  weighs = curriculum()
  loss, remembered = batch(np.random.default_rng(1))
  weighs(loss, 0, remembered=remembered)
  averages = (weighs.loss_moving_average, weighs.mean_loss_moving_average)
  before = [float(each) for each in averages]
  weights = weighs(loss, 0, mask=np.zeros(12, bool), remembered=remembered)
  assert not np.any(weights)
  assert [float(each) for each in averages] == before
  assert min(before) > 0


def test_examples_that_overflow_enter_no_average():
  # At a first visit they leave zeros.
  loss, remembered = batch(np.random.default_rng(1))
  zeros = [each.astype(np.float32) for each in remembered]
  for column in zeros:
    column[:5] = 0
  loss[:5] = np.inf
  weighs = curriculum(loss_p_percentile=0.5)
  weighs(loss, 0, remembered=RememberedBatch(*zeros))
  expected = 0.5 * nearest_rank(zeros[0][5:], 0.5)
  average = float(weighs.mean_loss_moving_average)
  np.testing.assert_allclose(average, expected, rtol=1e-6)
  assert float(weighs.loss_moving_average) > 0
  # Where most overflow, so does the percentile, and both averages stay.
  before = float(weighs.loss_moving_average)
  loss[:8] = np.inf
  weighs(loss, 0, remembered=RememberedBatch(*zeros))
  assert float(weighs.loss_moving_average) == before
  assert float(weighs.mean_loss_moving_average) == average


def test_what_is_remembered_of_other_examples_is_refused():
  loss, remembered = batch(np.random.default_rng(1))
  weighs = curriculum()
  for call in (weighs, weighs.weigh):
    with pytest.raises(
      UserError, match=r"^remembered: expected a RememberedBatch, got tuple;"
    ):
      call(loss, 3, remembered=tuple(remembered))
    short = remembered._replace(agreement=remembered.agreement[:5])
    with pytest.raises(
      UserError, match=r"^remembered: expected agreement .* \[12\], got \[5\];"
    ):
      call(loss, 3, remembered=short)
    with pytest.raises(UserError, match=r"expected mean_loss .*, got \[\];"):
      call(loss, 3, remembered=remembered._replace(mean_loss=1.0))


def test_burn_in_and_dropout_act_as_on_every_curriculum():
  weighs = curriculum(burn_in_epoch=20, example_dropout_rates="0.5,100")
  loss, remembered = batch(np.random.default_rng(2))
  weighed = weighs.weigh(loss, 5, remembered=remembered)
  np.testing.assert_array_equal(weighed.weight_before_dropout, np.ones(12))
  assert np.sum(weighed.weight) == 6


def test_a_copy_and_a_clone_weigh_alike(tmp_path):
  weighs = curriculum(loss_p_percentile="auto", seed=4)
  copy = keras.saving.deserialize_keras_object(
    keras.saving.serialize_keras_object(weighs)
  )
  clone = weighs.clone()
  loss, remembered = batch(np.random.default_rng(3))
  expected = weighs(loss, 30, remembered=remembered)
  for each in (copy, clone):
    assert type(each) is mn.MemoryCurriculum
    weights = each(loss, 30, remembered=remembered)
    np.testing.assert_array_equal(weights, expected)
  assert clone.mentor is weighs.mentor


def test_the_mentor_tells_its_curriculum():
  network = memory_mentor()
  built = build_mentor_curriculum(network, loss_p_percentile=0.5)
  assert type(built) is mn.MemoryCurriculum and built.mentor is network
  assert built.loss_p_percentile == 0.5
  plain = build_mentor_curriculum(mn.load_mentor("mentornet_pd"))
  assert type(plain) is mn.MentorCurriculum


def test_a_mentor_of_other_features_is_refused():
  with pytest.raises(
    UserError, match=r"^mentor: expected one of 4 .*under MemoryCurriculum$"
  ):
    mn.MentorCurriculum(memory_mentor())
  with pytest.raises(
    UserError, match=r"^mentor: expected one of 8 .*under MentorCurriculum$"
  ):
    mn.MemoryCurriculum(mn.load_mentor("mentornet_pd"))


def test_losses_alone_are_refused():
  loss, _ = batch(np.random.default_rng(4))
  weighs = curriculum()
  for call in (weighs.weigh, weighs.weights_without_update):
    with pytest.raises(UserError, match=r"^remembered: expected what training"):
      call(loss, 3)


def test_other_curricula_do_not_look_at_what_is_remembered():
  loss, remembered = batch(np.random.default_rng(5))
  with_memory = mn.FormulaCurriculum("self_paced")
  without = mn.FormulaCurriculum("self_paced")
  np.testing.assert_array_equal(
    with_memory(loss, 3, remembered=remembered), without(loss, 3)
  )
