"""A classifier of scikit-learn: random forests or extremely randomised trees on the digits that it ships."""

from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split


def train(config, seed, report):
    images, labels = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(images, labels, test_size=0.4, random_state=0)
    kind = {"forest": RandomForestClassifier, "extra": ExtraTreesClassifier}[config.trainer.args["kind"]]
    model = kind(n_estimators=config.trainer.args["trees"], random_state=seed).fit(train_x, train_y)
    wrong = (model.predict(test_x) != test_y).nonzero()[0]
    auc = roc_auc_score(test_y, model.predict_proba(test_x), multi_class="ovr")
    return {"wrong": wrong, "images": len(test_y), "auc": auc}
