"""Models of `fit` as users build, change, copy and save them."""

import copy

import keras
import numpy as np
import pytest

import mentornet_tf as mn

_LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def data(count=48):
  rng = np.random.default_rng(0)
  return rng.normal(size=(count, 4, 4, 1)).astype(np.float32), (
    np.arange(count) % 3
  )


def layers():
  return [
    keras.layers.Flatten(),
    keras.layers.Dense(8, "relu"),
    keras.layers.Dense(3),
  ]


def unbuilt():
  return keras.Sequential(layers())


def slow(*values):
  return pytest.param(*values, marks=pytest.mark.slow)


def built_student():
  return keras.Sequential([keras.Input((4, 4, 1)), *layers()])


@keras.saving.register_keras_serializable(package="tests")
class Subclassed(keras.Model):
  def __init__(self, **kwargs):
    super().__init__(**kwargs)
    self.parts = layers()

  def call(self, x, training=None):
    for part in self.parts:
      x = part(x)
    return x


def mentored(student=None, curriculum=None, total_steps=40, **options):
  keras.utils.set_random_seed(5)
  model = mn.MentoredModel(
    student if student is not None else built_student(),
    curriculum or mn.MentorCurriculum(mn.load_mentor("mentornet_pd")),
    total_steps,
    **options,
  )
  return compiled(model)


def compiled(model, rate=0.1):
  model.compile(keras.optimizers.SGD(rate), _LOSS, metrics=["accuracy"])
  return model


def fit(model, **options):
  x, y = data()
  return model.fit(x, y, batch_size=16, verbose=0, **options).history


def test_the_default_reports_are_quiet():
  history = fit(mentored(), validation_data=data(16))
  own = {"loss", "accuracy", "mean_weight", "loss_percentile"}
  assert set(history) == own | {"val_loss", "val_accuracy"}
  tested = mentored().test_on_batch(*data(), return_dict=True)
  assert set(tested) == {"loss", "accuracy"}


def test_reports_are_means_over_the_batches_of_an_epoch():
  curriculum = mn.FormulaCurriculum(
    "spcl_linear", example_dropout_rates="0,100"
  )
  model = mentored(curriculum=curriculum, original_metrics=True)
  seen = []
  weigh = curriculum.weigh
  curriculum.weigh = lambda *args: seen.append(weigh(*args)) or seen[-1]
  model.run_eagerly = True
  history = fit(model)
  weights = [w.weight.numpy().mean() for w in seen]
  assert 0 < min(weights) < max(weights) <= 1
  assert history["mean_weight"][0] == pytest.approx(np.mean(weights))
  assert history["loss_percentile"][0] == pytest.approx(
    np.mean([float(w.percentile_loss) for w in seen])
  )
  assert history["data_util/batch_sum_v"][0] == seen[-1].weight.numpy().sum()
  assert history["debug/percentile_loss"][0] == float(seen[-1].percentile_loss)


def test_progress_survives_compile_freezing_and_other_optimizers():
  student = built_student()
  model = mentored(student, total_steps=12, original_metrics=True)
  student.layers[1].trainable = False
  compiled(model)
  frozen = student.layers[1].get_weights()
  first = fit(model, epochs=2)
  for a, b in zip(frozen, student.layers[1].get_weights(), strict=True):
    np.testing.assert_array_equal(a, b)
  average = float(model.curriculum.loss_moving_average)
  student.layers[1].trainable = True
  compiled(model, rate=0.01)
  assert int(model.step) == 6
  assert float(model.curriculum.loss_moving_average) == average
  second = fit(model, epochs=2)
  assert first["debug/epoch_step"] == [16, 41]
  assert second["debug/epoch_step"] == [66, 91]
  assert (frozen[0] != student.layers[1].get_weights()[0]).any()
  assert second["data_util/data_util"][-1] > 0


