"""Recognise forty people in pictures of their faces, beside an MLP and gradient boosting of scikit-learn."""

from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from annex_actors import Adam, Learner, load, parse_layers

faces = load("faces")
learner = Learner(
    parse_layers("avg_pool2d:3 layer_norm:3 flatten dense:128 relu dropout:0.3 dense:40"),
    optimizer=Adam(learning_rate=0.002),
)
result = learner.train(faces, epochs=30, batch_size=32)
print(f"{result.stages} actors, {len(faces.train)} pictures of {len(faces.classes or ())} people to train on")

pixels, others = (part.inputs.reshape(len(part), -1) for part in (faces.train, faces.test))
rivals = {
    "MLPClassifier": make_pipeline(StandardScaler(), MLPClassifier(random_state=0)),
    "gradient boosting": make_pipeline(PCA(40, random_state=0), HistGradientBoostingClassifier(max_iter=50)),
}
print(f"{'annex-actors':<18}accuracy {result.test_accuracy:.3f}")
for name, model in rivals.items():
    model.fit(pixels, faces.train.targets)
    print(f"{name:<18}accuracy {model.score(others, faces.test.targets):.3f}")
