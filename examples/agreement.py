"""Read sentences of any length, with attention and a mask for padding: is their subject one thing or several?"""

import numpy as np

from annex_actors import Dataset, Learner, parse_layers

ONE, MANY = ["key", "cabinet", "dog", "author"], ["keys", "cabinets", "dogs", "authors"]
WORDS = ["", "the", "old", "new", "near", "of", *ONE, *MANY]  # the first fills up short sentences
LONGEST = 15


def phrase(numbers: np.random.Generator, nouns: list[str]) -> list[str]:
    """Return an article, perhaps an adjective, and a noun."""
    adjective = [["old"], ["new"], []][numbers.integers(3)]
    return ["the", *adjective, nouns[numbers.integers(len(nouns))]]


def sentence(numbers: np.random.Generator) -> tuple[str, str]:
    """Return a subject with up to three nouns that distract from it, such as ``the keys of the dog``, and its verb."""
    nouns, verb = [(ONE, "is"), (MANY, "are")][numbers.integers(2)]
    words = phrase(numbers, nouns)
    for _ in range(numbers.integers(4)):
        words += [["near", "of"][numbers.integers(2)], *phrase(numbers, [ONE, MANY][numbers.integers(2)])]
    return " ".join(words), verb


def indices(text: str) -> list[int]:
    """Return the words' indices, filled up to the same length."""
    words = text.split()
    return [WORDS.index(word) for word in words] + [0] * (LONGEST - len(words))


numbers = np.random.default_rng(0)
texts, verbs = zip(*(sentence(numbers) for _ in range(1500)), strict=True)
dataset = Dataset.from_arrays(list(map(indices, texts)), verbs, name="agreement", source="made by a small grammar")
network = parse_layers(
    f"mask embedding:{len(WORDS)}:16 positions residual( self_attention:2 ) residual( dense:32 relu dense:16 ) "
    "masked_avg_pool dense:2"
)
learner = Learner(network)
result = learner.train(dataset, epochs=10, batch_size=32)
print(f"{result.stages} actors, test accuracy {result.test_accuracy:.3f}")
classes = dataset.classes or ()
for text in ("the keys of the old cabinet", "the dog near the authors of the new keys"):
    print(f"{text} {classes[learner.predict([indices(text)]).argmax()]} ...")