def test_copies_carry_the_mentor_and_start_anew():
  model = mentored()
  fit(model)
  copies = {
    "clone_model": keras.models.clone_model(model),
    "from_config": mn.MentoredModel.from_config(model.get_config()),
    "curriculum": mentored(
      curriculum=mn.MentorCurriculum.from_config(model.curriculum.get_config())
    ),
    "deepcopy": copy.deepcopy(model),
  }
  for name, other in copies.items():
    assert other.curriculum.mentor is not model.curriculum.mentor, name
    for a, b in zip(
      model.curriculum.mentor.get_weights(),
      other.curriculum.mentor.get_weights(),
      strict=True,
    ):
      np.testing.assert_array_equal(a, b, err_msg=name)
  for name in ("clone_model", "from_config", "curriculum"):
    assert int(copies[name].step) == 0
    assert float(copies[name].curriculum.loss_moving_average) == 0
    again = compiled(copies[name])
    again.run_eagerly = True
    report = again.train_on_batch(*data(16), return_dict=True)
    assert report["mean_weight"] > 0.3  # a random mentor has next to none


def test_a_configuration_without_mentor_weights_warns():
  config = mn.MentorCurriculum(mn.load_mentor("mentornet_pd")).get_config()
  del config["mentor_weights"]
  with pytest.warns(UserWarning, match="the mentor is random until weights"):
    mn.MentorCurriculum.from_config(config)
  config["mentor_weights"] = ["AAAA"]
  with pytest.raises(mn.UserError, match="mentor_weights: expected"):
    mn.MentorCurriculum.from_config(config)


def test_the_summary_counts_the_mentor_and_trains_the_student():
  model = mentored()
  lines = []
  model.summary(print_fn=lambda line, **_: lines.append(line))
  text = "\n".join(lines)
  sizes = {
    part: sum(int(np.prod(w.shape)) for w in part.weights)
    for part in (model.student, model.curriculum.mentor)
  }
  student, mentor = sizes.values()
  assert f"Trainable params: {student} " in text
  assert mentor > 500
  # The average, and the counts of steps and used examples.
  assert f"Non-trainable params: {mentor + 3} " in text


@pytest.mark.parametrize(
  ("make", "mixes"),
  [
    (unbuilt, False),
    (Subclassed, True),
    slow(unbuilt, True),
    slow(Subclassed, False),
  ],
)
def test_students_without_inputs_are_saved_and_loaded(tmp_path, make, mixes):
  mixing = {"mixing": mn.MentorMix()} if mixes else {}
  x, _ = data()
  model = mentored(make(), **mixing)
  fit(
    model,
    epochs=2,
    callbacks=[
      keras.callbacks.ModelCheckpoint(
        tmp_path / "{epoch}.weights.h5", save_weights_only=True
      ),
      keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras"),
      keras.callbacks.EarlyStopping("loss", restore_best_weights=True),
    ],
  )
  loaded = keras.models.load_model(tmp_path / "2.keras")
  assert type(loaded) is type(model)
  assert int(loaded.step) == int(loaded.optimizer.iterations) == 6
  restored = mentored(make(), **mixing)
  fit(restored)
  restored.load_weights(tmp_path / "2.weights.h5")
  model.load_weights(tmp_path / "2.weights.h5")
  predictions = model.predict_on_batch(x)
  for other in (loaded, restored):
    got = other.predict_on_batch(x)
    np.testing.assert_allclose(got, predictions, rtol=1e-6)
  assert int(restored.step) == 6


def dict_student():
  image, extra = keras.Input((4, 4, 1)), keras.Input((2,))
  features = keras.layers.Concatenate()([keras.layers.Flatten()(image), extra])
  return keras.Model(
    {"image": image, "extra": extra}, keras.layers.Dense(3)(features)
  )


@pytest.mark.parametrize(
  ("mixes", "nested"),
  [(False, False), (True, True), slow(False, True), slow(True, False)],
)
def test_structures_of_inputs(mixes, nested):
  images, labels = data()
  extra = np.ones((len(labels), 2), np.float32)
  x = {"image": images, "extra": extra}
  student = dict_student()
  if nested:
    x = (images, {"extra": extra})
    inputs = (keras.Input((4, 4, 1)), {"extra": keras.Input((2,))})
    outputs = student({"image": inputs[0], "extra": inputs[1]["extra"]})
    student = keras.Model(inputs, outputs)
  mixing = {"mixing": mn.MentorMix()} if mixes else {}
  model = mentored(student, mn.ThresholdCurriculum(), **mixing)
  first = model.test_on_batch(x, labels)[0]
  model.fit(x, labels, batch_size=16, epochs=8, verbose=0)
  assert model.test_on_batch(x, labels)[0] < first
  assert int(model.step) == 24


