"""tables.py HOOP DIR: hoop beside scikit-learn on small tables, as pandas writes them.

Four classic sets (they come with scikit-learn), ten stratified splits each. Both parts of a split are written by DataFrame.to_csv
with its default options, imported and trained by the command as a user would, and evaluated; scikit-learn's MLPClassifier behind
a StandardScaler trains on the same rows. Prints a table; exit code 1 if hoop's mean accuracy is more than a point lower.
"""
import json
import os
import subprocess
import sys
import warnings

from sklearn import datasets
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SPLITS = 10
RECIPE = os.path.dirname(os.path.abspath(__file__)) + "/../../launch/recipes/table-mlp.yaml"


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit("%s: exit code %d: %s" % (" ".join(words), done.returncode, done.stderr))
    return done.stdout


def by_hoop(hoop, folder, train, test, seed):
    os.makedirs(folder)
    train.to_csv(folder + "/train.csv")
    test.to_csv(folder + "/test.csv")
    run(hoop, "data", "import-csv", folder + "/train.csv", "--out", folder + "/set")
    run(hoop, "data", "import-csv", folder + "/test.csv", "--like", folder + "/set/train", "--out", folder + "/unseen")
    keys = ("seed=%d" % seed, "data.train=%s/set/train" % folder, "data.validation=null", "threads=1")
    run(hoop, "train", RECIPE, *("--set=" + key for key in keys), "--out", folder + "/run")
    return json.loads(run(hoop, "eval", folder + "/run", "--data", folder + "/unseen/train", "--json"))["accuracy"]


def by_sklearn(train, test, seed):
    model = make_pipeline(StandardScaler(), MLPClassifier(max_iter=1000, random_state=seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of steps that ended before it converged
        model.fit(train.drop(columns="target"), train["target"])
    return model.score(test.drop(columns="target"), test["target"])


def main():
    hoop, folder = sys.argv[1:]
    worse = 0
    print("%-14s %5s %5s %8s %12s %11s" % ("set", "rows", "split", "hoop", "scikit-learn", "difference"))
    for name in ("iris", "wine", "digits", "breast_cancer"):
        frame = getattr(datasets, "load_" + name)(as_frame=True).frame
        splits = StratifiedShuffleSplit(n_splits=SPLITS, test_size=0.2, random_state=1)
        ours, theirs = [], []
        for k, (train, test) in enumerate(splits.split(frame, frame["target"])):
            train, test = frame.iloc[train], frame.iloc[test]
            ours.append(by_hoop(hoop, "%s/%s-%d" % (folder, name, k), train, test, k + 1))
            theirs.append(by_sklearn(train, test, k + 1))
        ours, theirs = 100 * sum(ours) / SPLITS, 100 * sum(theirs) / SPLITS
        print("%-14s %5d %5d %7.2f%% %11.2f%% %+10.2f" % (name, len(frame), SPLITS, ours, theirs, ours - theirs), flush=True)
        worse += ours < theirs - 1
    return worse > 0


sys.exit(main())
