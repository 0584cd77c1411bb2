"""Names of the classes, and which classes are commonly confused."""

import numpy as np

DIGITS = tuple(str(digit) for digit in range(10))

CIFAR10 = (
  "airplane",
  "automobile",
  "bird",
  "cat",
  "deer",
  "dog",
  "frog",
  "horse",
  "ship",
  "truck",
)

# CIFAR-100's 20 superclasses of five fine classes each (Krizhevsky 2009).
CIFAR100_SUPERCLASSES = {
  "aquatic_mammals": "beaver dolphin otter seal whale",
  "fish": "aquarium_fish flatfish ray shark trout",
  "flowers": "orchid poppy rose sunflower tulip",
  "food_containers": "bottle bowl can cup plate",
  "fruit_and_vegetables": "apple mushroom orange pear sweet_pepper",
  "household_electrical_devices": "clock keyboard lamp telephone television",
  "household_furniture": "bed chair couch table wardrobe",
  "insects": "bee beetle butterfly caterpillar cockroach",
  "large_carnivores": "bear leopard lion tiger wolf",
  "large_man-made_outdoor_things": "bridge castle house road skyscraper",
  "large_natural_outdoor_scenes": "cloud forest mountain plain sea",
  "large_omnivores_and_herbivores": (
    "camel cattle chimpanzee elephant kangaroo"
  ),
  "medium_mammals": "fox porcupine possum raccoon skunk",
  "non-insect_invertebrates": "crab lobster snail spider worm",
  "people": "baby boy girl man woman",
  "reptiles": "crocodile dinosaur lizard snake turtle",
  "small_mammals": "hamster mouse rabbit shrew squirrel",
  "trees": "maple_tree oak_tree palm_tree pine_tree willow_tree",
  "vehicles_1": "bicycle bus motorcycle pickup_truck train",
  "vehicles_2": "lawn_mower rocket streetcar tank tractor",
}

# Fine labels count the names in alphabetical order.
CIFAR100 = tuple(
  sorted(
    name for names in CIFAR100_SUPERCLASSES.values() for name in names.split()
  )
)

CLASS_NAMES = {"cifar10": CIFAR10, "cifar100": CIFAR100, "digits": DIGITS}

# The customary asymmetric noise (arXiv 1609.03683): clean class -> noisy class.
_CONFUSED = {
  "cifar10": {
    "truck": "automobile",
    "bird": "airplane",
    "deer": "horse",
    "cat": "dog",
    "dog": "cat",
  },
  "digits": {"2": "7", "3": "8", "5": "6", "6": "5", "7": "1"},
}


def confused_classes(dataset_name: str) -> np.ndarray:
  """The class [K] int64 that each class is mistaken for; itself where none is.

  Args:
    dataset_name: "cifar10", "digits" (the customary map of MNIST), or
      "cifar100" (the next fine class of the same superclass, the last one
      being followed by the first).

  Raises:
    KeyError: no such map.
  """
  if dataset_name == "cifar100":
    pairs: dict[str, str] = {}
    for members in CIFAR100_SUPERCLASSES.values():
      fine = sorted(members.split())
      pairs.update(zip(fine, fine[1:] + fine[:1], strict=True))
  else:
    pairs = _CONFUSED[dataset_name]
  names = CLASS_NAMES[dataset_name]
  return np.array([names.index(pairs.get(name, name)) for name in names])
