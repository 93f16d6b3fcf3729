"""Learn exclusive or, with the smallest network that needs a hidden layer; each layer is an actor."""

from annex_actors import Adam, Learner, activation, dense, load, sequence

dataset = load("xor")
network = sequence(dense(8), activation("tanh"), dense(2))
learner = Learner(network, optimizer=Adam(learning_rate=0.05), microbatches=1, seed=1)
result = learner.train(dataset, epochs=300, batch_size=4)

print(f"cost {result.train_cost:.4f} after {result.checkpoint.step} steps")
for inputs, probabilities in zip(dataset.test.inputs, learner.predict(dataset.test.inputs), strict=True):
    print(f"{inputs.astype(int)} -> {probabilities.argmax()}  (sure to {probabilities.max():.3f})")