def test_integers_train_but_are_not_mixed():
  tokens = np.random.default_rng(0).integers(0, 9, (48, 5))
  labels = tokens[:, 0] % 3

  def text_student():
    embedding = keras.layers.Embedding(9, 4)
    return keras.Sequential([embedding, *layers()])

  model = mentored(text_student())
  model.fit(tokens, labels, verbose=0)
  assert int(model.step) == 2
  for x in (tokens, {"tokens": tokens}):
    mixing = mentored(text_student(), mixing=mn.MentorMix())
    with pytest.raises(mn.UserError, match="x: expected inputs of floats"):
      mixing.fit(x["tokens"] if isinstance(x, dict) else x, labels, verbose=0)


def test_ignored_classes_are_not_mixed():
  model = mn.MentoredModel(
    built_student(), mn.ThresholdCurriculum(), 4, mixing=mn.MentorMix()
  )
  loss = keras.losses.SparseCategoricalCrossentropy(
    from_logits=True, ignore_class=0
  )
  model.compile("sgd", loss)
  with pytest.raises(mn.UserError, match="expected a label for every example"):
    model.fit(*data(), verbose=0)


def test_the_last_smaller_batch_is_a_step_like_others():
  x, y = data(40)
  model = mentored(curriculum=mn.ThresholdCurriculum())
  model.fit(x, y, batch_size=16, verbose=0, shuffle=False)
  assert int(model.step) == 3
  losses = []
  replay = mentored(curriculum=mn.ThresholdCurriculum())
  for start in (0, 16, 32):
    part = slice(start, start + 16)
    replay.train_on_batch(x[part], y[part])
    losses.append(float(replay.curriculum.loss_moving_average))
  average = float(model.curriculum.loss_moving_average)
  assert losses[-1] == pytest.approx(average)


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (("resnet", mn.UniformCurriculum(), 4), "student: expected a Keras model"),
    ((built_student(), "mentornet_pd", 4), "expected a Curriculum"),
    ((built_student(), mn.UniformCurriculum(), 0), "total_steps: expected an"),
  ],
)
def test_arguments_of_another_kind_are_refused(arguments, message):
  with pytest.raises(mn.UserError, match=message):
    mn.MentoredModel(*arguments)


def test_a_subclass_does_not_ignore_mixing():
  class Own(mn.MentoredModel):
    pass

  message = "derive the class from MentorMixModel"
  with pytest.raises(mn.UserError, match=message):
    Own(built_student(), mn.UniformCurriculum(), 4, mixing=mn.MentorMix())


def test_former_names_still_work():
  with pytest.warns(DeprecationWarning, match="use weigh_by_average"):
    model = mn.MentoredModel(
      built_student(), mn.ThresholdCurriculum(), 4, judge_by_average=True
    )
  assert model.weigh_by_average
  config = model.get_config()
  config["judge_by_average"] = config.pop("weigh_by_average")
  assert mn.MentoredModel.from_config(config).weigh_by_average


def test_files_that_do_not_hold_the_step_are_loaded_with_a_warning():
  model = mentored()
  fit(model)
  store = {"0": np.int64(7)}  # the used examples alone
  with pytest.warns(UserWarning, match="did not save the progress"):
    model.load_own_variables(store)
  assert int(model.used_examples) == 7


def test_step_and_total_steps_can_be_set():
  model = mentored(total_steps=12, original_metrics=True)
  fit(model)
  model.step = 9
  assert fit(model)["debug/epoch_step"] == [91]
  with pytest.warns(UserWarning, match="training of 12 steps is over"):
    fit(model)
  model.total_steps = 60  # the compiled step follows
  assert fit(model)["debug/epoch_step"] == [28]
  assert int(model.step) == 18
  for name, value in (("step", -1), ("step", "3"), ("total_steps", 0)):
    with pytest.raises(mn.UserError, match=f"{name}: expected an integer"):
      setattr(model, name, value)


def test_a_curriculum_of_another_model_is_noticed():
  model = mentored(curriculum=mn.ThresholdCurriculum())
  fit(model)
  with pytest.warns(UserWarning, match="weighed another model's losses"):
    mentored(curriculum=model.curriculum)
