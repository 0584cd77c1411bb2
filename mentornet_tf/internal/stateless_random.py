"""TensorFlow's stateless random numbers, in NumPy.

Bit for bit what `tf.random.stateless_uniform`, `stateless_fold_in` and
`RandomIndexShuffle` return on a CPU or GPU, for arrays of seeds at a time, so
that batches are the same where TensorFlow is not installed. Seeds are pairs of
integers [..., 2] int64, as TensorFlow's are.

Sources: Salmon et al., SC 2011 (Philox4x32-10); Beaulieu et al., ePrint
2013/404 (Simon, here with words of 8 to 32 bits), made a permutation of any
size by cycle walking (Black and Rogaway, CT-RSA 2002).
"""

from typing import Any

import numpy as np

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
# Philox: multipliers of a round, and what a round adds to the key.
_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_KEY_STEPS = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
# With this key TensorFlow turns a seed into the key and counter of a stream.
_SEED_KEY = np.uint64(0x3EC8F720), np.uint64(0x02461E29)
# Simon: the bits that enter its round keys, and the constant beside them.
_SIMON_BITS = 0x7369F885192C0EF5
_SIMON_CONSTANT = 0xFFFFFFFC


def fold_in(seed: np.ndarray, data: np.ndarray) -> np.ndarray:
  """Seeds [..., 2] int64 of the streams `data` [...] that `seed` [2] opens."""
  data = np.asarray(data, np.int64)
  first = _words(np.asarray(seed, np.int64), 1)[..., 0, :2]
  folded = np.broadcast_to(_joined(first).view(np.int64), data.shape)
  return np.stack([folded, data], axis=-1)


def uniform_integers(seed: np.ndarray, count: int, bound: int) -> np.ndarray:
  """Integers [..., count] int64, 0 to bound - 1, of seeds [..., 2]."""
  words = _words(seed, -(-count // 2))
  pairs = words.reshape(*words.shape[:-2], -1, 2)[..., :count, :]
  return (_joined(pairs) % np.uint64(bound)).astype(np.int64)


def uniform_floats(seed: np.ndarray, count: int) -> np.ndarray:
  """Numbers [..., count] float32 in [0, 1), of seeds [..., 2]."""
  words = _words(seed, -(-count // 4))
  words = words.reshape(*words.shape[:-2], -1)[..., :count]
  return (words & np.uint64(2**23 - 1)).astype(np.float32) * np.float32(2**-23)


def has_short_words(size: int) -> bool:
  """Whether `RandomIndexShuffle` never gives size - 1.

  That is where size is 4^k + 1 with k of at least 8: its words are one bit too
  short. The first `size` of size + 1 numbers are permuted instead, and where
  that gives `size` itself, it is replaced by what follows it.
  """
  last = size - 1
  is_power = last & (last - 1) == 0
  return last >= 4**8 and is_power and last.bit_length() % 2 == 1


def permutation(
  key: tuple[int, int, int], size: int, rounds: int
) -> np.ndarray:
  """The order [size] int64 that `RandomIndexShuffle` gives 0 to size - 1.

  Sizes that it does not permute, as `has_short_words` says, are permuted too.

  Args:
    key: the three words of its seed.
    size: how many numbers are permuted, at least 1.
    rounds: of the cipher, even and at least 4.
  """
  if size == 1:
    return np.zeros(1, np.int64)
  if has_short_words(size):
    longer = permutation(key, size + 1, rounds)
    return np.where(longer[:-1] == size, longer[-1], longer[:-1])
  word_bits = max(-(-(size - 2).bit_length() // 2), 8)
  keys = _simon_keys(key, word_bits, rounds)
  if size < 2 ** (2 * word_bits - 2):  # walks are long: from a table
    all_values = np.arange(2 ** (2 * word_bits), dtype=np.uint64)
    table = _simon(all_values, keys, word_bits).tolist()
    return np.array([_walked(table, first, size) for first in range(size)])
  order = _simon(np.arange(size, dtype=np.uint64), keys, word_bits)
  while (outside := np.flatnonzero(order >= size)).size:
    order[outside] = _simon(order[outside], keys, word_bits)
  return order.astype(np.int64)


def _words(seed: np.ndarray, num_blocks: int) -> np.ndarray:
  """The first blocks [..., num_blocks, 4] of 32-bit words of each seed."""
  seed = np.asarray(seed, np.int64).view(np.uint64)
  halves = np.stack([seed & _LOW, seed >> _HALF], axis=-1)
  # Seeds become keys by one call, so that equal bits in them do not matter.
  mixed = _philox(
    [halves[..., i, j] for i in (0, 1) for j in (0, 1)], _SEED_KEY
  )
  key0, key1, counter2, counter3 = (word[..., np.newaxis] for word in mixed)
  block = np.arange(num_blocks, dtype=np.uint64)
  counter = [block, np.zeros_like(block), counter2, counter3]
  shape = np.broadcast_shapes(block.shape, counter2.shape)
  counter = [np.broadcast_to(word, shape) for word in counter]
  return np.stack(_philox(counter, (key0, key1)), axis=-1)


def _philox(
  counter: list[np.ndarray], key: tuple[Any, Any]
) -> list[np.ndarray]:
  """Philox4x32-10 of four words, held in 64 bits each."""
  c0, c1, c2, c3 = counter
  k0, k1 = key
  for _ in range(10):
    first, second = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
    c0, c1, c2, c3 = (
      (second >> _HALF) ^ c1 ^ k0,
      second & _LOW,
      (first >> _HALF) ^ c3 ^ k1,
      first & _LOW,
    )
    k0, k1 = (k0 + _KEY_STEPS[0]) & _LOW, (k1 + _KEY_STEPS[1]) & _LOW
  return [c0, c1, c2, c3]


def _joined(pairs: np.ndarray) -> np.ndarray:
  """Words [..., 2], the lower one first, as 64-bit numbers [...]."""
  return pairs[..., 0] | (pairs[..., 1] << _HALF)


def _walked(table: list[int], value: int, size: int) -> int:
  """The first value below `size` that follows in a permutation."""
  while (value := table[value]) >= size:
    pass
  return value


def _simon_keys(
  key: tuple[int, int, int], word_bits: int, rounds: int
) -> list[np.uint64]:
  """One word for each round."""
  mask = (1 << word_bits) - 1

  def rotated(word: int, by: int) -> int:
    return (word >> by | word << (word_bits - by)) & mask

  words = [word & mask for word in key]
  bits = _SIMON_BITS & mask
  for _ in range(rounds - len(words)):
    last = words[-1]
    word = _SIMON_CONSTANT ^ (bits & 1) ^ rotated(last, 3) ^ rotated(last, 4)
    words.append((word ^ words[-3]) & mask)
    bits >>= 1
  return [np.uint64(word) for word in words]


def _simon(
  values: np.ndarray, keys: list[np.uint64], word_bits: int
) -> np.ndarray:
  """Encrypts `values` [M] uint64 of two words each."""
  mask = np.uint64((1 << word_bits) - 1)

  def rotated(word: np.ndarray, by: int) -> np.ndarray:
    return (word << np.uint64(by) | word >> np.uint64(word_bits - by)) & mask

  left, right = values >> np.uint64(word_bits) & mask, values & mask
  for key in keys:
    mixed = (rotated(right, 1) & rotated(right, 8)) ^ rotated(right, 2)
    left, right = right, left ^ mixed ^ key
  return left << np.uint64(word_bits) | right
